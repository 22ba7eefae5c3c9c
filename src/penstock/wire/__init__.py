"""XML in, XML out: knows element names and nothing else."""
