"""Bound buckets and open services on the wire (`wire.md` section 7)."""

from penstock.wire import xml
from penstock.wire.times import job_time
from penstock.wire.xml import Content


def encode_opening(
    bucket: str, opened_ms: int, region: str, *, has_alias: bool = False
) -> dict[str, Content]:
    """What an open, and each entry of a list, tells of a bucket.

    Args:
        has_alias: Whether the family's entries name an alias, which no bucket here has.
    """
    return {
        "BucketId": bucket,
        "Name": bucket,
        "Region": region,
        "CreateTime": job_time(opened_ms),
        "AliasBucketId": "" if has_alias else None,
    }


def encode_binding(bucket: str, bound_ms: int, region: str) -> dict[str, Content]:
    """One `CIBucketList` of `GET /cibuckets`."""
    name, _, app_id = bucket.rpartition("-")
    is_full = bool(name) and app_id.isdecimal()
    return {
        "BucketId": bucket,
        "BucketName": name if is_full else bucket,
        "AppId": app_id if is_full else "",
        "CreateTime": job_time(bound_ms),
        "Region": region,
        "Status": "on",
    }


def write_state(*, is_bound: bool) -> bytes:
    """The document that `GET /` answers: a root of text alone."""
    return xml.write("CIStatus", "on" if is_bound else "off")
