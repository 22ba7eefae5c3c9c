"""What an operation, or a part of one, needs beyond the embedded default: libraries, programs.

    Operation(tag="ImageOCR", …, requires=(Program("tesseract", install="tesseract-ocr"),))

Looking is cheap: nothing is imported and nothing is started.
"""

import importlib.util
import shlex
import shutil
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Library:
    """An importable Python library.

    Attributes:
        module: What is imported, such as `py7zr`.
        install: What pip installs, such as `penstock[archives]`.
    """

    module: str
    install: str

    @property
    def title(self) -> str:
        """What it is, for a sentence."""
        return f"the library {self.module}"

    @property
    def command(self) -> str:
        """The command that adds it."""
        return f"pip install {shlex.quote(self.install)}"

    def is_met(self) -> bool:
        """Whether it is installed; whether it works is not tried."""
        try:
            return importlib.util.find_spec(self.module) is not None
        except (ImportError, ValueError):
            return False


@dataclass(frozen=True, slots=True)
class Program:
    """A program on the search path.

    Attributes:
        name: Its file name, such as `tesseract`.
        install: The Debian package that has it, such as `tesseract-ocr`.
    """

    name: str
    install: str

    @property
    def title(self) -> str:
        """What it is, for a sentence."""
        return f"the program {self.name}"

    @property
    def command(self) -> str:
        """The command that adds it."""
        return f"apt-get install {shlex.quote(self.install)}"

    def is_met(self) -> bool:
        """Whether it is on the search path."""
        return shutil.which(self.name) is not None


Requirement: TypeAlias = Library | Program


def missing_sentence(requirement: Requirement) -> str:
    """What is missing, and what would add it."""
    return f"needs {requirement.title}, which is not installed: {requirement.command}"
