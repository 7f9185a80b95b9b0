"""Pictures in the language of Graphviz."""
