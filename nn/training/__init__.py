"""Training: the loop, the optimiser that moves the parameters, and batches of examples."""
