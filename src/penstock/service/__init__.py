"""Use cases: one method an action."""
