"""The label that a predicted score stands for, and the set of labels that its interval allows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdmr_classic.io.labels.scales import SCALES, Scale
from pdmr_classic.models.severity.status import derive_status


def describe(severity: float, low: float, high: float) -> pd.DataFrame:
    columns = {"severity": [severity], "severity_low": [low], "severity_high": [high], "severity_class": ["x"]}
    return pd.DataFrame(columns, index=["r1"])


@pytest.mark.parametrize(
    ("interval", "status", "labels"),
    [
        ((12.0, 9.6, 15.0), "Depression", ("Depression",)),  # 9.6 is rounded to 10
        ((12.0, 9.4, 15.0), "Depression", ("Depression", "Normal")),
        ((9.6, 5.0, 12.0), "Depression", ("Depression", "Normal")),
        ((9.4, 5.0, 12.0), "Normal", ("Depression", "Normal")),
        ((5.0, 0.0, 9.4), "Normal", ("Normal",)),
    ],
)
def test_the_label_set_holds_each_label_that_a_score_of_the_interval_stands_for(
    interval: tuple[float, float, float], status: str, labels: tuple[str, ...]
) -> None:
    (row,) = derive_status(describe(*interval), SCALES["phq8"]).to_dict("records")
    assert (row["status"], row["label_set"]) == (status, labels)
    assert list(row) == ["status", "label_set", "severity", "severity_low", "severity_high", "severity_class"]


def test_the_predicted_label_is_in_the_set_and_the_set_has_the_true_label_if_the_interval_has_the_true_score() -> None:
    rng = np.random.default_rng(0)
    severity, half, truth = rng.uniform(0, 24, 300), rng.uniform(0.5, 9, 300), np.round(rng.uniform(0, 24, 300))
    scale = SCALES["phq8"]
    table = pd.DataFrame(
        {
            "severity": severity,
            "severity_low": scale.clip(severity - half),
            "severity_high": scale.clip(severity + half),
        }
    )
    derived = derive_status(table, scale)
    assert all(row.status in row.label_set for row in derived.itertuples())
    is_covered = (truth >= derived["severity_low"]) & (truth <= derived["severity_high"])
    labels = np.where(scale.is_clinical(truth), "Depression", "Normal")
    assert all(
        label in found for label, found in zip(labels[is_covered], derived["label_set"][is_covered], strict=True)
    )


def test_a_recording_that_was_not_predicted_has_no_status_and_may_have_any_label() -> None:
    (row,) = derive_status(describe(np.nan, np.nan, np.nan), SCALES["phq8"]).to_dict("records")
    assert row["status"] == ""
    assert row["label_set"] == ("Depression", "Normal")


def test_a_scale_without_a_clinical_cutoff_has_no_status() -> None:
    table = describe(3.0, 1.0, 5.0)
    derived = derive_status(table, Scale("0:10", 0.0, 10.0))
    pd.testing.assert_frame_equal(derived, table)
    assert derived is not table
