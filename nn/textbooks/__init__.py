"""How five textbooks write the same network: its parameters in arrays, and what it passes back."""
