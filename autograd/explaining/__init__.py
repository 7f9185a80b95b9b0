"""How a gradient comes about: paths, derivations, the two modes, and questions about them."""
