"""Extract the features of a data set into a store, part by part, in memory that hardly grows with the recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.features._baseline_change import wants_changes
from pdmr_classic.features._jobs import find_kinds
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.features.store._manifest import Manifest
from pdmr_classic.features.store._part_writer import PartWriter
from pdmr_classic.features.store._parts import read_parts, split_rows
from pdmr_classic.features.store._stored_files import drop_details, hash_contents, list_stored_files
from pdmr_classic.features.store._whole_set import WholeSet, check_whole_set
from pdmr_classic.features.store.folder import check_store_writable
from pdmr_classic.features.table_facts import describe_table
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.set_checks import summarise_errors


@dataclass(frozen=True)
class StoredFeatures:
    """What was written into a store.

    Attributes
    ----------
    names : tuple of str
        The features.
    n_rows : int
    n_missing : int
        Number of values that are NaN.
    findings : tuple of Finding
        As `Extraction.findings`.
    """

    names: tuple[str, ...]
    n_rows: int
    n_missing: int
    findings: tuple[Finding, ...]

    @property
    def nan_share(self) -> float:
        """Share of the values that are NaN."""
        n_values = self.n_rows * len(self.names)
        return self.n_missing / n_values if n_values else float("nan")


def extract_store(
    extractor: FeatureExtractor, dataset: Dataset, folder: str | Path, labels: pd.DataFrame | None = None
) -> StoredFeatures:
    """Write the features of a data set into a store: the same table as `FeatureExtractor.transform` returns.

    Parts that an earlier run with the same files, settings and exclusions has finished are not computed again, and
    with other recordings only the new and changed files are read, unless the cache of the extractor is None. The
    manifest is written last; without it, the store is not complete. Features from the label table (covariates, changes
    from a baseline, events) need all rows at once: these are then in memory, and all files are read.

    Parameters
    ----------
    extractor : FeatureExtractor
        Its cache is not used: the store has its own, until each part is finished.
    dataset : Dataset
    folder : path-like
        New, empty, or a store. The caller holds its lock.
    labels : DataFrame of str, optional
        Columns to write before the features, see `collect_label_columns`; same rows.

    Raises
    ------
    DataError
        Lists every file that could not be used, or else those that do not fit together; finished parts are kept.
    TargetError
        The folder contains other files, or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pdmr_classic import load_dataset, make_synthetic
    >>> from pdmr_classic.features.store.read import read_store
    >>> with tempfile.TemporaryDirectory() as tmp:
    ...     data = load_dataset(make_synthetic(f"{tmp}/set", subjects=8, segments=1, seconds=(2, 3)).out, split="test")
    ...     stored = extract_store(FeatureExtractor(), data, f"{tmp}/store")
    ...     len(data), stored.n_rows, len(stored.names) == read_store(f"{tmp}/store").features.shape[1]
    (3, 3, True)
    """
    folder = Path(folder)
    check_store_writable(folder)
    settings = extractor.settings or Settings()
    writer = PartWriter(folder, dataset.folder, describe_table(settings), labels)
    writer.start()
    try:
        in_memory = _needs_all_rows(dataset, settings)
        whole = (_write_in_memory if in_memory else _write_part_by_part)(extractor, dataset, writer)
        return _finish(writer, whole, dataset)
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(f"finished parts are saved in {folder}")
        raise


def _write_part_by_part(extractor: FeatureExtractor, dataset: Dataset, writer: PartWriter) -> WholeSet:
    _refuse(read_parts(extractor, dataset, writer))
    parts = (drop_details(writer.read_facts(number)) for number in range(len(split_rows(len(dataset)))))
    whole = check_whole_set(parts, find_kinds(dataset, ()), extractor.settings or Settings())
    _refuse(whole.errors or summarise_errors(whole.conflicts))
    return whole


def _finish(writer: PartWriter, whole: WholeSet, dataset: Dataset) -> StoredFeatures:
    """Give all parts the same columns, and write the manifest."""
    names = list(whole.names)
    parts = tuple(writer.unify(number, names) for number in range(len(split_rows(len(dataset)))))
    source = {"recordings": len(dataset.singles), "content": whole.content, "synthetic": dataset.is_synthetic}
    writer.finish(Manifest(writer.facts, parts, len(names), source))
    n_rows = sum(part.rows for part in parts)
    # Of a part without a column, all its rows lack the value.
    n_missing = n_rows * len(names) - whole.n_values
    return StoredFeatures(whole.names, n_rows, n_missing, whole.findings)


def _refuse(errors: Sequence[Finding]) -> None:
    if errors:
        raise DataError(errors[0], errors[1:])


def _needs_all_rows(dataset: Dataset, settings: Settings) -> bool:
    has_events = any(recording.events for recording in dataset.recordings)
    return bool(has_events or settings.data.covariates or wants_changes(settings))


def _write_in_memory(extractor: FeatureExtractor, dataset: Dataset, writer: PartWriter) -> WholeSet:
    extraction = extractor.extract(dataset)
    features = extraction.require_features()
    files = list_stored_files(extraction, dataset)
    n_values = 0
    for number, rows in enumerate(split_rows(len(features))):
        part = features.iloc[rows]
        n_values += int(part.notna().to_numpy().sum())
        ids = set(part.index)
        writer.write(number, part, [file for file in files if file.data_id in ids], "")
    what = "covariates, changes from a baseline and events need all recordings at once: these were in memory"
    findings = (*extraction.findings, Finding("store-in-memory", what))
    content = hash_contents((file.data_id, file.modality, file.row.content) for file in files) if files else None
    return WholeSet(tuple(map(str, features.columns)), n_values, content, findings)
