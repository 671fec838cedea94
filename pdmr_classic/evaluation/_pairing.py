"""Check that the systems of two evaluations can be paired, and find the rows that all systems have."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import numpy as np
import pandas as pd

from pdmr_classic.errors import DataError
from pdmr_classic.evaluation.held_out_rows import Rows
from pdmr_classic.evaluation.predictions import CLASSES
from pdmr_classic.evaluation.scoring import Scoring
from pdmr_classic.text import format_list


def keep_common_rows(candidates: Mapping[str, Rows]) -> dict[str, Rows]:
    """Return the rows that every system has: a view does not predict recordings without its modality.

    Raises
    ------
    DataError
        There are none.
    """
    keys = {name: predictions.row_keys for name, predictions in candidates.items()}
    common = reduce(pd.MultiIndex.intersection, keys.values())
    if not len(common):
        raise DataError("no recording is predicted by all systems", code="unpaired", found=format_list(candidates))
    return {name: predictions.subset(keys[name].isin(common)) for name, predictions in candidates.items()}


def check_paired(a: Rows, b: Rows, names: str, scoring: Scoring[Rows]) -> None:
    """Raise unless two systems predict the same recordings in the same folds, with the same truth.

    Raises
    ------
    DataError
    """
    described = scoring.describe(a), scoring.describe(b)
    if described[0] != described[1]:
        raise _unpaired_error(names, "classes" if scoring.key == CLASSES else "scale", " and ".join(described))
    ids_a, ids_b = set(a.recording), set(b.recording)
    if ids_a != ids_b:
        raise _unpaired_error(
            names, "recordings", f"{len(ids_a)} and {len(ids_b)}, of which {len(ids_a & ids_b)} are shared"
        )
    if len(np.unique(a.repeat)) != len(np.unique(b.repeat)):
        raise _unpaired_error(names, "repeats", f"{len(np.unique(a.repeat))} and {len(np.unique(b.repeat))}")
    has_same_folds = len(a) == len(b) and all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("repeat", "fold", "recording")
    )
    if not has_same_folds:
        raise _unpaired_error(names, "folds", "the same recordings in different outer folds")
    for name, label in (("subject", "subjects"), ("truth", scoring.truth)):
        n_different = np.count_nonzero(getattr(a, name) != getattr(b, name))
        if n_different:
            raise _unpaired_error(names, label, f"{n_different} of {len(a)} rows differ")


def _unpaired_error(names: str, what: str, found: str) -> DataError:
    return DataError(
        f"the evaluations {names} differ in their {what}",
        code="unpaired",
        expected="the same recordings, labels, subjects and folds",
        found=found,
        hint="evaluate both on the same data, with the same --folds, --repeats, --seed and --groups",
    )
