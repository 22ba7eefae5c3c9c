"""Patterns in which `*` stands for any run of characters, none included."""


def matches_wildcard(pattern: str, text: str) -> bool:
    """Whether a pattern covers all of a text; takes time linear in both for each `*`."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    if not text.startswith(first):
        return False
    position = len(first)
    for piece in rest[:-1]:  # the leftmost place leaves most for the pieces behind it
        found = text.find(piece, position)
        if found < 0:
            return False
        position = found + len(piece)
    return text.endswith(rest[-1]) and len(text) - len(rest[-1]) >= position
