"""What can go wrong, and how it is told.

    PdmrError                 exit code 1
    ├── ConfigError           2: an option or a settings file is wrong
    ├── DataError             3: a file or a table cannot be used as it is
    ├── ArtifactError         4: a model file is not what it claims to be
    └── TargetError           5: the place to write to is taken, read-only or full

Every expected failure, and every oddity that was read all the same, is a `Finding`: one sentence each for
what, where, expected, found and mend. An error is a finding that stopped the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pdmr_classic.text import escape_unprintable

# A part may quote a file, and a file may have a cell of a megabyte.
LONGEST_PART = 4000
_MOST_SHOWN = 1000


@dataclass(frozen=True)
class Finding:
    """One thing that was noticed about the input.

    Printed, every part stands on one line with what is not printable escaped: parts come from other people's files.

    Parameters
    ----------
    code : str
        Short stable name, for programs (``"short-row"``).
    what : str
        The sentence for people, without a full stop.
    file : Path or str, optional
        Where; `row` counts lines of the file from 1, `column` is a name.
    row : int, optional
    column : str, optional
    expected, found, hint : str, optional
        What should stand there, what does, and how to put it right.

    Examples
    --------
    >>> finding = Finding("empty", "the file is empty", file="001.csv", expected="rows of numbers", found="0 bytes")
    >>> print(finding)
    the file is empty
      where:    001.csv
      expected: rows of numbers
      found:    0 bytes
    """

    code: str
    what: str
    file: Path | str | None = None
    row: int | None = None
    column: str | None = None
    expected: str | None = None
    found: str | None = None
    hint: str | None = None

    def __post_init__(self) -> None:
        for name in ("what", "column", "expected", "found", "hint"):
            text = getattr(self, name)
            if text is not None and len(text) > LONGEST_PART:
                object.__setattr__(self, name, f"{text[:LONGEST_PART]} …")

    @property
    def where(self) -> str | None:
        parts = [str(self.file)] if self.file is not None else []
        if self.row is not None:
            parts.append(f"row {self.row}")
        if self.column is not None:
            parts.append(f"column {self.column!r}")
        return ", ".join(parts) or None

    def __str__(self) -> str:
        lines = [escape_unprintable(self.what)]
        for label in ("where", "expected", "found", "hint"):
            text = getattr(self, label)
            if text:
                lines.append(f"  {label + ':':<9} {escape_unprintable(text)}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return the parts that are known, ready for JSON."""
        parts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: str(part) if name == "file" else part for name, part in parts.items() if part is not None}


class PdmrError(Exception):
    """An expected failure: the finding (or findings) that stopped the work.

    Parameters
    ----------
    what : Finding or str
        A finding, or the sentence of one whose other parts are given by name.
    also : iterable of Finding
        Further findings of the same kind, told after the first.
    **parts
        `code`, `file`, `row`, `column`, `expected`, `found`, `hint` of the finding.

    Examples
    --------
    >>> raise DataError("no labels were found", expected="labels.csv", hint="pass --labels FILE")
    Traceback (most recent call last):
    ...
    pdmr_classic.errors.DataError: no labels were found
      expected: labels.csv
      hint:     pass --labels FILE
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: Finding | str, also: Iterable[Finding] = (), **parts: Any) -> None:
        finding = what if isinstance(what, Finding) else Finding(parts.pop("code", "error"), what, **parts)
        self.finding = finding
        self.also = tuple(also)
        super().__init__(str(finding))

    @property
    def findings(self) -> tuple[Finding, ...]:
        return (self.finding, *self.also)

    def __str__(self) -> str:
        shown = [str(finding) for finding in self.findings[:_MOST_SHOWN]]
        n_more = len(self.findings) - len(shown)
        return "\n".join([*shown, f"and {n_more:,} more of the kind"] if n_more else shown)

    # Workers hand errors back by pickle, which would otherwise call __init__ with the message alone.
    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.finding, self.also)


class ConfigError(PdmrError):
    """An option or a settings file is wrong."""

    exit_code = 2


class DataError(PdmrError):
    """A file, a folder or a table cannot be used as it is.

    Examples
    --------
    >>> from pdmr_classic import load_dataset
    >>> try:
    ...     load_dataset("no/such/folder")
    ... except DataError as error:
    ...     print(error.exit_code, error.finding.code, error.finding.file)
    3 no-folder no/such/folder
    """

    exit_code = 3


class ArtifactError(PdmrError):
    """A model file is not what it claims to be."""

    exit_code = 4


class TargetError(PdmrError):
    """The place to write to is taken, read-only or full."""

    exit_code = 5


@contextmanager
def target_errors(target: Path) -> Iterator[None]:
    """Tell an error of the operating system, while a target is written, as one of the target.

    Raises
    ------
    TargetError

    Examples
    --------
    >>> with target_errors(Path("results.jsonl")):
    ...     raise OSError(28, "No space left on device")
    Traceback (most recent call last):
    ...
    pdmr_classic.errors.TargetError: the target cannot be written
      where:    results.jsonl
      found:    No space left on device
      hint:     choose another place with --out
    """
    try:
        yield
    except OSError as error:
        raise TargetError(
            "the target cannot be written",
            file=target,
            found=error.strerror or str(error),
            hint="choose another place with --out",
        ) from error
