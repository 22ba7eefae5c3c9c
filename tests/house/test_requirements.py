"""The pinned packages are the same everywhere: hashed, and without an address."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "requirements"
SETS = ("build", "demo", "demo-media", "dev")

PIN = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[\w.+!-]+)(?: ; [^#@/\\]+)? \\\n"
    r"(?:    --hash=sha256:[0-9a-f]{64} \\\n)*    --hash=sha256:[0-9a-f]{64}\n",
    re.MULTILINE,
)


def pins(name: str) -> dict[tuple[str, str], str]:
    """The packages of a set by name and version, each with its text."""
    text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    return {(match["name"], match["version"]): match[0] for match in PIN.finditer(text)}


@pytest.mark.parametrize("name", SETS)
def test_requirements_hold_pins_and_hashes_only(name: str) -> None:
    """Nothing but names, versions, markers and hashes; so no index, path or comment."""
    text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")

    rest = PIN.sub("", text)

    assert rest == ""


def test_requirements_of_the_demo_are_among_those_of_development() -> None:
    """One environment serves both sets, in any order."""
    assert pins("demo").items() <= pins("dev").items()


def test_requirements_pin_the_build_backend_of_the_project() -> None:
    """The project is built without isolation, by the version that it asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    wanted = {tuple(one.split("==")) for one in project["build-system"]["requires"]}

    assert wanted <= pins("build").keys()


def test_requirements_cover_what_the_project_asks_for() -> None:
    """A dependency that is added without `make lock` is noticed here and not at a user's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    for extra in project["project"].get("optional-dependencies", {}).values():
        asked += extra

    names = {re.split(r"[^A-Za-z0-9._-]", one)[0].lower() for one in asked}

    assert names <= {name for name, _ in pins("dev")}
