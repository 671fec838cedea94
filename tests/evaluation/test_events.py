"""Persons with events against pooled recordings, in the same outer folds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pdmr_classic.config import Settings
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.evaluation.events import conclude_events, predict_pooled_recordings
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.stored_systems import read_systems
from pdmr_classic.evaluation.table import EvaluationTable, make_table
from pdmr_classic.features.events import pivot_events
from pdmr_classic.io.layouts.recordings import Recording
from pdmr_classic.models.training import RecordingTable
from pdmr_classic.progress import CollectingReporter

SETTINGS = Settings().override(
    {"learning.learners": ["linear"], "learning.trials": 1, "learning.repeats": 1, "learning.folds": 2}
)


def simulate(n: int = 48) -> tuple[pd.DataFrame, list[Recording], pd.Series]:
    """Return recordings of persons whose classes differ in the change from E1 to E2 only."""
    rng = np.random.default_rng(3)
    status = pd.Series(["Depression", "Normal"] * (n // 2), [f"{k:02d}" for k in range(n)], dtype=object)
    rows = {}
    for person, label in status.items():
        level = rng.normal(size=3)
        for event, sign in (("E1", -1), ("E2", 1)):
            rows[f"{person}_{event}"] = level + 0.3 * rng.normal(size=3) + sign * 0.6 * (label == "Depression")
    names = [f"video__ch{k:03d}__mean" for k in range(3)]
    persons = [
        Recording(name, events=tuple((event, Recording(f"{name}_{event}")) for event in ("E1", "E2")))
        for name in status.index
    ]
    return pd.DataFrame.from_dict(rows, orient="index", columns=names), persons, status.rename_axis("data_id")


@pytest.fixture(scope="module")
def table() -> EvaluationTable:
    features, persons, status = simulate()
    owners = pd.Series([name.partition("_")[0] for name in features.index], features.index)
    return make_table(
        pivot_events(features, persons)[0],
        status,
        pd.Series(status.index, status.index),
        positive="Depression",
        altered={},
        weights=None,
        rows=pd.Series(True, status.index),
        recordings=RecordingTable(features, owners),
    )


def test_both_are_scored_on_the_same_persons_and_a_planted_change_is_found_by_events_only(
    table: EvaluationTable,
) -> None:
    evaluation = evaluate_features(
        table.features,
        table.status,
        table.groups,
        recordings=table.recordings,
        settings=SETTINGS,
        folds=2,
        repeats=1,
        reporter=CollectingReporter(),
    )
    events = evaluation["events"]
    assert (events["names"], events["n_persons"], events["n_recordings"]) == (["E1", "E2"], 48, 96)
    assert evaluation["scores"]["auc"]["mean"] > 0.9
    assert events["pooled_recordings"]["scores"]["auc"]["mean"] < 0.75
    # All persons differ alike, so that there is no interval.
    assert events["differences"]["auc"]["difference"] > 0.25
    assert events["differences"]["auc"]["low"] is None
    assert events["pooled_recordings"]["n_recordings"] == evaluation["n_recordings"] == 48
    assert "AUC differs by +0.50 (no interval: " in evaluation["conclusion"][-1]
    assert len(read_systems(evaluation)["pooled recordings"]) == 48


def test_without_events_there_is_nothing_about_them(table: EvaluationTable) -> None:
    evaluation = evaluate_features(
        table.features, table.status, table.groups, settings=SETTINGS, folds=2, repeats=1, reporter=CollectingReporter()
    )
    assert "events" not in evaluation
    assert "pooled recordings" not in evaluation["systems"]


def test_labels_of_held_out_persons_do_not_reach_the_pooled_recordings(table: EvaluationTable) -> None:
    outer = OuterFold(0, 0, np.arange(32), np.arange(32, 48))
    swapped = table.status.copy()
    swapped.iloc[32:] = swapped.iloc[32:][::-1].to_numpy()
    expected = predict_pooled_recordings(table, SETTINGS, outer)
    found = predict_pooled_recordings(replace(table, status=swapped), SETTINGS, outer)
    assert expected is not None
    pd.testing.assert_frame_equal(expected, found)
    assert list(expected.index) == list(table.features.index[32:])


def test_features_of_other_persons_do_not_reach_a_row() -> None:
    features, persons, _ = simulate()
    changed = features.copy()
    changed.loc[changed.index.str.startswith("07")] += 100
    before, after = (pivot_events(one, persons)[0] for one in (features, changed))
    pd.testing.assert_frame_equal(before.drop("07"), after.drop("07"))
    assert not before.loc["07"].equals(after.loc["07"])


def test_the_conclusion_says_how_they_differ() -> None:
    differences = {
        "f1": {"difference": -0.2, "low": -0.3, "high": -0.1},
        "auc": {"difference": None, "low": None, "high": None},
    }
    assert conclude_events({"differences": differences}) == [
        "Learning on persons with their events, instead of pooling predictions for single recordings: "
        "AUC cannot be compared and F1 is lower: -0.20 (-0.30 to -0.10)"
    ]
