from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.refusals import ContentTooLargeError, InvalidContentError, MissingContentError
from penstock.domain.trees import Tree, Value
from penstock.wire.xml import parse, write

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.\-]{0,8}", fullmatch=True)
TEXTS = st.text(
    st.characters(
        exclude_categories=["Cs"],
        exclude_characters={*map(chr, range(32)), "\ufffe", "\uffff"} - set("\t\n\r"),
    )
)
STRIPPED = TEXTS.map(lambda text: text.strip(" \t\r\n"))


def trees_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Tree]:
    """Trees that XML can tell apart: none is empty, and a list has two entries at least."""

    def grow(inner: st.SearchStrategy[str | Tree]) -> st.SearchStrategy[Tree]:
        values: st.SearchStrategy[Value] = inner | st.lists(inner, min_size=2, max_size=3)
        return st.dictionaries(NAMES, values, min_size=1, max_size=4)

    return grow(st.recursive(texts, grow, max_leaves=8))


@given(root=NAMES, tree=trees_of(STRIPPED))
def test_xml_round_trip(root: str, tree: Tree) -> None:
    """What is written is read back, in the same order."""
    name, found = parse(write(root, tree))

    assert (name, found) == (root, tree)
    assert list(found) == list(tree)


@given(tree=trees_of(TEXTS))
def test_xml_round_trip_keeps_blanks_on_demand(tree: Tree) -> None:
    """With `keep_blanks` every text comes back byte for byte."""
    assert parse(write("Delete", tree), keep_blanks=True)[1] == tree


@given(text=st.text())
def test_xml_write_takes_any_text(text: str) -> None:
    """Whatever a text holds, the document is well-formed."""
    parse(write("R", {"X": text, text: "1"}))


def test_xml_write_spells_every_kind_of_value() -> None:
    """None is left out, a list repeats, truth and numbers are words, the rest is escaped."""
    tree: Mapping[str, object] = {
        "Absent": None,
        "Empty": "",
        "Count": 3,
        "IsTruncated": False,
        "Key": ["a&b", {"C": "<>\r\x00\ud800"}],
        "None": [],
        "1 two": "x",
        "": "y",
    }

    body = write("R", tree)  # type: ignore[arg-type]  # the values are mixed on purpose

    assert body.decode() == (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        "<R><Empty></Empty><Count>3</Count><IsTruncated>false</IsTruncated><Key>a&amp;b</Key>"
        "<Key><C>&lt;&gt;&#13;\ufffd\ufffd</C></Key><_1_two>x</_1_two><_>y</_></R>"
    )


def test_xml_parse_reads_what_clients_send() -> None:
    """A byte order mark, attributes, comments, CDATA and stray text do no harm."""
    body = (
        b"\xef\xbb\xbf<?xml version='1.0'?><!-- hi --><Request version='1'>stray"
        b"<Name> a </Name><Empty/><Name><![CDATA[<b>]]></Name><Name>&#x4e2d;</Name></Request>"
    )

    assert parse(body) == ("Request", {"Name": ["a", "<b>", "中"], "Empty": ""})


def test_xml_parse_reads_a_declared_encoding() -> None:
    """A body in UTF-16 with its mark is read."""
    body = '<?xml version="1.0" encoding="utf-16"?><R><X>中</X></R>'.encode("utf-16")

    assert parse(body) == ("R", {"X": "中"})


def test_xml_parse_of_a_root_with_text_is_empty() -> None:
    """A root that holds only text has nothing in it."""
    assert parse(b"<Request>text</Request>") == ("Request", {})


@pytest.mark.parametrize("body", [b"", b" \r\n", b"\xef\xbb\xbf"])
def test_xml_parse_refuses_an_empty_body(body: bytes) -> None:
    """A body without content is a missing one."""
    with pytest.raises(MissingContentError):
        parse(body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            b"<Request>\n  <Type>Workflow</Name>\n</Request>",
            "XML body: line 2, column 19: element <Type> is closed by </Name>",
        ),
        (b"<a><b>", "XML body: line 1, column 7: no element found"),
        (b"<a>&nbsp;</a>", "XML body: line 1, column 4: undefined entity"),
        (b"<a/>b", "XML body: line 1, column 5: junk after document element"),
        (b"text", "XML body: line 1, column 1: syntax error"),
        (b"<a>\xff</a>", "XML body: line 1, column 4: not well-formed (invalid token)"),
        (
            b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
            "XML body: line 1, column 13: a DOCTYPE is not accepted",
        ),
        (b"<a><b><c><d/></c></b></a>", "XML body: line 1, column 10: elements nest deeper than 3"),
        (
            b'<?xml version="1.0" encoding="klingon"?><a/>',
            "XML body: unreadable encoding: unknown encoding: klingon",
        ),
    ],
)
def test_xml_parse_says_what_is_wrong_and_where(body: bytes, message: str) -> None:
    """A fault is named with its line and column, a wrong closing tag with both names."""
    with pytest.raises(InvalidContentError) as caught:
        parse(body, max_depth=3)

    assert str(caught.value) == message


def test_xml_parse_names_a_closing_tag_in_utf16() -> None:
    """A fault in a body of another encoding is an error like any other."""
    with pytest.raises(InvalidContentError, match="element <a> is closed by"):
        parse("<a>1</b>".encode("utf-16"))


def test_xml_parse_refuses_a_large_body() -> None:
    """A body over the limit is refused before it is read."""
    with pytest.raises(ContentTooLargeError):
        parse(b"<a>12345</a>", max_bytes=11)


@given(body=st.binary(max_size=200) | st.text("<>/ab&;!'=? ", max_size=60).map(str.encode))
def test_xml_parse_never_fails_otherwise(body: bytes) -> None:
    """Any bytes give a tree or an error of ours."""
    try:
        parse(body)
    except (InvalidContentError, MissingContentError):
        return
