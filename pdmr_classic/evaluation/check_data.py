"""What `check` concludes about a data set: what was noticed, what is refused, and what `fit` would refuse later."""

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
from pdmr_classic.splits import feasible_folds
from pdmr_classic.subjects.copies import find_near_copies_of_files
from pdmr_classic.text import format_count


@dataclass(frozen=True, eq=False)
class DataCheck:
    """What `check` concludes.

    Attributes
    ----------
    findings : list of Finding
        Noticed, and read all the same.
    refused : list of Finding
    refused_by_fit : list of Finding
        What `fit` would refuse in the labels of the split that it would learn from.
    """

    findings: list[Finding]
    refused: list[Finding]
    refused_by_fit: list[Finding]


def check_data(
    splits: dict[str, tuple[Dataset, list[FileFacts]]], settings: Settings, refused: Sequence[Finding] = ()
) -> DataCheck:
    """Return what was noticed in the splits of a data set, what is refused, and what `fit` would refuse.

    Parameters
    ----------
    splits : dict of str to (Dataset, list of FileFacts)
    settings : Settings
    refused : sequence of Finding
        What the folders and the labels themselves were refused for; refused files are added to it.
    """
    findings: list[Finding] = []
    refused = list(refused)
    for dataset, facts in splits.values():
        findings += [*dataset.findings, *(finding for fact in facts for finding in fact.findings)]
        refused += [fact.refused for fact in facts if fact.refused is not None]
        findings += find_missing_channels([(fact.path, fact.channels) for fact in facts if fact.channels])
        refused += find_odd_widths([(fact.path, fact.width) for fact in facts if fact.width]).values()
    findings += find_repeated_contents([fact for _, facts in splits.values() for fact in facts])
    findings += _shared_subjects([dataset for dataset, _ in splits.values()])
    if set(splits) == {"train", "test"}:
        findings += _near_copies(splits["test"][1], splits["train"][1])
    trained_on = splits.get("train", next(iter(splits.values())))[0] if set(splits) != {"test"} else None
    return DataCheck(findings, refused, _refused_by_fit(trained_on, settings))


def _shared_subjects(datasets: Sequence[Dataset]) -> list[Finding]:
    """Tell of subjects in train and test. Where each recording is its own subject, equal ids are no equal people."""
    known = [dataset for dataset in datasets if dataset.groups is not None and not dataset.has_own_groups]
    if len(known) < 2:
        return []
    shared = set.intersection(*(set(dataset.groups.unique()) - {""} for dataset in known if dataset.groups is not None))
    if not shared:
        return []
    n_shared = format_count(len(shared), "subject is", "subjects are")
    what = f"{n_shared} in both train and test: scores on test would be inflated by the leak"
    return [Finding("shared-subjects", what, file=known[-1].folder, hint="keep each subject on one side")]


def _near_copies(test: Sequence[FileFacts], train: Sequence[FileFacts]) -> list[Finding]:
    """Tell of test files that nearly repeat a training file: `predict` will refuse them."""
    paths = {(fact.data_id, fact.modality): fact.path for fact in test}
    what = "a test recording is all but identical to one in train; if it is a copy, a score on it is a leak"
    return [
        Finding("near-copy", what, file=paths[copy.data_id, copy.modality], found=f"train {copy.modality} {copy.of!r}")
        for copy in find_near_copies_of_files(test, train)
    ]


def _refused_by_fit(dataset: Dataset | None, settings: Settings) -> list[Finding]:
    """Say now what `fit` would refuse later."""
    if dataset is None or dataset.status is None or dataset.groups is None:
        return []
    known = dataset.status != ""
    try:
        check_labels(dataset.status[known], settings.data.classes)
        feasible_folds(dataset.status[known], dataset.groups[known], settings.learning.folds)
    except DataError as error:
        return [replace(error.finding, file=error.finding.file or dataset.folder)]
    return []
