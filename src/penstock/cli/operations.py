"""`penstock operations`: what a node can be, and why it cannot be another."""

import json
import sys
from collections.abc import Iterator

from penstock import __version__
from penstock.cli.key_commands import Output
from penstock.cli.tables import write_table
from penstock.operations.catalogue import Offer
from penstock.operations.registry import catalogue


def show_operations(output: Output) -> None:
    """Print every operation of this installation: a table and remarks, or an entry each."""
    offers = sorted(catalogue().offers, key=lambda offer: (offer.tag, offer.package))
    rows = [_facts(offer) for offer in offers]
    if output is Output.JSON:
        sys.stdout.write(f"{json.dumps(rows, indent=2)}\n")
    elif output is Output.JSONL:
        sys.stdout.writelines(f"{json.dumps(row)}\n" for row in rows)
    else:
        write_table([_row(offer) for offer in offers if not offer.fault])
        sys.stdout.writelines(f"{line}\n" for offer in offers for line in _remarks(offer))


def _facts(offer: Offer) -> dict[str, object]:
    operation = offer.operation
    return {
        "operation": offer.tag,
        "available": not offer.fault,
        "reason": offer.fault or None,
        "command": offer.command or None,
        "package": offer.package,
        "version": _version(offer),
        "family": None if operation is None else str(operation.family),
        "reads": [] if operation is None else sorted(operation.reads),
        "needs_output": None if operation is None else operation.needs_output,
        "missing_parts": [
            {"part": part, "needs": lacked.title, "command": lacked.command}
            for part, lacked in offer.missing_parts
        ],
    }


def _row(offer: Offer) -> dict[str, object]:
    operation = offer.operation
    return {
        "operation": offer.tag,
        "family": "" if operation is None else operation.family,
        "reads": "" if operation is None else ",".join(sorted(operation.reads)),
        "output": "needed" if operation is not None and operation.needs_output else "-",
        "from": f"{offer.package} {_version(offer)}".rstrip(),
    }


def _remarks(offer: Offer) -> Iterator[str]:
    """What is not available, a line each, with the command that would add it."""
    if offer.fault:
        package = "" if offer.package == "penstock" else f" (from {offer.package})"
        yield f"not available: {offer.tag}{package} {offer.fault}"
        return
    for part, lacked in offer.missing_parts:
        yield f"not available: {offer.tag}, {part}: needs {lacked.title}: {lacked.command}"


def _version(offer: Offer) -> str:
    return __version__ if offer.package == "penstock" else offer.version
