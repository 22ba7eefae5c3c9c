"""One module a step of the schema. Frozen: a released step never changes."""
