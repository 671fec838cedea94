"""Check a data set for warnings, for errors, and for errors that only `fit` would raise."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.features.exclusions import find_exclusions
from pdmr_classic.features.names import audio_channel, feature_name
from pdmr_classic.io.audio.vector_layouts import VectorLayout, find_odd_layouts
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.inspection import FileFacts, find_repeated_contents
from pdmr_classic.io.labels.subject_ids import find_shared_subjects
from pdmr_classic.io.set_checks import check_set, order_modalities
from pdmr_classic.io.video.missing_channels import find_missing_channels
from pdmr_classic.models.targets import select_targets
from pdmr_classic.subjects.copies import find_near_file_copies, find_near_file_copies_between_subjects
from pdmr_classic.text import format_count, format_list


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
    fit_errors: list[Finding] = []
    for name, (dataset, facts) in splits.items():
        # All splits are read here, so it is not true that only one is used.
        findings += [finding for finding in dataset.findings if finding.code != "split" or len(splits) == 1]
        findings += [finding for fact in facts for finding in fact.findings]
        errors += [fact.error for fact in facts if fact.error is not None]
        for modality in order_modalities(fact.modality for fact in facts):
            own = [fact for fact in facts if fact.modality == modality]
            findings += find_missing_channels([(fact.path, fact.channels) for fact in own if fact.channels])
            vectors = [(fact.path, VectorLayout(fact.width, frozenset(fact.components))) for fact in own if fact.width]
            errors += find_odd_layouts(vectors, modality=modality).values()
        set_findings, set_errors = check_set(facts, settings.reading)
        # What fit refuses in a training set, predict refuses in a test set; other commands can use either.
        findings += [*set_findings, *(set_errors if name == "test" else ())]
        fit_errors += set_errors if name != "test" else []
        findings += [
            replace(finding, file=dataset.folder) for finding in find_exclusions(facts, _collect_vectors(facts))[1]
        ]
        if name != "test" and (near := find_near_file_copies_between_subjects(facts, _find_subjects(dataset))):
            findings.append(replace(near, file=dataset.folder))
    findings += find_repeated_contents([fact for _, facts in splits.values() for fact in facts])
    findings += _find_shared_subjects([dataset for dataset, _ in splits.values()])
    if {"train", "test"} <= set(splits):
        findings += _find_near_copies(splits["test"][1], splits["train"][1])
    training_split = splits.get("train", next(iter(splits.values())))[0] if set(splits) != {"test"} else None
    target_findings, target_errors = _check_target(training_split, settings)
    findings += target_findings
    fit_errors += target_errors
    # The splits of one folder have findings about the folder in common.
    return DataCheck(list(dict.fromkeys(findings)), list(dict.fromkeys(errors)), list(dict.fromkeys(fit_errors)))


def _find_subjects(dataset: Dataset) -> pd.Series | None:
    """Return the subject of each recording that has files."""
    owners = dataset.owners
    return None if dataset.groups is None else dataset.groups.loc[owners].set_axis(owners.index)


def _collect_vectors(facts: Sequence[FileFacts]) -> pd.DataFrame:
    """Return the vectors of each modality, as the table in which counters are sought."""
    modalities = order_modalities(fact.modality for fact in facts if fact.width)
    return pd.concat([pd.DataFrame(), *(_collect_modality(facts, name) for name in modalities)], axis=1)


def _collect_modality(facts: Sequence[FileFacts], modality: str) -> pd.DataFrame:
    """Return the vectors of a modality with the most frequent components."""
    usable = (fact for fact in facts if fact.modality == modality and fact.width and fact.signature is not None)
    vectors = {fact.data_id: fact for fact in usable}
    components = Counter(fact.components or tuple(map(str, range(fact.width))) for fact in vectors.values())
    common = components.most_common(1)[0][0] if components else ()
    names = [feature_name(modality, audio_channel(is_netvlad=False), component) for component in common]
    rows = {
        data_id: fact.signature
        for data_id, fact in vectors.items()
        if (fact.components or tuple(map(str, range(fact.width)))) == common
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=names)


def _find_shared_subjects(datasets: Sequence[Dataset]) -> list[Finding]:
    """Find subjects in two splits; ignores splits without subject ids, where equal ids prove nothing."""
    known = [
        (dataset.split or dataset.folder.resolve().name, dataset.folder, dataset.groups)
        for dataset in datasets
        if dataset.groups is not None and not dataset.lacks_subject_ids
    ]
    pairs = [
        (f"{name} and {other_name}", folder, find_shared_subjects(groups, other_groups))
        for (name, _, groups), (other_name, folder, other_groups) in itertools.combinations(known, 2)
    ]
    return [_make_shared_finding(names, folder, shared) for names, folder, shared in pairs if shared]


def _make_shared_finding(names: str, folder: Path, shared: Sequence[tuple[str, str]]) -> Finding:
    n_shared = format_count(len(shared), "subject is", "subjects are")
    differ = [f"{one!r} = {other!r}" for one, other in shared if one != other]
    return Finding(
        "shared-subjects",
        f"{n_shared} in both {names}: test scores would be inflated by leakage",
        file=folder,
        found=format_list(differ) or None,
        hint="put each subject in only one split",
    )


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


def _check_target(dataset: Dataset | None, settings: Settings) -> tuple[list[Finding], list[Finding]]:
    """Return what `fit` would tell about classes, scores and conditions in the table, and the errors it would raise."""
    # Without a label table, a folder may be one to predict; without groups, the subjects were refused before.
    if dataset is None or dataset.labels is None or dataset.groups is None:
        return [], []
    try:
        _, targets = select_targets(dataset, settings)
    except (DataError, ConfigError) as error:
        return [], [replace(error.finding, file=error.finding.file or dataset.folder)]
    return list(targets.findings), []
