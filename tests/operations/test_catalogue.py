"""The catalogue: what is offered, what is not and why, and plug-ins that cannot break it."""

from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest

from penstock.operations import file_hash, no_operation
from penstock.operations.base import Family
from penstock.operations.catalogue import GROUP, Catalogue, Offer, read_plugins
from penstock.operations.requirements import Library, Program

HASH = file_hash.OPERATION
PLUGGED = replace(HASH, tag="Plugged", block="Plugged")
BUILTIN = (HASH, no_operation.OPERATION)

# What the entry points of these tests name.
NUMBER = 7
BLOCKED = replace(PLUGGED, block="Other")
RESERVED = replace(PLUGGED, tag="Output", block="Output")
SPACED = replace(PLUGGED, tag="a b", block="a b")


def offer(**changes: object) -> Offer:
    """A plug-in that loads."""
    known = {"tag": "Plugged", "operation": PLUGGED, "package": "one", "version": "1.0"}
    return Offer(**{**known, **changes})  # type: ignore[arg-type]


def entry(name: str, value: str) -> EntryPoint:
    """An entry point of this module."""
    return EntryPoint(name, f"{__name__}:{value}", GROUP)


def test_catalogue_finds_what_is_built_in_and_plugged_in() -> None:
    """Both kinds are found by their tags, and listed in their order."""
    catalogue = Catalogue(BUILTIN, [offer()])

    assert catalogue.find("FileHashCode") is HASH
    assert catalogue.find("Plugged") is PLUGGED
    assert [one.tag for one in catalogue.available] == ["FileHashCode", "Noop", "Plugged"]
    assert catalogue.find("Lost") is None
    assert catalogue.absence("Lost") == "this build has no operation 'Lost'"
    assert not catalogue.is_known("Lost")


@pytest.mark.parametrize("is_plugged", [False, True])
def test_catalogue_offers_nothing_that_lacks_something(*, is_plugged: bool) -> None:
    """What lacks a program is kept with the reason and the command, and not found."""
    program = Program("no-such-program", install="lost-things")
    lame = replace(PLUGGED, requires=(Library("json", install="x"), program))
    catalogue = (
        Catalogue(BUILTIN, [offer(operation=lame)]) if is_plugged else Catalogue([lame], [])
    )

    assert catalogue.find("Plugged") is None
    assert lame not in catalogue.available
    assert catalogue.is_known("Plugged")
    assert catalogue.family_of("Plugged") is Family.FILE
    assert catalogue.absence("Plugged") == (
        "the operation Plugged is not available: it needs the program no-such-program, "
        "which is not installed: apt-get install lost-things"
    )
    assert catalogue.offers[-1].command == "apt-get install lost-things"


def test_catalogue_tells_missing_parts() -> None:
    """An operation whose part lacks something is offered, and the part is told."""
    lost = Library("no_such_library", install="penstock[lost]")
    parts = {"Format 7z": lost, "Format zip": Library("json", install="x")}
    catalogue = Catalogue([replace(PLUGGED, optional=parts)], [])

    (found,) = catalogue.offers
    assert not found.fault
    assert found.missing_parts == [("Format 7z", lost)]


def test_catalogue_keeps_built_in_operations_in_their_place() -> None:
    """A plug-in that claims the tag of a built-in operation is refused; the built-in one stays."""
    claim = offer(tag="FileHashCode", operation=replace(HASH, reads=frozenset()))

    catalogue = Catalogue(BUILTIN, [claim])

    assert catalogue.find("FileHashCode") is HASH
    assert catalogue.offers[-1].fault == "claims the tag FileHashCode, which is built in"


def test_catalogue_lets_no_plugin_win_over_another() -> None:
    """Two claims of one tag refuse both, so that nothing depends on the order of installing."""
    catalogue = Catalogue(BUILTIN, [offer(), offer(package="two")])

    assert catalogue.find("Plugged") is None
    assert catalogue.absence("Plugged") == (
        "the operation Plugged is not available: it is claimed more than once, by one, two"
    )


def test_catalogue_knows_families_of_the_unknown() -> None:
    """What nobody knows belongs to the media family, as the vendor's jobs do."""
    assert Catalogue(BUILTIN, []).family_of("Lost") is Family.MEDIA


def test_plugins_are_loaded() -> None:
    """An entry point that names an operation offers it under the operation's own tag."""
    (found,) = read_plugins([entry("anything", "PLUGGED")])

    assert (found.tag, found.operation, found.fault) == ("Plugged", PLUGGED, "")


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("NUMBER", "is no Operation: tests.operations.test_catalogue:NUMBER is a int"),
        ("NOTHING", "cannot be loaded: AttributeError: module 'tests.operations.test_catalogue' "),
        ("BLOCKED", "must have a block named like its tag 'Plugged', not 'Other'"),
        ("RESERVED", "has a tag that cannot be an element of XML or is taken: 'Output'"),
        ("SPACED", "has a tag that cannot be an element of XML or is taken: 'a b'"),
    ],
)
def test_plugins_that_cannot_be_used_are_told(value: str, fault: str) -> None:
    """Whatever an entry point leads to, it is a line with the reason, by the entry's name."""
    (found,) = read_plugins([entry("mine", value)])

    assert found.tag == "mine"
    assert found.fault.startswith(fault)


def test_plugins_of_a_missing_module_are_told() -> None:
    """A module that is not there is a reason too, and stands in one line."""
    (found,) = read_plugins([EntryPoint("mine", "no_such_module_at_all:X", GROUP)])

    assert found.fault == (
        "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module_at_all'"
    )
