"""Numbers in sentences."""

from __future__ import annotations


def counted(n: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun, and verb if there is one.

    Examples
    --------
    >>> counted(1, "recording"), counted(2, "recording"), counted(1_234, "label has", "labels have")
    ('1 recording', '2 recordings', '1234 labels have')
    """
    return f"{n} {one if n == 1 else many or one + 's'}"
