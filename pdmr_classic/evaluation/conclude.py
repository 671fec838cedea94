"""What a check of a data set means for `fit`, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pdmr_classic.errors import Finding
from pdmr_classic.evaluation.check_data import DataCheck
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.inspection import FileFacts
from pdmr_classic.storage.location import parse_location

Splits = Mapping[str, tuple[Dataset, Sequence[FileFacts]]]


def conclude(splits: Splits, check: DataCheck) -> tuple[bool, str]:
    """Return whether `fit` can use a data set, and a sentence that says so or why not.

    Errors in files that `fit` does not read, those of other splits and of recordings without a label, do not stop it.

    Parameters
    ----------
    splits : mapping of str to (Dataset, list of FileFacts)
    check : DataCheck
        Of the same splits.
    """
    name = "train" if "train" in splits else next(iter(splits))
    if name == "test":
        return False, "There is no training set: fit needs one, predict does not."
    dataset, facts = splits[name]
    if dataset.labels is None and not check.errors:
        return False, "fit would stop: there are no labels. predict needs none."
    ignored = _list_ignored_files(splits, name)
    errors = [*(error for error in check.errors if not _is_ignored(error, ignored)), *check.fit_errors]
    # fit checks the labels before it reads a file.
    files = {str(fact.path) for fact in facts}
    errors.sort(key=lambda error: str(error.file) in files)
    if not errors:
        of_split = f" (split {name})" if len(splits) > 1 else ""
        return True, f"fit can use this data{of_split}."
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return False, f"fit would stop: {errors[0].what}{more}"


def _list_ignored_files(splits: Splits, training: str) -> set[Path]:
    """Return the files and folders that only concern other splits, and the files of recordings without a label."""
    dataset, facts = splits[training]
    labelled = set() if dataset.labelled is None else set(dataset.labelled.index[dataset.labelled])
    ignored = {fact.path for fact in facts if labelled and fact.data_id not in labelled}
    for name, (other, other_facts) in splits.items():
        if name != training:
            ignored |= {fact.path for fact in other_facts}
            ignored |= {other.folder} if other.folder != dataset.folder else set()
    return ignored


def _is_ignored(error: Finding, ignored: set[Path]) -> bool:
    return error.file is not None and not ignored.isdisjoint({(path := parse_location(error.file)), *path.parents})
