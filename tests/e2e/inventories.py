"""Inventories as COS and S3 write them."""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote

import pyarrow
import pyarrow.parquet

MANIFEST = "manifest.json"


class Row(NamedTuple):
    """One object of an inventory."""

    key: str
    modified: str = "2024-05-01T10:00:00.000Z"
    size: int = 1


def cos_inventory(
    folder: str, parts: Iterable[Iterable[Row]], *, wrong_md5: bool = False
) -> dict[str, bytes]:
    """The objects of an inventory of COS below a folder: the manifest, and gzipped CSV files.

    Args:
        wrong_md5: Whether the manifest names an MD5 that the last file does not have.
    """
    made: dict[str, bytes] = {}
    entries = []
    for number, rows in enumerate(parts):
        content = gzip.compress(_csv(rows))
        key = f"{folder}/1250000000/demo/daily/{number:032x}.csv.gz"
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        entries.append({"key": key, "size": str(len(content)), "md5Checksum": digest})
        made[key] = content
    if wrong_md5:
        entries[-1]["md5Checksum"] = "0" * 32
    manifest = {
        "sourceAppid": "1250000000",
        "sourceBucket": "demo",
        "destinationAppid": "1250000000",
        "destinationBucket": "demo",
        "fileFormat": "CSV",
        "listObjectCount": "2",
        "fileSchema": "Appid, Bucket, Key, Size, LastModifiedDate, ETag, StorageClass",
        "files": entries,
    }
    made[f"{folder}/{MANIFEST}"] = json.dumps(manifest).encode()
    return made


def s3_inventory(folder: str, rows: Iterable[Row]) -> dict[str, bytes]:
    """The objects of an inventory of S3 below a folder, in Parquet."""
    listed = list(rows)
    columns = {
        "bucket": ["demo-1250000000"] * len(listed),
        "key": [row.key for row in listed],
        "size": [row.size for row in listed],
    }
    target = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), target)
    content = target.getvalue()
    key = f"{folder}/data/part.parquet"
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    manifest = {
        "sourceBucket": "demo-1250000000",
        "destinationBucket": "arn:aws:s3:::demo-1250000000",
        "version": "2016-11-30",
        "creationTimestamp": "1714521600000",
        "fileFormat": "Parquet",
        "fileSchema": "message s3.inventory { required binary bucket (UTF8); }",
        "files": [{"key": key, "size": len(content), "MD5checksum": digest}],
    }
    return {key: content, f"{folder}/{MANIFEST}": json.dumps(manifest).encode()}


def _csv(rows: Iterable[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for row in rows:
        key = quote(row.key, safe="/")
        writer.writerow(("1250000000", "demo", key, row.size, row.modified, '"0"', "STANDARD"))
    return text.getvalue().encode()
