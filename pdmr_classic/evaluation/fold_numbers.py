"""Numbers of outer folds as text: `3`, `2-4`, `1,3,7-9`, as in a SLURM job array."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pdmr_classic.errors import ConfigError

_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?", re.ASCII)
# More outer folds than any evaluation has: a mistyped range must not fill the memory.
_MAX_RANGE = 1_000_000


def parse_fold_numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of outer folds, from 1, in order and each once.

    Raises
    ------
    ConfigError
        The text is not a list of numbers and ranges.

    Examples
    --------
    >>> parse_fold_numbers("7-9,3")
    (3, 7, 8, 9)
    """
    numbers: set[int] = set()
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last < first + _MAX_RANGE:
            raise ConfigError(
                "the number of the outer fold is not valid",
                expected="--fold with a number from 1, such as 3, or several, such as 1,4-6",
                found=repr(text),
                hint='in a SLURM job array: --fold "$SLURM_ARRAY_TASK_ID"; it is empty outside of an array',
            )
        numbers.update(range(first, last + 1))
    return tuple(sorted(numbers))


def format_fold_numbers(numbers: Iterable[int]) -> str:
    """Return the shortest text that `parse_fold_numbers` reads as these numbers.

    Examples
    --------
    >>> format_fold_numbers([3, 7, 8, 9])
    '3,7-9'
    """
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def check_fold_numbers(numbers: Iterable[int], n_folds: int) -> None:
    """Check that an evaluation with `n_folds` outer folds has folds with these numbers.

    Raises
    ------
    ConfigError
    """
    if unknown := [number for number in numbers if not 1 <= number <= n_folds]:
        raise ConfigError(
            f"the evaluation has only {n_folds} outer folds",
            expected=f"--fold between 1 and {n_folds}",
            found=format_fold_numbers(unknown),
            hint=f"of a job array: --array=1-{n_folds}",
        )
