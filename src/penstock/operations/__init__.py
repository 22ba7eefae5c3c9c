"""What a node can do to one object: one file an operation."""
