"""Compare the files of all parts of a store with each other, as the extractor does for a set in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pdmr_classic.config import Settings
from pdmr_classic.errors import Finding
from pdmr_classic.features._file_rows import check_channels, find_unfilled_families, merge_names, reject_odd_vectors
from pdmr_classic.features.file_features import FileRow
from pdmr_classic.features.registry import select_computed
from pdmr_classic.features.store._stored_files import PartFacts, hash_contents
from pdmr_classic.io.set_checks import ExtractedFile, check_set


@dataclass(frozen=True)
class WholeSet:
    """What all parts say together.

    Attributes
    ----------
    names : tuple of str
        The features, in the order of a table of all recordings.
    n_values : int
        Number of values that are not NaN.
    content : str or None
        Hash of the files, see `hash_contents`; None if it is not known.
    findings, errors, conflicts : tuple of Finding
        As of `Extraction`.
    """

    names: tuple[str, ...]
    n_values: int
    content: str | None
    findings: tuple[Finding, ...] = ()
    errors: tuple[Finding, ...] = ()
    conflicts: tuple[Finding, ...] = ()


def check_whole_set(parts: Iterable[PartFacts], modalities: Iterable[str], settings: Settings) -> WholeSet:
    """Return what all parts say together.

    Parameters
    ----------
    parts : iterable of PartFacts
        All parts, in their order.
    modalities : iterable of str
        In their order.
    settings : Settings
    """
    parts = list(parts)
    # In the order in which the extractor reads them: it decides the order of the columns.
    files = [file for name in modalities for part in parts for file in part.files if file.modality == name]
    outcomes = reject_odd_vectors(files, [file.row for file in files], ())
    used = [(file, row) for file, row in zip(files, outcomes, strict=True) if isinstance(row, FileRow)]
    described = [ExtractedFile(file.path, file.modality, row.facts) for file, row in used]
    warnings, conflicts = check_set(described, settings.reading)
    filled = dict.fromkeys(name for layout in dict.fromkeys(part.filled for part in parts) for name in layout)
    families = select_computed(settings.features, settings.plugins)
    findings = (
        *(finding for _, row in used for finding in row.findings),
        *check_channels(files, outcomes),
        *warnings,
        *find_unfilled_families(families, filled),
    )
    return WholeSet(
        tuple(merge_names(row.names for _, row in used)),
        sum(part.rows * len(part.columns) - part.n_missing for part in parts),
        hash_contents((file.data_id, file.modality, file.row.content) for file in files),
        findings,
        tuple(outcome for outcome in outcomes if isinstance(outcome, Finding)),
        tuple(conflicts),
    )
