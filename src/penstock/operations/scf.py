"""SCF: has a function of the operator's work on an object, over HTTP.

Input: one object of any kind. Output: what the function wrote into the bucket of its input and
names in its answer; these objects flow on to the nodes behind, or the input where it names none.
The setting `functions` says which functions there are. The vendor's ready-made ones that move,
delete or relabel objects are not offered: sources are never touched.

    {"type": "SCF", "params": {"FunctionName": "transcribe", "Region": "local"}}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.domain.errors import FunctionRejectedError
from penstock.domain.trees import Tree
from penstock.operations.base import Family, Kind, Operation, Result, Workspace
from penstock.operations.params import ParamReader

MOST_OBJECTS = 1000
_BLOCK = "SCF"
_MOST_KEY_BYTES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Which function.

    Attributes:
        name: Its name in the operator's table.
        words: All that the node says of it; the function is told.
    """

    name: str
    words: Mapping[str, str]

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read the block `SCF`.

        Raises:
            InvalidArgumentError: The name is missing, or there is an `Output`.
        """
        outer = ParamReader(tree)
        reader = outer.block(_BLOCK)
        name = reader.required_text("FunctionName")
        words = {
            "Region": reader.text("Region"),
            "FunctionName": name,
            "Namespace": reader.text("Namespace"),
            "Alias": reader.text("Alias"),
        }
        outer.refuse(("Output",))
        outer.finish()
        return cls(name=name, words={word: value for word, value in words.items() if value})


def run(params: Params, workspace: Workspace) -> Result:
    """Call the function and look at what it says it made.

    Raises:
        InvalidParamsError: There is no such function.
        FunctionRejectedError: It refused, or its answer cannot be used.
        FunctionUnavailableError: It could not be reached, or failed.
        ObjectNotFoundError: It names an object that does not exist.
    """
    answer = workspace.call_function(params.name, params.words)
    keys = _keys(params.name, answer)
    if keys is None:
        return Result()
    outputs = []
    for key in keys:
        workspace.checkpoint()
        outputs.append(workspace.adopt(key))
    return Result(outputs=outputs, hands_on=bool(outputs))


def _keys(name: str, answer: object) -> list[str] | None:
    """The objects that an answer names, each once; None where it does not speak of any.

    Raises:
        FunctionRejectedError: They are no list of keys, or too many.
    """
    if not isinstance(answer, Mapping):
        raise FunctionRejectedError(name, "answered JSON that is no object")
    named = answer.get("Objects")
    if named is None:
        return None
    if not isinstance(named, list) or not all(map(_is_key, named)):
        fault = "answered Objects that is no list of keys, texts of 1 to 1024 bytes"
        raise FunctionRejectedError(name, fault)
    keys = list(dict.fromkeys(named))
    if len(keys) > MOST_OBJECTS:
        raise FunctionRejectedError(name, f"answered more than {MOST_OBJECTS} Objects")
    return keys


def _is_key(value: object) -> bool:
    if not isinstance(value, str):
        return False
    return 0 < len(value.encode("utf-8", "surrogatepass")) <= _MOST_KEY_BYTES


OPERATION: Operation[Any] = Operation(
    tag="SCF",
    block=_BLOCK,
    family=Family.MEDIA,
    reads=frozenset(Kind),
    needs_output=False,
    is_node_only=True,
    parse=Params.parse,
    run=run,
)
