"""`penstock operations`: what a node can be."""

import typer

from penstock.operations.registry import OPERATIONS


def show_operations() -> None:
    """Print a line an operation: type, family, kinds of input, whether it needs an output."""
    for operation in sorted(OPERATIONS, key=lambda one: one.tag):
        reads = ",".join(sorted(operation.reads))
        output = "output" if operation.needs_output else "-"
        typer.echo(f"{operation.tag}\t{operation.family}\t{reads}\t{output}")
