"""Compare the layouts of audio vectors, their widths or the names of their components, over a set and with training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pdmr_classic.errors import Finding
from pdmr_classic.text import format_count, format_quoted

_HINT = "compute all embeddings with the same model"


class VectorLayout(NamedTuple):
    """What the components of an audio vector are.

    Attributes
    ----------
    width : int
    names : frozenset of str
        Empty if the components are told apart only by their position.
    """

    width: int
    names: frozenset[str] = frozenset()


def find_odd_layouts(
    layouts: Sequence[tuple[Path, VectorLayout]], trained: VectorLayout | None = None, modality: str = "audio"
) -> dict[Path, Finding]:
    """Return a finding for each vector that does not fit those of training, or else the most frequent layout.

    Components with names fit if the names are the same, in any order; compared with training, further names are no
    obstacle. Components without names fit if they are equally many.

    Examples
    --------
    >>> layouts = [(Path(f"{width}.csv"), VectorLayout(width)) for width in (768, 768, 512)]
    >>> [path.name for path in find_odd_layouts(layouts)]
    ['512.csv']
    """
    if not layouts:
        return {}
    expected, n_files = Counter(layout for _, layout in layouts).most_common(1)[0]
    source = f"as in {format_count(n_files, 'file')}"
    if trained is not None:
        expected, source = trained, "as in training"
    findings = {
        path: _compare(path, layout, expected, source, modality, may_have_more=trained is not None)
        for path, layout in layouts
        if layout != expected
    }
    return {path: finding for path, finding in findings.items() if finding is not None}


def find_additional_names(
    layouts: Sequence[tuple[Path, VectorLayout]], trained: VectorLayout | None, modality: str = "audio"
) -> dict[Path, Finding]:
    """Return a finding for each vector that has all components of training and others, which are not used."""
    if trained is None or not trained.names:
        return {}
    return {
        path: Finding(
            "additional-components",
            f"{modality} components that the model was not trained on are not used",
            file=path,
            found=format_quoted(sorted(layout.names - trained.names)),
        )
        for path, layout in layouts
        if layout.names > trained.names
    }


def _compare(
    path: Path, layout: VectorLayout, expected: VectorLayout, source: str, modality: str, *, may_have_more: bool
) -> Finding | None:
    if not layout.names and not expected.names:
        return Finding(
            "odd-width",
            f"the {modality} vector has the wrong length",
            file=path,
            expected=f"{expected.width} values, {source}",
            found=f"{layout.width} values",
            hint=_HINT,
        )
    if not layout.names or not expected.names:
        return Finding(
            "odd-names",
            f"the components of the {modality} vector cannot be matched: only some files name them",
            file=path,
            expected=f"{_describe(expected)}, {source}",
            found=_describe(layout),
            hint="export all files with the same header, or all without",
        )
    missing, additional = sorted(expected.names - layout.names), sorted(layout.names - expected.names)
    if not missing and may_have_more:
        return None
    parts = ("missing", missing), ("not expected", additional)
    return Finding(
        "odd-names",
        f"the components of the {modality} vector have other names",
        file=path,
        expected=f"{_describe(expected)}, {source}",
        found="; ".join(f"{word}: {format_quoted(names)}" for word, names in parts if names),
        hint=_HINT,
    )


def _describe(layout: VectorLayout) -> str:
    if not layout.names:
        return f"{format_count(layout.width, 'value')} without names"
    return f"{format_count(layout.width, 'value')} with names ({format_quoted(sorted(layout.names), 3)})"
