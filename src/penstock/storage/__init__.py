"""Object stores behind bucket names, and the sources of a selection."""
