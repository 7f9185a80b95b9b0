"""The loops that are compiled. Each knows an operation and the form of its operands, and no tape."""
