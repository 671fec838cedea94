"""Make `status` from a column of classes (with `--map`) or of scores (with `--cutoff`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pdmr_classic.config import BOTH, DataSettings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.labels._columns import has_published_meaning, match_score_column
from pdmr_classic.io.labels.classes import (
    NEGATIVE,
    POSITIVE,
    choose_spellings,
    count_labels,
    is_no_label,
    parse_number,
    spelling_key,
)
from pdmr_classic.text import format_count, format_list

_MAP_EXAMPLE = "pairs such as 0=Normal,1=Depression; -1= for no label"
_CUTOFF_EXAMPLE = "a column and a number, such as 'PHQ8_Score>=10'"
_PUBLISHED = {"0": NEGATIVE, "1": POSITIVE}
# Beside a single class, these may mean its absence; beside degrees of severity, None may be the lowest of them.
_PERHAPS_CLASSES = ("none", "nil", "-")
_DEGREES = {"mild", "moderate", "severe", "minimal", "low", "high", "some", "slight", "medium"}


@dataclass(frozen=True)
class Cutoff:
    """A score column and the rule that makes it a class."""

    column: str
    operator: str
    value: float

    def classify(self, score: float) -> str:
        is_positive = score >= self.value if self.operator == ">=" else score > self.value
        return POSITIVE if is_positive else NEGATIVE


def parse_cutoff(text: str) -> Cutoff:
    """Parse a rule such as `PHQ8_Score>=10`.

    Raises
    ------
    ConfigError

    Examples
    --------
    >>> parse_cutoff("phq8 ≥ 10")
    Cutoff(column='phq8', operator='>=', value=10.0)
    """
    match = re.fullmatch(r"\s*(.+?)\s*(>=|=>|≥|⩾|>)\s*([^<>=]+?)\s*", text.strip("\"'"))
    value = parse_number(match[3]) if match else None
    if match is None or value is None:
        raise ConfigError("--cutoff is not a rule", expected=_CUTOFF_EXAMPLE, found=repr(text), code="bad-cutoff")
    return Cutoff(match[1], ">" if match[2] == ">" else ">=", value)


def parse_map(text: str) -> dict[str, str]:
    """Parse pairs such as `0=Normal,1=Depression`; an empty new name means no label.

    Raises
    ------
    ConfigError

    Examples
    --------
    >>> parse_map("0=Normal, 1 = Depression, -1=")
    {'0': 'Normal', '1': 'Depression', '-1': ''}
    """
    mapping: dict[str, str] = {}
    for pair in (part for part in text.split(",") if part.strip()):
        old, separator, new = (part.strip() for part in pair.partition("="))
        key = spelling_key(old)
        if not separator or not old or mapping.get(key, new) != new:
            what = "--map gives a label two names" if separator and old else "--map is not a list of pairs"
            raise ConfigError(what, expected=_MAP_EXAMPLE, found=repr(pair.strip()), code="bad-map")
        mapping[key] = new
    if not mapping:
        raise ConfigError("--map is not a list of pairs", expected=_MAP_EXAMPLE, found=repr(text), code="bad-map")
    return mapping


def check_label_settings(settings: DataSettings) -> None:
    """Check `--map`, `--cutoff` and `--target` before a table is read.

    Raises
    ------
    ConfigError
        A rule cannot be parsed, or they exclude each other.
    """
    _check_target(settings)
    if settings.map is not None:
        parse_map(settings.map)
    if settings.cutoff is None:
        return
    parse_cutoff(settings.cutoff)
    for option, value in (("--map", settings.map), ("--label-column", settings.label_column)):
        if value is not None:
            raise ConfigError(
                f"--cutoff and {option} exclude each other",
                expected="--cutoff, which makes the classes from a score; or a column of classes",
                code="bad-cutoff",
            )


def _check_target(settings: DataSettings) -> None:
    """Refuse options that have no effect with the target."""
    if settings.score_column is not None and settings.target != BOTH:
        raise ConfigError(
            "--score-column has no effect without --target both",
            code="bad-target",
            found=f"--target {settings.target}",
            hint="pass --target both, or --target COLUMN without --score-column",
        )
    options = {"--cutoff": settings.cutoff, "--map": settings.map, "--label-column": settings.label_column}
    given = [option for option, value in options.items() if value is not None]
    if given and not settings.learns_status:
        raise ConfigError(
            f"{given[0]} has no effect with --target {settings.target}, which learns scores and not classes",
            code="bad-target",
            hint="pass --target both, or set the clinical cut-off in a settings file: [severity] clinical_cutoff = …"
            if given == ["--cutoff"]
            else f"pass --target both, or remove {given[0]}",
        )


# -------------------------------------------------------------------------------------------------- scores


def apply_cutoff(frame: pd.DataFrame, rule: str, file: Path) -> tuple[pd.Series, list[Finding]]:
    """Return the class of each recording, made from a score; cells that are no score give no label.

    Raises
    ------
    ConfigError
        The column does not exist.
    DataError
        No cell is a score.
    """
    cutoff = parse_cutoff(rule)
    column = match_score_column(cutoff.column, list(frame.columns), file)
    cells = frame[column]
    scores = [None if is_no_label(cell) else parse_number(cell) for cell in cells]
    status = ["" if score is None else cutoff.classify(score) for score in scores]
    if all(score is None for score in scores):
        raise DataError(
            "the column of --cutoff has no numbers",
            code="no-scores",
            file=file,
            column=column,
            expected="a score for each recording",
            found=_format_counts(cells),
            hint="pass another column",
        )
    without = [cell for cell, score in zip(cells, scores, strict=True) if score is None]
    what = f"status is made from {column} {cutoff.operator} {cutoff.value:g}"
    findings = [Finding("cutoff", what, file=file, found=_format_counts(label for label in status if label))]
    if without:
        findings.append(_no_label_finding(without, column, file))
    return pd.Series(status, index=frame.index, dtype=object), findings


# ------------------------------------------------------------------------------------------------- classes


def make_status(cells: pd.Series, column: str, settings: DataSettings, file: Path) -> tuple[pd.Series, list[Finding]]:
    """Return the class of each recording: an empty string where the cell means no label, one spelling for each class.

    Raises
    ------
    DataError
        A label is not in `--map`, or it is not clear whether a value means no label.
    """
    labels = [str(label) for label in cells.unique()]
    mapping, findings = _choose_mapping(cells, column, settings, file)
    named = settings.classes or ()
    missing = {label for label in labels if label not in named and is_no_label(label)} - set(mapping)
    _refuse_doubtful([label for label in labels if label not in mapping], missing, column, file)
    renamed = cells.map({label: "" if label in missing else mapping.get(label, label) for label in labels})
    if unlabelled := [cell for cell in cells if cell in missing and cell]:
        findings.append(_no_label_finding(unlabelled, column, file))
    spellings = choose_spellings(count_labels(label for label in renamed if label), named)
    changed = {label: name for label, name in spellings.items() if label != name}
    if changed:
        counts = count_labels(renamed)
        pairs = format_list(f"{label!r} as {name!r} ({counts[label]})" for label, name in changed.items())
        what = "labels are spelled differently and read as one class"
        findings.append(Finding("merged-classes", what, file=file, column=column, found=pairs))
    return renamed.map(lambda label: spellings.get(label, label)), findings


def _choose_mapping(
    cells: pd.Series, column: str, settings: DataSettings, file: Path
) -> tuple[dict[str, str], list[Finding]]:
    """Return the new name of each label as written: from `--map`, or the published meaning of the column."""
    labels = [str(label) for label in cells.unique()]
    if settings.map is not None:
        mapping = parse_map(settings.map)
        _check_all_mapped(cells, mapping, settings.classes or (), column, file)
        unused = sorted(set(mapping) - {spelling_key(label) for label in labels})
        what = "labels of --map do not occur in the table"
        findings = [Finding("map-unused", what, file=file, column=column, found=format_list(unused))] if unused else []
        return {label: mapping[key] for label in labels if (key := spelling_key(label)) in mapping}, findings
    keys = {spelling_key(label) for label in labels if not is_no_label(label)}
    if has_published_meaning(column) and keys and keys <= set(_PUBLISHED) and not settings.classes:
        what = f"{column} as published: 1 is {POSITIVE}, 0 is {NEGATIVE}"
        mapping = {label: _PUBLISHED[spelling_key(label)] for label in labels if spelling_key(label) in _PUBLISHED}
        return mapping, [Finding("published-classes", what, file=file, column=column)]
    return {}, []


def _check_all_mapped(
    cells: pd.Series, mapping: dict[str, str], classes: Sequence[str], column: str, file: Path
) -> None:
    known = set(mapping) | {spelling_key(name) for name in (*mapping.values(), *classes)}
    unknown = [label for label in cells if spelling_key(label) not in known and not is_no_label(label)]
    if unknown:
        raise DataError(
            f"{format_count(len(unknown), 'label is', 'labels are')} not in --map",
            code="unknown-label",
            file=file,
            column=column,
            expected=" or ".join(mapping),
            found=_format_counts(unknown),
            hint="add them to --map; a pair such as -1= means no label",
        )


def _refuse_doubtful(labels: Sequence[str], missing: set[str], column: str, file: Path) -> None:
    """Refuse values that mean no label in most tables, but may be a class in this one."""
    others = {spelling_key(label) for label in labels if label not in missing}
    keys = {spelling_key(label) for label in missing}
    doubtful = {"-1"} if others == {"1"} else set(_PERHAPS_CLASSES) if len(others) == 1 else set()
    doubtful |= {"none"} if others & _DEGREES else set()
    label = next((label for label in sorted(missing) if label and spelling_key(label) in doubtful & keys), None)
    if label is None:
        return
    raise DataError(
        f"the label {label!r} may mean no label, or may be a class",
        code="doubtful-label",
        file=file,
        column=column,
        expected="classes that cannot be mistaken for missing labels",
        found=format_list(repr(text) for text in labels if text),
        hint=f"pass --map with a name for it, such as {label}={NEGATIVE}, or with {label}= if it means no label",
    )


def _no_label_finding(cells: Sequence[str], column: str, file: Path) -> Finding:
    what = f"{format_count(len(cells), 'cell means', 'cells mean')} that there is no label"
    return Finding("no-label", what, file=file, column=column, found=_format_counts(cells))


def _format_counts(labels: Iterable[str]) -> str:
    return format_list(f"{label!r} {count}" for label, count in count_labels(labels).items())
