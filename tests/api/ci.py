"""The whole program behind a real uvicorn, and the SDK pointed at it."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qcloud_cos.cos_exception import CosServiceError

from penstock.bootstrap.keys import RootKey
from penstock.bootstrap.system import System
from penstock.settings import Settings
from tests.api.sending import Answer, send
from tests.api.server import (
    ACCESS_KEY,
    ACCESS_KEY_ID,
    BUCKET,
    CI_HOST,
    OTHER,
    REGION,
    Server,
    running,
)

PIC_HOST = f"{BUCKET}.pic.{REGION}.myqcloud.com"
ACCOUNT_HOST = f"ci.{REGION}.myqcloud.com"


class CiServer(Server):
    """A running program.

    Attributes:
        system: What runs behind the port.
    """

    system: System

    def sdk(self) -> Any:  # noqa: ANN401  # the SDK has no types
        """The SDK, sending the host name of CI."""
        return self.client(domain=CI_HOST)

    def call(
        self,
        method: str,
        path: str,
        body: str | None = None,
        *,
        host: str = CI_HOST,
    ) -> Answer:
        """A call that the SDK has no word for."""
        content = body.encode() if body is not None else b"" if method != "GET" else None
        return send(self, method, path, body=content, headers={"host": host})


@contextlib.contextmanager
def serve_ci(folder: Path, *, with_engine: bool = False, **settings: Any) -> Iterator[CiServer]:  # noqa: ANN401  # any setting
    """Run the program until the block ends, with two bound buckets."""
    server = CiServer(port=0, root=folder)
    given = {"region": REGION, "workers": 1, **settings}
    server.system = System(Settings(data=folder / "data", **given))
    try:
        for name in (BUCKET, OTHER):
            (folder / name).mkdir()
            server.system.buckets.bind(name, (folder / name).as_uri())
        if with_engine:
            server.system.start_engine()
        key = RootKey(secret_id=ACCESS_KEY_ID, secret_key=ACCESS_KEY)
        with running(server.system.application(key)) as server.port:
            yield server
    finally:
        server.system.close()


@contextlib.contextmanager
def refused(code: str, status: int, *parts: str) -> Iterator[None]:
    """What is inside is refused with a code, and the message has every part."""
    with pytest.raises(CosServiceError) as caught:
        yield
    assert (caught.value.get_error_code(), caught.value.get_status_code()) == (code, status)
    missing = [part for part in parts if part not in str(caught.value.get_error_msg())]
    assert not missing, caught.value.get_error_msg()


def value(answer: Answer, name: str) -> str:
    """The text of the first element of a name in an answer; empty where there is none."""
    found = re.search(rb"<%s>([^<]*)</%s>" % (name.encode(), name.encode()), answer.body)
    return found[1].decode() if found else ""


def values(answer: Answer, name: str) -> list[str]:
    """The texts of every element of a name in an answer."""
    found = re.findall(rb"<%s>([^<]*)</%s>" % (name.encode(), name.encode()), answer.body)
    return [text.decode() for text in found]


def outcome(answer: Answer) -> tuple[int, str]:
    """Status and code of an answer that refuses."""
    return answer.status, value(answer, "Code")
