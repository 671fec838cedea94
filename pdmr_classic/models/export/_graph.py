"""Builder of ONNX graphs: names values, and adds equal constants and equal nodes only once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

OPSET, ML_OPSET = 17, 3
"""The versions of the operators: old enough for ONNX Runtime 1.20, new enough for trees in double precision."""
IR_VERSION = 8
ML_DOMAIN = "ai.onnx.ml"


class Graph:
    """A graph under construction; values are strings.

    Parameters
    ----------
    prefix : str
        Of all names; the body of a loop needs its own.
    precision : type
        `np.float32` or `np.float64`: of the arithmetic on scaled columns, the bulk of the work.

    Examples
    --------
    >>> graph = Graph()
    >>> double = graph.add("Add", "x", "x")
    >>> double == graph.add("Add", "x", "x")
    True
    """

    def __init__(self, prefix: str = "", precision: Any = np.float64) -> None:
        self.prefix = prefix
        self.precision = precision
        self.nodes: list[Any] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self._names: dict[Any, str] = {}

    def constant(self, value: ArrayLike, dtype: Any = np.float64) -> str:
        """Return a constant; text is stored as strings."""
        array = np.asarray(value, dtype=dtype)
        content = tuple(array.ravel()) if array.dtype == object else array.tobytes()
        key = ("constant", array.dtype.str, array.shape, content)
        if key not in self._names:
            self._names[key] = f"{self.prefix}c{len(self.constants)}"
            self.constants[self._names[key]] = array
        return self._names[key]

    def integers(self, *values: int) -> str:
        """Return a constant of int64, as shapes and axes need it."""
        return self.constant(values, np.int64)

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node and return its output; an equal node is not added again."""
        key = (operator, inputs, _freeze(attributes))
        if key not in self._names:
            self._names[key] = f"{self.prefix}v{len(self.nodes)}"
            self._append(operator, inputs, [self._names[key]], domain, attributes)
        return self._names[key]

    def add_named(self, operator: str, *inputs: str, outputs: list[str], **attributes: Any) -> None:
        """Add a node whose outputs have these names."""
        self._append(operator, inputs, outputs, "", attributes)

    def real(self, value: ArrayLike) -> str:
        """Return a constant in the precision of the arithmetic."""
        return self.constant(value, self.precision)

    def columns(self, x: str, indices: ArrayLike) -> str:
        """Return these columns of x; adjacent ones are copied as a whole, which is much faster."""
        numbers = np.asarray(indices, dtype=np.int64)
        if len(numbers) and (np.diff(numbers) == 1).all():
            start, stop = int(numbers[0]), int(numbers[-1]) + 1
            return self.add("Slice", x, self.integers(start), self.integers(stop), self.integers(1))
        return self.add("Gather", x, self.constant(numbers, np.int64), axis=1)

    def sum(self, x: str, axis: int, *, keep: bool = True) -> str:
        """Return the sum over an axis."""
        return self.add("ReduceSum", x, self.integers(axis), keepdims=int(keep))

    def is_finite(self, x: str) -> str:
        """Return whether values are neither NaN nor infinite."""
        return self.add("LessOrEqual", self.add("Abs", x), self.constant(np.finfo(np.float64).max))

    def to_real(self, x: str) -> str:
        """Return x in the precision of the arithmetic."""
        return self.add("Cast", x, to=1 if self.precision is np.float32 else 11)

    def to_double(self, x: str) -> str:
        """Return x in double precision."""
        return self.add("Cast", x, to=11)

    def _append(
        self, operator: str, inputs: tuple[str, ...], outputs: list[str], domain: str, attributes: dict[str, Any]
    ) -> None:
        from onnx import helper, numpy_helper

        converted = {
            name: numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
            for name, value in attributes.items()
        }
        self.nodes.append(helper.make_node(operator, list(inputs), outputs, domain=domain, **converted))

    def initializers(self) -> list[Any]:
        """Return the constants as tensors."""
        from onnx import TensorProto, helper, numpy_helper

        return [
            helper.make_tensor(name, TensorProto.STRING, array.shape, array.ravel().tolist())
            if array.dtype == object
            else numpy_helper.from_array(array, name)
            for name, array in self.constants.items()
        ]


def _freeze(attributes: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(
        (
            name,
            value.tobytes() if isinstance(value, np.ndarray) else id(value) if hasattr(value, "node") else repr(value),
        )
        for name, value in sorted(attributes.items())
    )
