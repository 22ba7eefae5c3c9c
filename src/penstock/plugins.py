"""What plug-ins are written against: the contract of operations, and nothing else.

A plug-in is a package with an entry point of the group `penstock.operations` that names an
`Operation`. What this module exports changes only as `docs/reference/plugins.md` says; other
modules of Penstock may change at any time.
"""

from penstock.domain.errors import (
    AttemptCancelledError,
    BackendError,
    InputLimitError,
    InvalidArgumentError,
    InvalidParamsError,
    ObjectNotFoundError,
    OperationError,
    OperationTimeoutError,
    OutputRejectedError,
    StoreError,
    UnsupportedInputError,
)
from penstock.domain.executions import OutputObject
from penstock.domain.trees import Tree
from penstock.operations.base import (
    Family,
    Kind,
    Limits,
    Needs,
    Operation,
    Result,
    Workspace,
)
from penstock.operations.catalogue import GROUP
from penstock.operations.params import ParamReader
from penstock.operations.requirements import Library, Program, Requirement

__all__ = [
    "GROUP",
    "AttemptCancelledError",
    "BackendError",
    "Family",
    "InputLimitError",
    "InvalidArgumentError",
    "InvalidParamsError",
    "Kind",
    "Library",
    "Limits",
    "Needs",
    "ObjectNotFoundError",
    "Operation",
    "OperationError",
    "OperationTimeoutError",
    "OutputObject",
    "OutputRejectedError",
    "ParamReader",
    "Program",
    "Requirement",
    "Result",
    "StoreError",
    "Tree",
    "UnsupportedInputError",
    "Workspace",
]
