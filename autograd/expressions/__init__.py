"""An expression as a learner types it, read to a graph."""
