"""Keys as bytes: the order of listings is the order of these."""


def encode_bound(text: str) -> bytes:
    """The bytes by which a prefix or a bound compares with keys; never fails."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
