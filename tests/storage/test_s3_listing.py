"""Pages of S3 listings, of all kinds of servers."""

from collections.abc import Sequence
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import (
    StoreError,
)
from penstock.storage._s3_location import parse_location
from penstock.storage._s3_xml import parse_list_page
from tests.storage.objects import list_keys
from tests.storage.scripted_server import answer
from tests.storage.scripted_store import scripted


def list_page(keys: Sequence[str], *, more: str = "", encoding: str = "url") -> bytes:
    """A page of a listing."""
    entries = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2024-01-02T03:04:05.678Z</LastModified>"
        f"<ETag>&quot;tag&quot;</ETag><Size>7</Size><Owner><ID>i</ID></Owner></Contents>"
        for key in keys
    )
    encoding_type = f"<EncodingType>{encoding}</EncodingType>" if encoding else ""
    return answer(
        body=f"<?xml version='1.0'?><ListBucketResult xmlns='x'>{encoding_type}{entries}{more}"
        "</ListBucketResult>".encode()
    )


TRUNCATED = "<IsTruncated>true</IsTruncated>"


def test_listing_facts_are_read() -> None:
    """Size, time and tag come from the page."""
    with scripted([list_page(["a%2Fb+c%2Bd"])]) as (store, _, _):
        [found] = store.list_objects()

    assert found == ("a/b c+d", 7, 1_704_164_645_678, "tag")


def test_listing_goes_on_by_token() -> None:
    """A token is sent back as it came, without the bound of the first page."""
    token = f"{TRUNCATED}<NextContinuationToken>t/+&amp;=</NextContinuationToken>"

    with scripted([list_page(["b"], more=token), list_page(["c"])]) as (store, server, _):
        assert list_keys(store, start_after="a") == ["b", "c"]

    assert "start-after=a" in server.requests[0].target
    assert "continuation-token=t%2F%2B%26%3D" in server.requests[1].target
    assert "start-after" not in server.requests[1].target


def test_listing_of_an_old_server_goes_on_by_marker() -> None:
    """A server that knows only the first version of the call loses and repeats nothing."""
    answers = [
        list_page(["a", "b"], more=TRUNCATED),
        list_page(["c", "d"], more=TRUNCATED),
        list_page(["e"]),
    ]

    with scripted(answers) as (store, server, _):
        assert list_keys(store, start_after="b") == ["c", "d", "e"]

    assert ["marker=" in request.target for request in server.requests] == [False, True, True]
    assert "marker=b&" in server.requests[1].target
    assert "marker=d&" in server.requests[2].target


@pytest.mark.parametrize(
    "pages",
    [
        [list_page([], more=TRUNCATED)],
        [list_page(["a"], more=TRUNCATED), list_page(["a"], more=TRUNCATED)],
        [answer(body=b"<html>welcome</html>")],
    ],
)
def test_senseless_listing_is_an_error(pages: list[bytes]) -> None:
    """A listing that cannot be right ends in an error, not in a loop or an empty bucket."""
    with scripted(pages) as (store, _, _), pytest.raises(StoreError):
        list_keys(store)


def test_listing_that_is_not_encoded_is_read_literally() -> None:
    """Where a server ignores the wish for encoding, only XML is undone."""
    page = list_page(["a%2Fb+c&amp;d&#39;e&#x1F600;&apos;"], encoding="")

    with scripted([page]) as (store, _, _):
        assert list_keys(store) == ["a%2Fb+c&d'e\U0001f600'"]


def test_listing_with_incomplete_entries_keeps_them_apart() -> None:
    """An entry without a tag does not get its neighbour's."""
    body = (
        b"<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents><Contents>"
        b"<Size>2</Size><ETag>t</ETag><Key>b</Key></Contents></ListBucketResult>"
    )

    page = parse_list_page(body, has_literal_plus=False)

    assert page.objects == [("a", 1, -1, ""), ("b", 2, -1, "t")]


def test_plus_in_a_listing_of_cos_is_literal() -> None:
    """COS does not write blanks as '+'."""
    location = parse_location("s3://b-1?endpoint=https://cos.ap-x.myqcloud.com")

    assert location.has_literal_plus
    body = b"<ListBucketResult><Contents><Key>a+b%20c</Key></Contents><EncodingType>url"
    page = parse_list_page(body + b"</EncodingType></ListBucketResult>", has_literal_plus=True)
    assert [found.key for found in page.objects] == ["a+b c"]


@given(keys=st.lists(st.text(min_size=1, max_size=20), max_size=5))
def test_any_key_survives_a_listing(keys: list[str]) -> None:
    """Keys encoded as forms encode them come back exactly."""
    encoded = [quote(key.encode(), safe="/ ").replace(" ", "+") for key in keys]
    entries = "".join(f"<Contents>\n<Key>{key}</Key>\n</Contents>" for key in encoded)
    body = f"<ListBucketResult>{entries}<EncodingType>url</EncodingType></ListBucketResult>"

    page = parse_list_page(body.encode(), has_literal_plus=False)

    assert [found.key for found in page.objects] == keys
