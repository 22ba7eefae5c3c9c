"""Requirements: whether libraries and programs are there, and what would add them."""

import sys
from pathlib import Path

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.operations.params import ParamReader
from penstock.operations.requirements import Library, Program, missing_sentence

LOST_LIBRARY = Library("no_such_library_anywhere", install="penstock[lost]")
LOST_PROGRAM = Program("no-such-program-anywhere", install="lost-things")


@pytest.mark.parametrize("module", ["json", "penstock.operations", "yaml"])
def test_library_that_is_installed_is_found(module: str) -> None:
    """A module that can be imported is there."""
    assert Library(module, install="x").is_met()


@pytest.mark.parametrize("module", ["no_such_library", "no_such.library", "json.no_such", ""])
def test_library_that_is_missing_is_not_found(module: str) -> None:
    """A module that cannot be imported is not there, and asking for it harms nothing."""
    assert not Library(module, install="x").is_met()


def test_library_is_not_imported_by_looking() -> None:
    """To look for a module does not load it."""
    assert Library("this", install="x").is_met()

    assert "this" not in sys.modules


def test_program_is_looked_for_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program is there when a shell would find it."""
    wanted = Program("tesseract-for-tests", install="x")
    program = tmp_path / wanted.name
    program.touch()
    monkeypatch.setenv("PATH", str(tmp_path))

    before = wanted.is_met()
    program.chmod(0o755)

    assert not before
    assert wanted.is_met()


def test_requirement_tells_the_command_that_adds_it() -> None:
    """The command can be pasted into a shell."""
    assert missing_sentence(LOST_LIBRARY) == (
        "needs the library no_such_library_anywhere, which is not installed: "
        "pip install 'penstock[lost]'"
    )
    assert missing_sentence(LOST_PROGRAM) == (
        "needs the program no-such-program-anywhere, which is not installed: "
        "apt-get install lost-things"
    )


def test_params_refuse_a_part_that_lacks_something() -> None:
    """A value whose part of an operation cannot work is a fault that names the command."""
    reader = ParamReader({"Config": {"Format": "7z", "Other": "zip"}}).block("Config")

    reader.require("Format", LOST_LIBRARY)
    reader.require("Other", Library("json", install="x"))

    with pytest.raises(InvalidArgumentError) as caught:
        reader.finish()
    sentence = missing_sentence(LOST_LIBRARY)
    assert list(caught.value.faults) == [f"Config.Format '7z' {sentence}"]
