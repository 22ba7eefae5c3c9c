"""Reads the arguments of one verb and notes every fault under the verb's name."""

import re
from base64 import urlsafe_b64decode
from collections.abc import Collection, Container
from itertools import takewhile

from penstock.operations._image_steps import MAX_SIDE, Colour, Gravity

_DIGITS = re.compile(r"[0-9]{1,9}")
_SIGNED = re.compile(r"-?[0-9]{1,9}")
_COLOUR = re.compile(r"#?([0-9A-Fa-f]{2})([0-9A-Fa-f]{2})([0-9A-Fa-f]{2})")
_SIDES = re.compile(r"([0-9]{1,9})?x([0-9]{1,9})?", re.IGNORECASE)


class Arguments:
    """One stage's slash-separated words, and the faults of the whole rule.

    Every reader returns a harmless value for a wrong word and notes the fault.
    """

    def __init__(self, stage: str, words: list[str], faults: list[str]) -> None:
        self.stage = stage
        self._words = words
        self._next = 0
        self._faults = faults

    @property
    def is_empty(self) -> bool:
        """Whether every word has been taken."""
        return self._next >= len(self._words)

    def take(self) -> str:
        """The next word; empty at the end."""
        word = "" if self.is_empty else self._words[self._next]
        self._next += 1
        return word

    def take_if_digits(self) -> str:
        """The next word if it is a whole number; else empty, and nothing is taken."""
        if self.is_empty or not _DIGITS.fullmatch(self._words[self._next]):
            return ""
        return self.take()

    def take_if(self, words: Container[str]) -> str:
        """The next word if it is one of these; else empty, and nothing is taken."""
        if self.is_empty or self._words[self._next] not in words:
            return ""
        return self.take()

    def skip_to(self, words: Container[str]) -> None:
        """Leave out what follows up to the next of these words: arguments of an unknown verb."""
        while not self.is_empty and self._words[self._next] not in words:
            self._next += 1

    def fault(self, verb: str, expectation: str, word: str) -> None:
        """Note that a verb's argument is not what is expected of it."""
        self.complain(f"{verb} must be {expectation}, not {word[:80]!r}")

    def complain(self, sentence: str) -> None:
        """Note a fault of the stage."""
        self._faults.append(f"{self.stage}: {sentence}")

    def whole(self, verb: str, low: int, high: int) -> int:
        """A whole number within bounds, both inclusive."""
        word = self.take()
        if _SIGNED.fullmatch(word) and low <= int(word) <= high:
            return int(word)
        self.fault(verb, f"a whole number from {low} to {high}", word)
        return max(low, min(high, 0))

    def flag(self, verb: str) -> bool:
        """`0` or `1`."""
        return self.whole(verb, 0, 1) == 1

    def side(self, verb: str) -> int:
        """A side from 1; clamped to `MAX_SIDE`."""
        return min(self.whole(verb, 1, 999_999_999), MAX_SIDE)

    def sides(self, verb: str) -> tuple[int, int]:
        """`WxH`, `Wx` or `xH`; a missing side is 0, both are clamped."""
        word = self.take()
        found = _SIDES.fullmatch(word)
        width, height = (int(found[1] or 0), int(found[2] or 0)) if found else (0, 0)
        if not width and not height:
            self.fault(verb, "WxH, Wx or xH with sides of at least 1", word)
            return 1, 1
        return min(width, MAX_SIDE), min(height, MAX_SIDE)

    def choice(self, verb: str, choices: tuple[str, ...]) -> str:
        """One of the words given, compared without case; empty when it is none of them."""
        word = self.take()
        if word.lower() in choices:
            return word.lower()
        self.fault(verb, f"one of {', '.join(choices)}", word)
        return ""

    def gravity(self, verb: str = "gravity") -> Gravity:
        """A point of the 3x3 grid, compared without case."""
        return Gravity(self.choice(verb, tuple(Gravity)) or Gravity.CENTER)

    def base64(self, verb: str, names: Collection[str] = ()) -> str:
        """Text in base64 of either alphabet, padded or not, of UTF-8.

        Args:
            names: What may follow. Words that are none of them were parted from this one by
                slashes of the alphabet that has them; empty does not look for such.
        """
        word = self.take()
        parted = list(takewhile(lambda one: one not in names, self._words[self._next :]))
        whole = _text_of("/".join([word, *parted])) if names and parted else ""
        if whole and whole.replace("\n", " ").isprintable():
            self._next += len(parted)
            return whole
        decoded = _text_of(word)
        if not decoded:
            self.fault(verb, "URL-safe base64 of UTF-8 text", word)
        return decoded

    def colour(self, verb: str) -> Colour:
        """`#RRGGBB` in base64."""
        word = self.base64(verb)
        found = _COLOUR.fullmatch(word)
        if found:
            return (int(found[1], 16), int(found[2], 16), int(found[3], 16))
        if word:
            self.fault(verb, "base64 of #RRGGBB", word)
        return (0, 0, 0)


def _text_of(word: str) -> str:
    """What a word says; empty where it is not base64 of UTF-8."""
    try:
        return decode_base64(word)
    except ValueError:
        return ""


def decode_base64(word: str) -> str:
    """Text out of base64 of either alphabet, padded or not.

    Raises:
        ValueError: The word is not base64, or not of UTF-8 text.
    """
    plain = word.rstrip("=").replace("+", "-").replace("/", "_")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", plain):
        message = "not base64"
        raise ValueError(message)
    return urlsafe_b64decode(plain + "=" * (-len(plain) % 4)).decode()
