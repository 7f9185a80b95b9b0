"""How a tape is laid out in memory and becomes a stream of instructions for the kernels."""
