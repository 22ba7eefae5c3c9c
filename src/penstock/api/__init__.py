"""The HTTP faces: the wire API and plain object calls."""
