"""Tells names of members whose encoding the archive does not tell.

A zip archive marks names in UTF-8; all others ought to be in code page 437, and are in whatever
the machine had that made them: UTF-8 on a Mac, GBK on a Windows in Chinese. All unmarked names of
an archive are read alike: as UTF-8 where all of them are, else as GBK where they look like
Chinese, else in code page 437.
"""

from collections.abc import Sequence


def decode_names(names: Sequence[bytes]) -> list[str]:
    """Names in the encoding that fits all of them."""
    others = [name for name in names if not name.isascii()]
    encoding = next((one for one in ("utf-8", "gb18030") if _fits(others, one)), "cp437")
    return [name.decode(encoding) for name in names]


def decode_unix_name(name: str) -> str:
    """A tar name whose undecodable bytes are surrogate escapes; GBK where it looks like that."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raw = name.encode("utf-8", "surrogateescape")
        return raw.decode("gb18030") if _fits([raw], "gb18030") else name
    return name


def _fits(names: Sequence[bytes], encoding: str) -> bool:
    try:
        decoded = [name.decode(encoding) for name in names]
    except UnicodeDecodeError:
        return False
    return encoding != "gb18030" or _is_chinese("".join(decoded))


def _is_chinese(text: str) -> bool:
    """Whether at least half of what is not ASCII is of the common characters of GB 2312.

    Western names in code page 437 are mostly valid GBK as well, but give rare characters.
    """
    others = [character for character in text if not character.isascii()]
    common = sum(1 for character in others if character.encode("gb2312", "ignore"))
    return 2 * common >= len(others)
