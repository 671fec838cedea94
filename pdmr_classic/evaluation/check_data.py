"""Check a data set for warnings, for errors, and for errors that only `fit` would raise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pdmr_classic.config import Settings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.embeddings import find_odd_widths
from pdmr_classic.io.inspection import FileFacts, find_repeated_contents
from pdmr_classic.io.openface import find_missing_channels
from pdmr_classic.models.target_checks import check_labels
from pdmr_classic.splits import count_feasible_folds
from pdmr_classic.subjects.copies import find_near_file_copies
from pdmr_classic.text import format_count


@dataclass(frozen=True, eq=False)
class DataCheck:
    """Result of `check_data`.

    Attributes
    ----------
    findings : list of Finding
        Warnings; the files can still be read.
    errors : list of Finding
        Folders, labels and files that cannot be used.
    fit_errors : list of Finding
        Errors that `fit` would raise for the labels of the training split.
    """

    findings: list[Finding]
    errors: list[Finding]
    fit_errors: list[Finding]


def check_data(
    splits: dict[str, tuple[Dataset, list[FileFacts]]], settings: Settings, errors: Sequence[Finding] = ()
) -> DataCheck:
    """Collect the warnings and errors of the splits of a data set, and the errors that `fit` would raise.

    Parameters
    ----------
    splits : dict of str to (Dataset, list of FileFacts)
    settings : Settings
    errors : sequence of Finding
        Errors of folders and label tables; the result also contains those of the files.
    """
    findings: list[Finding] = []
    errors = list(errors)
    for dataset, facts in splits.values():
        findings += [*dataset.findings, *(finding for fact in facts for finding in fact.findings)]
        errors += [fact.error for fact in facts if fact.error is not None]
        findings += find_missing_channels([(fact.path, fact.channels) for fact in facts if fact.channels])
        errors += find_odd_widths([(fact.path, fact.width) for fact in facts if fact.width]).values()
    findings += find_repeated_contents([fact for _, facts in splits.values() for fact in facts])
    findings += _find_shared_subjects([dataset for dataset, _ in splits.values()])
    if set(splits) == {"train", "test"}:
        findings += _find_near_copies(splits["test"][1], splits["train"][1])
    training_split = splits.get("train", next(iter(splits.values())))[0] if set(splits) != {"test"} else None
    return DataCheck(findings, errors, _find_fit_errors(training_split, settings))


def _find_shared_subjects(datasets: Sequence[Dataset]) -> list[Finding]:
    """Find subjects in both train and test; ignores splits without subject ids, where equal ids prove nothing."""
    known = [dataset for dataset in datasets if dataset.groups is not None and not dataset.lacks_subject_ids]
    if len(known) < 2:
        return []
    shared = set.intersection(*(set(dataset.groups.unique()) - {""} for dataset in known if dataset.groups is not None))
    if not shared:
        return []
    n_shared = format_count(len(shared), "subject is", "subjects are")
    what = f"{n_shared} in both train and test: test scores would be inflated by leakage"
    return [Finding("shared-subjects", what, file=known[-1].folder, hint="put each subject in only one split")]


def _find_near_copies(test: Sequence[FileFacts], train: Sequence[FileFacts]) -> list[Finding]:
    """Find test files that are nearly identical to a training file; `predict` will refuse them."""
    paths = {(fact.data_id, fact.modality): fact.path for fact in test}
    what = "a test recording is nearly identical to a training recording; if it is a copy, its score is inflated"
    return [
        Finding(
            "near-copy", what, file=paths[copy.data_id, copy.modality], found=f"train {copy.modality} {copy.original!r}"
        )
        for copy in find_near_file_copies(test, train)
    ]


def _find_fit_errors(dataset: Dataset | None, settings: Settings) -> list[Finding]:
    """Return the errors that `fit` would raise for these labels."""
    if dataset is None or dataset.status is None or dataset.groups is None:
        return []
    labelled = dataset.status != ""
    try:
        check_labels(dataset.status[labelled], settings.data.classes)
        count_feasible_folds(dataset.status[labelled], dataset.groups[labelled], settings.learning.folds)
    except DataError as error:
        return [replace(error.finding, file=error.finding.file or dataset.folder)]
    return []
