"""How a model is trained: the loop, what moves the parameters, and the examples some at a time."""
