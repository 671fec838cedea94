from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdmr_classic.metrics import score
from pdmr_classic.models.decision.hints import find_mixed_subjects, find_prediction_hints, find_training_hints

CLASSES = ["no", "yes"]


def repeat(n_yes: int, n_no: int) -> list[str]:
    return ["yes"] * n_yes + ["no"] * n_no


@pytest.mark.parametrize(
    ("status", "predicted", "codes"),
    [
        (repeat(10, 10), repeat(9, 11), []),
        (repeat(10, 10), repeat(20, 0), ["nearly-all-positive"]),
        (repeat(10, 10), repeat(0, 20), ["below-floor"]),
        (repeat(18, 2), repeat(20, 0), []),
    ],
)
def test_scores_that_mislead_are_told(status: list[str], predicted: list[str], codes: list[str]) -> None:
    oof = pd.DataFrame({"status": status, "predicted": predicted})
    hints = find_training_hints(oof, score(status, predicted, positive="yes"), "yes")
    assert [hint.code for hint in hints] == codes
    assert not find_training_hints(oof, {}, None)


@pytest.mark.parametrize(
    ("n_yes", "n_no", "is_corrected", "codes"),
    [
        (24, 0, False, ["nearly-all-positive"]),
        (24, 0, True, ["nearly-all-positive"]),
        (4, 0, False, []),
        (20, 5, False, ["share-differs"]),
        (20, 5, True, []),
        (12, 13, False, []),
    ],
)
def test_the_share_of_positive_predictions_is_compared_with_training(
    n_yes: int, n_no: int, is_corrected: bool, codes: list[str]
) -> None:
    status, priors = pd.Series(repeat(n_yes, n_no)), np.array([0.5, 0.5])
    hints = find_prediction_hints(status, "yes", priors, CLASSES, is_corrected=is_corrected)
    assert [hint.code for hint in hints] == codes


def test_pooling_subjects_with_several_labels_is_told() -> None:
    subjects = np.array(["a", "a", "b", "b"], dtype=object)
    (finding,) = find_mixed_subjects(pd.Series(["yes", "no", "yes", ""]), subjects)
    assert finding.what.startswith("1 subject has recordings with different labels")
    assert not find_mixed_subjects(pd.Series(["yes", "", "no", "no"]), subjects)
    assert not find_mixed_subjects(None, subjects)
    assert not find_mixed_subjects(pd.Series(["yes", "no", "yes", "no"]), None)
