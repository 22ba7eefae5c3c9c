"""The only XML parser and writer.

The parser takes what the vendor's clients send and nothing that could hurt: no DOCTYPE and so no
entities, and bounds on size and depth. Attributes, comments, processing instructions and text
between elements are ignored; an empty element is an empty text (`wire.md` 1.2).

The writer cannot fail: characters that XML 1.0 cannot carry (control characters, lone
surrogates) become U+FFFD, and characters that an element name cannot hold become `_`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NoReturn, TypeAlias
from xml.parsers import expat

from penstock.domain.refusals import ContentTooLargeError, InvalidContentError, MissingContentError
from penstock.domain.trees import Tree, Value

Content: TypeAlias = "str | int | Mapping[str, Content] | Sequence[Content] | None"

_WHAT = "XML body"
_BLANKS = " \t\r\n"
_BOM = b"\xef\xbb\xbf"
_MISMATCHED_TAG = 7
_UNCARRIED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_UNNAMED = re.compile(r"[^\w.\-]|^(?=[\d.\-])|^$", re.ASCII)
_CLOSING_NAME = re.compile(rb"[^\s<>/]*")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})


def parse(
    body: bytes, *, max_bytes: int = 1 << 20, max_depth: int = 32, keep_blanks: bool = False
) -> tuple[str, Tree]:
    """Read one XML document.

    Args:
        body: UTF-8, or what the XML declaration names; a byte order mark is skipped.
        max_bytes: Largest body accepted; 1 MiB by default.
        max_depth: Deepest nesting accepted, the root counting as 1.
        keep_blanks: Leave texts as they are; by default blanks around a text are cut off.

    Returns:
        The name of the root and what is in it, in the order of the document; a repeated element
        is a list. A root that holds only text has an empty tree.

    Raises:
        ContentTooLargeError: The body is larger than `max_bytes`.
        MissingContentError: The body is empty or blank.
        InvalidContentError: It is not well-formed, has a DOCTYPE, or nests too deeply; the
            message has the line and column, both counted from 1.
    """
    if len(body) > max_bytes:
        raise ContentTooLargeError(limit_bytes=max_bytes)
    if not body.removeprefix(_BOM).strip():
        raise MissingContentError
    return _Reader(body, max_depth=max_depth, keep_blanks=keep_blanks).read()


def write(root: str, tree: Content) -> bytes:
    """One XML document in UTF-8, with a declaration, without white space between elements.

    A list repeats its element, None leaves an element out, an empty text writes `<X></X>`.
    """
    pieces = ['<?xml version="1.0" encoding="utf-8"?>\n']
    _write_element(pieces, root, tree)
    return "".join(pieces).encode()


class _Reader:
    """One pass of expat over one body."""

    def __init__(self, body: bytes, *, max_depth: int, keep_blanks: bool) -> None:
        self._body = body
        self._max_depth = max_depth
        self._keep_blanks = keep_blanks
        self._names: list[str] = []
        self._trees: list[dict[str, Value]] = [{}]
        self._texts: list[list[str]] = [[]]
        parser = self._parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._open
        parser.EndElementHandler = self._close
        parser.CharacterDataHandler = self._add_text
        parser.StartDoctypeDeclHandler = self._refuse_doctype

    def read(self) -> tuple[str, Tree]:
        """Parse to the end and hand out the root."""
        try:
            self._parser.Parse(self._body, True)  # noqa: FBT003  # expat takes no keywords
        except expat.ExpatError as error:
            fault = self._fault_of(error)
            raise InvalidContentError(_WHAT, fault) from error
        except (LookupError, ValueError) as error:  # the declared encoding is unknown to Python
            raise InvalidContentError(_WHAT, f"unreadable encoding: {error}") from error
        (root, value), *_ = self._trees[0].items()
        return root, value if isinstance(value, dict) else {}

    def _open(self, name: str, _attributes: dict[str, str]) -> None:
        self._names.append(name)
        if len(self._names) > self._max_depth:
            self._refuse(f"elements nest deeper than {self._max_depth}")
        self._trees.append({})
        self._texts.append([])

    def _close(self, name: str) -> None:
        self._names.pop()
        tree = self._trees.pop()
        text = "".join(self._texts.pop())
        value: str | Tree = tree or (text if self._keep_blanks else text.strip(_BLANKS))
        siblings = self._trees[-1]
        earlier = siblings.get(name)
        if earlier is None:
            siblings[name] = value
        elif isinstance(earlier, list):
            earlier.append(value)
        else:
            siblings[name] = [earlier, value]

    def _add_text(self, text: str) -> None:
        self._texts[-1].append(text)

    def _refuse_doctype(self, *_: object) -> None:
        self._refuse("a DOCTYPE is not accepted")

    def _refuse(self, fault: str) -> NoReturn:
        place = _place(self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber)
        raise InvalidContentError(_WHAT, f"{place}: {fault}")

    def _fault_of(self, error: expat.ExpatError) -> str:
        place = _place(error.lineno, error.offset)
        if error.code != _MISMATCHED_TAG:
            return f"{place}: {expat.ErrorString(error.code)}"
        rest = self._body[self._parser.ErrorByteIndex :]
        found = _CLOSING_NAME.match(rest)
        closing = found[0].decode(errors="replace") if found else ""
        return f"{place}: element <{self._names[-1]}> is closed by </{closing}>"


def _place(line: int, column: int) -> str:
    return f"line {line}, column {column + 1}"


def _write_element(pieces: list[str], name: str, value: Content) -> None:
    if value is None:
        return
    if isinstance(value, Sequence) and not isinstance(value, str):
        for entry in value:
            _write_element(pieces, name, entry)
        return
    tag = _UNNAMED.sub("_", name)
    pieces.append(f"<{tag}>")
    if isinstance(value, Mapping):
        for child, inner in value.items():
            _write_element(pieces, child, inner)
    else:
        pieces.append(_escape(value))
    pieces.append(f"</{tag}>")


def _escape(value: str | int) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return _UNCARRIED.sub("\ufffd", text.translate(_ESCAPES))
