"""Whether a gradient is right, and what is wrong with a graph."""
