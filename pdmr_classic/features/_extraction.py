"""What extraction returns: features of a data set, with what the files say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.features._file_rows import check_channels, collect_hashes, reject_odd_vectors, tabulate_rows
from pdmr_classic.features._jobs import Job
from pdmr_classic.features.file_features import FileRow
from pdmr_classic.features.file_records import FileRecord
from pdmr_classic.features.stored_table import FeatureTable
from pdmr_classic.io.set_checks import ExtractedFile, check_set, summarise_errors
from pdmr_classic.io.table_source import TableSource


@dataclass(frozen=True, eq=False)
class Extraction:
    """Features of a data set, and the problems found while reading it.

    Attributes
    ----------
    features : DataFrame
        Index `data_id`, columns `view__channel__functional`, float64; NaN if a feature cannot be computed, for
        example because the recording lacks the modality.
    errors : tuple of Finding
        Files that could not be used; their features are NaN.
    findings : tuple of Finding
        Problems with files that were read.
    content_hashes : DataFrame of str
        Index `data_id`, columns `video`, `audio` and further views: the hash of each file's bytes; empty without a
        file, and for a constant vector, because recordings that share such a placeholder are not copies. If the rows
        of the features are persons, those of this table are still recordings.
    files : tuple of ExtractedFile
        Facts about each file that was read.
    conflicts : tuple of Finding
        Files that do not fit together, such as those of two trackers; they have features nevertheless.
    recordings : DataFrame or None
        If the rows of `features` are persons: the features of their recordings.
    records : tuple of FileRecord
        What a feature table says about each file that was read, see `write_features`.
    """

    features: pd.DataFrame
    errors: tuple[Finding, ...]
    findings: tuple[Finding, ...]
    content_hashes: pd.DataFrame = field(default_factory=pd.DataFrame)
    files: tuple[ExtractedFile, ...] = ()
    conflicts: tuple[Finding, ...] = ()
    recordings: pd.DataFrame | None = None
    records: tuple[FileRecord, ...] = ()

    @property
    def recording_features(self) -> pd.DataFrame:
        """One row per recording, also if the rows of `features` are persons; same rows as `content_hashes`."""
        return self.features if self.recordings is None else self.recordings

    def require_features(self) -> pd.DataFrame:
        """Return the features if every file could be read, and all fit together.

        Raises
        ------
        DataError
            Lists every file that could not be used, or else the conflicts.
        """
        if errors := self.errors or summarise_errors(self.conflicts):
            raise DataError(errors[0], errors[1:])
        return self.features

    @property
    def names(self) -> Sequence[str]:
        """Names of the features."""
        return list(map(str, self.features.columns))

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.features)

    @property
    def nan_share(self) -> float:
        """Share of the values that are NaN."""
        return float(self.features.isna().to_numpy().mean())


def build_extraction(
    data_ids: list[str],
    jobs: list[Job],
    outcomes: list[FileRow | Finding],
    settings: Settings,
    modalities: Sequence[str],
    trained: tuple[str, ...] = (),
    table: FeatureTable | None = None,
) -> Extraction:
    """Collect the rows of all files, and what they say together.

    Parameters
    ----------
    data_ids : list of str
        Of the recordings.
    jobs : list of Job
    outcomes : list of FileRow or Finding
        The row of each job, or why there is none.
    settings : Settings
    modalities : sequence of str
    trained : tuple of str
        Features of recordings that a model was trained on; empty in training.
    table : FeatureTable, optional
        Where the rows come from, if not from files.
    """
    outcomes = reject_odd_vectors(jobs, outcomes, trained)
    used = [(job, row) for job, row in zip(jobs, outcomes, strict=True) if isinstance(row, FileRow)]
    # The rows of a table are not copied unless some were rejected.
    tabulate = table.tabulate if table is not None and len(used) == len(jobs) else tabulate_rows
    findings = [finding for _, row in used for finding in row.findings]
    findings += check_channels(jobs, outcomes)
    files = tuple(ExtractedFile(job.path, job.modality, row.facts) for job, row in used)
    warnings, conflicts = check_set(files, settings.reading)
    return Extraction(
        tabulate(data_ids, [(job.data_id, row) for job, row in used]),
        tuple(outcome for outcome in outcomes if isinstance(outcome, Finding)),
        (*findings, *warnings),
        collect_hashes(data_ids, jobs, outcomes, modalities),
        files,
        tuple(conflicts),
        records=tuple(
            FileRecord(job.data_id, job.modality, row.content, row.names, row.facts, job.fields) for job, row in used
        ),
    )


def require_table(source: TableSource, *, alter: bool) -> FeatureTable:
    """Return the table that stands for the recordings of a data set.

    Raises
    ------
    DataError
        The files are to be altered, which needs the recordings themselves.
    """
    if not isinstance(source, FeatureTable):
        raise TypeError(f"the table of a data set must be a FeatureTable, got {type(source).__name__}")
    if alter:
        raise DataError(
            "altered recordings need the recordings themselves",
            code="needs-recordings",
            file=source.path,
            expected="a folder with recordings",
            found="a feature table",
        )
    return source
