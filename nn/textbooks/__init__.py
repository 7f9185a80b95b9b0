"""How five textbooks write the same network: the arrays of its parameters, and the quantity that is passed back."""
