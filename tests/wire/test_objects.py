import pytest

from penstock.domain.listings import ListingPage, ListingQuery
from penstock.domain.refusals import InvalidContentError
from penstock.domain.selection import ObjectInfo
from penstock.wire.objects import (
    decode_deletion,
    decode_parts,
    encode_buckets,
    encode_completion,
    encode_copy,
    encode_deletion,
    encode_listing,
    encode_parts,
    encode_upload,
    encode_uploads,
)
from penstock.wire.xml import parse, write

ODD_KEY = "a b/\udcff\x01中.jpg"


def test_listing_names_objects_and_prefixes() -> None:
    """Objects carry size, time and quoted tag; the marker of the next page is there."""
    query = ListingQuery(prefix="in/", delimiter="/", marker="in/a", max_keys=2)
    page = ListingPage(
        contents=(ObjectInfo("in/b.jpg", 5, 1_656_314_590_007, "abc"),),
        common_prefixes=("in/c/",),
        next_marker="in/c/",
    )

    _, tree = parse(write("ListBucketResult", encode_listing("demo", query, page)))

    assert tree == {
        "Name": "demo",
        "Prefix": "in/",
        "Marker": "in/a",
        "MaxKeys": "2",
        "Delimiter": "/",
        "IsTruncated": "true",
        "NextMarker": "in/c/",
        "Contents": {
            "Key": "in/b.jpg",
            "LastModified": "2022-06-27T07:23:10.007Z",
            "ETag": '"abc"',
            "Size": "5",
            "StorageClass": "STANDARD",
        },
        "CommonPrefixes": {"Prefix": "in/c/"},
    }


def test_listing_can_carry_any_key() -> None:
    """With URL encoding a key comes through byte for byte; unknown facts are left empty."""
    page = ListingPage(contents=(ObjectInfo(ODD_KEY),))

    tree = encode_listing("demo", ListingQuery(), page, url_encoded=True)

    assert tree["EncodingType"] == "url"
    assert tree["Contents"] == [
        {
            "Key": "a%20b/%FF%01%E4%B8%AD.jpg",
            "LastModified": "1970-01-01T00:00:00.000Z",
            "ETag": "",
            "Size": 0,
            "StorageClass": "STANDARD",
        }
    ]
    assert tree["Delimiter"] is tree["NextMarker"] is None


def test_parts_are_cut_into_pages() -> None:
    """A page begins after its marker, and says where the next one begins."""
    parts = [((1, "a"), 10), ((2, "b"), 20), ((4, "c"), 5)]

    page = encode_parts(("demo", "k", "u1"), parts, marker=1, max_parts=1)
    last = encode_parts(("demo", "k k", "u1"), parts, marker=2, max_parts=1, url_encoded=True)

    assert page["Part"] == [{"PartNumber": 2, "ETag": '"b"', "Size": 20}]
    assert (page["IsTruncated"], page["NextPartNumberMarker"]) == (True, 2)
    assert (last["IsTruncated"], last["NextPartNumberMarker"]) == (False, None)
    assert (last["Key"], last["EncodingType"]) == ("k%20k", "url")


def test_small_bodies() -> None:
    """The answers of uploads, copies and services have the vendor's elements."""
    stored = ObjectInfo("k", 5, 1_656_314_590_007, "abc")

    assert encode_upload("demo", "k", "u1") == {"Bucket": "demo", "Key": "k", "UploadId": "u1"}
    assert encode_uploads("demo", "a b")["Prefix"] == "a%20b"
    assert encode_completion("http://h/k", "demo", stored)["ETag"] == '"abc"'
    assert encode_copy("abc", stored.modified_ms) == {
        "ETag": '"abc"',
        "LastModified": "2022-06-27T07:23:10.007Z",
    }
    assert encode_buckets(["demo"], "local")["Buckets"] == {
        "Bucket": [{"Name": "demo", "Location": "local", "BucketType": "cos"}]
    }


def test_completion_names_parts() -> None:
    """Numbers and tags are read, with and without quotes around the tag."""
    body = (
        b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag>"
        b"</Part><Part><ETag>b</ETag><PartNumber>2</PartNumber></Part></CompleteMultipartUpload>"
    )

    assert decode_parts(parse(body)[1]) == [(1, "a"), (2, "b")]


@pytest.mark.parametrize(
    "body", [b"<C/>", b"<C><Part><PartNumber>one</PartNumber></Part></C>", b"<C><Part/></C>"]
)
def test_completion_without_parts_is_refused(body: bytes) -> None:
    """A body that names no part, or one without a number, is malformed."""
    with pytest.raises(InvalidContentError, match="CompleteMultipartUpload"):
        decode_parts(parse(body)[1])


def test_deletion_names_exact_keys() -> None:
    """Blanks around a key belong to it."""
    body = b"<Delete>\n <Quiet> True </Quiet>\n <Object>\n  <Key> a </Key>\n </Object></Delete>"

    assert decode_deletion(parse(body, keep_blanks=True)[1]) == ([" a "], True)


@pytest.mark.parametrize(
    "body",
    [
        b"<Delete><Quiet>false</Quiet></Delete>",
        b"<Delete><Object><Key></Key></Object></Delete>",
        b"<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
    ],
)
def test_deletion_without_keys_is_refused(body: bytes) -> None:
    """A body that names nothing to delete is malformed."""
    with pytest.raises(InvalidContentError, match="Delete"):
        decode_deletion(parse(body, keep_blanks=True)[1])


def test_deletion_answer_may_be_quiet() -> None:
    """A quiet answer names failures only."""
    failed = [("b", "AccessDenied", "no")]

    loud = encode_deletion(["a"], failed, is_quiet=False)
    quiet = encode_deletion(["a"], failed, is_quiet=True)

    assert loud["Deleted"] == [{"Key": "a"}]
    assert quiet["Deleted"] == []
    assert quiet["Error"] == [{"Key": "b", "Code": "AccessDenied", "Message": "no"}]
