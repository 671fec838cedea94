"""Exceptions with exit codes, and findings: problems in the input and how they are reported.

    PdmrError                 exit code 1
    ├── ConfigError           2: an option or a settings file is invalid
    ├── DataError             3: a file, folder or table cannot be used
    ├── ArtifactError         4: a model file is invalid
    └── TargetError           5: the output cannot be written, or is in use

Every expected failure and every warning is a `Finding`, with the parts what, where, expected, found and hint.
An error is a finding that stopped the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from pdmr_classic.text import escape_unprintable, format_count, mask_numbers

# A part may quote a cell of a file, and a cell may be a megabyte long.
MAX_PART_LENGTH = 4000
_MAX_FINDINGS_SHOWN = 1000


@dataclass(frozen=True)
class Finding:
    """One problem or peculiarity of the input.

    When printed, each part is on one line and unprintable characters are escaped, because parts may quote files.

    Parameters
    ----------
    code : str
        Short stable identifier for programs, such as ``"short-row"``.
    what : str
        What happened, as a sentence without a full stop.
    file : Path or str, optional
    row : int, optional
        Line of the file, counted from 1.
    column : str, optional
        Column name.
    expected, found, hint : str, optional
        What was expected, what was found instead, and how to fix it.

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
            if text is not None and len(text) > MAX_PART_LENGTH:
                object.__setattr__(self, name, f"{text[:MAX_PART_LENGTH]} …")

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
        """Return the parts that are not None, ready for JSON."""
        parts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: str(part) if name == "file" else part for name, part in parts.items() if part is not None}


class PdmrError(Exception):
    """An expected failure, with one or more findings that describe it.

    Parameters
    ----------
    what : Finding or str
        A finding, or its message; the other parts are then given by name.
    additional : iterable of Finding
        Further findings of the same kind, reported after the first.
    **parts
        `code`, `file`, `row`, `column`, `expected`, `found`, `hint` of the finding.

    Examples
    --------
    >>> raise DataError("there are no labels", expected="labels.csv", hint="pass --labels FILE")
    Traceback (most recent call last):
    ...
    pdmr_classic.errors.DataError: there are no labels
      expected: labels.csv
      hint:     pass --labels FILE
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: Finding | str, additional: Iterable[Finding] = (), **parts: Any) -> None:
        finding = what if isinstance(what, Finding) else Finding(parts.pop("code", "error"), what, **parts)
        self.finding = finding
        self.additional = tuple(additional)
        super().__init__(str(finding))

    @property
    def findings(self) -> tuple[Finding, ...]:
        return (self.finding, *self.additional)

    def __str__(self) -> str:
        messages = [str(finding) for finding in self.findings[:_MAX_FINDINGS_SHOWN]]
        n_more = len(self.findings) - len(messages)
        return "\n".join([*messages, f"and {n_more:,} more such problems"] if n_more else messages)

    # Worker processes return errors by pickle, which by default calls __init__ with the message only.
    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.finding, self.additional)


class ConfigError(PdmrError):
    """An option or a settings file is invalid."""

    exit_code = 2


class DataError(PdmrError):
    """A file, folder or table cannot be used.

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
    """A model file is invalid."""

    exit_code = 4


class TargetError(PdmrError):
    """The output cannot be written, or is in use."""

    exit_code = 5


@contextmanager
def wrap_os_errors(target: Path) -> Iterator[None]:
    """Raise operating-system errors in the block as errors of the output file.

    Raises
    ------
    TargetError

    Examples
    --------
    >>> with wrap_os_errors(Path("results.jsonl")):
    ...     raise OSError(28, "No space left on device")
    Traceback (most recent call last):
    ...
    pdmr_classic.errors.TargetError: the output file cannot be written
      where:    results.jsonl
      found:    No space left on device
      hint:     choose a different --out
    """
    try:
        yield
    except OSError as error:
        raise TargetError(
            "the output file cannot be written",
            file=target,
            found=error.strerror or str(error),
            hint="choose a different --out",
        ) from error


def summarise_findings(findings: Sequence[Finding]) -> list[Finding]:
    """Return one finding per kind, with the number of files instead of their names."""
    by_kind: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        by_kind.setdefault((finding.code, mask_numbers(finding.what)), []).append(finding)
    return [_summarise_kind(group) for group in by_kind.values()]


def _summarise_kind(group: Sequence[Finding]) -> Finding:
    n_files = len({finding.file for finding in group})
    if all(finding.file is None for finding in group):
        return group[0]  # it is about the set, not about files
    return replace(group[0], file=None, found=None, what=f"{group[0].what} ({format_count(n_files, 'file')})")
