"""The reference of error codes names exactly the errors that exist."""

import re
from collections.abc import Iterator
from pathlib import Path

from penstock.domain import errors, refusals

PAGE = Path(__file__).parents[2] / "docs/reference/error-codes.md"
ROW = re.compile(r"^\| `(\w+)` \| (\d{3}) \| `(\w+)` \| .+ \|$", re.MULTILINE)

# Nobody sees these: two branches that only their subclasses are raised of, and control flow.
UNSEEN = {errors.RequestError, errors.ConflictError, errors.AttemptCancelledError}


def all_errors(base: type[errors.PenstockError]) -> Iterator[type[errors.PenstockError]]:
    """A class of errors and every public class below it in the two modules of errors."""
    if base.__module__ in {errors.__name__, refusals.__name__}:
        yield base
    for child in base.__subclasses__():
        yield from all_errors(child)


def test_error_codes_page_names_every_error() -> None:
    """Each error stands on the page with its code and status, and no other error does."""
    existing = {
        (error.code, str(error.status), error.__name__)
        for error in all_errors(errors.PenstockError)
        if error not in UNSEEN
    }

    documented = ROW.findall(PAGE.read_text(encoding="utf-8"))

    assert sorted(documented) == sorted(existing)
