"""The loops that are compiled: each knows an operation and the form of its operands, but no tape."""
