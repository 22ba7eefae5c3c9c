"""The composition root: the only package that names concrete back ends, and has a real clock."""
