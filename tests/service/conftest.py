"""Fixtures of the services' tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Every service, and one bound bucket."""
    desk = Desk(tmp_path)
    desk.bind()
    yield desk
    desk.database.close()
