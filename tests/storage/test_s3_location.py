"""Where a bucket is: the URLs of S3 buckets."""

import pytest

from penstock.domain.errors import (
    InvalidArgumentError,
)
from penstock.storage._s3_location import parse_location


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("s3://bkt", "https://bkt.s3.r.amazonaws.com", "/k"),
        ("s3://b.dot", "https://s3.r.amazonaws.com", "/b.dot/k"),
        ("s3://bkt?addressing=path", "https://s3.r.amazonaws.com", "/bkt/k"),
        ("s3://bkt/base/", "https://bkt.s3.r.amazonaws.com", "/base/k"),
        ("s3://bkt/a%20%3Fb?endpoint=http://h:9000/", "http://h:9000", "/bkt/a%20%3Fb/k"),
        ("s3://bkt?endpoint=https://h&addressing=virtual", "https://bkt.h", "/k"),
        ("s3://bkt?endpoint=http://[::1]:80/base", "http://[::1]:80", "/base/bkt/k"),
    ],
)
def test_location_is_read_from_its_url(url: str, origin: str, target: str) -> None:
    """Endpoint, addressing and root decide where requests go."""
    location = parse_location(url)

    assert location.origin("r") == origin
    assert location.target("k") == target


def test_location_in_china_has_its_own_domain() -> None:
    """AWS in China is not under amazonaws.com alone."""
    location = parse_location("s3://bkt")

    assert location.origin("cn-north-1") == "https://bkt.s3.cn-north-1.amazonaws.com.cn"
    assert location.target() == "/"


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3://b_!",
        "s3://bkt?endpoint=h",
        "s3://bkt?endpoint=ftp://h",
        "s3://bkt?endpoint=http://h:port",
        "s3://bkt?endpoint=",
        "s3://bkt?colour=red",
        "s3://bkt?addressing=none",
        "s3://bkt?anonymous=maybe",
        "s3://bkt?region=a&region=b",
        "s3://bkt?region",
        "s3://bkt#x",
        "s3://[b",
    ],
)
def test_malformed_location_is_refused(url: str) -> None:
    """What cannot be meant is named before anything is contacted."""
    with pytest.raises(InvalidArgumentError):
        parse_location(url)
