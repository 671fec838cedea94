"""Read and replace the parameters of a command, from which Typer makes its options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, get_type_hints


def read_parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters of a command with their annotations, not as text."""
    # Commands import `Settings` only when they run, because the import would slow down `--help`.
    hints = get_type_hints(function, localns={"Settings": object}, include_extras=True)
    return [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in inspect.signature(function).parameters.values()
    ]


def set_parameters(function: Callable[..., Any], parameters: Sequence[inspect.Parameter]) -> None:
    """Give a function other parameters than it has, for Typer, which reads both attributes."""
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
