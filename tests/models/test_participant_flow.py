"""The participant flow of `fit` and `evaluate` on folders with recordings that cannot be used."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import Dataset, Settings, evaluate, fit, load_dataset
from pdmr_classic.models.participant_flow import describe_selection
from pdmr_classic.progress import CollectingReporter

QUICK = Settings().override(
    {
        **{"learning.learners": ["linear"], "learning.trials": 1, "learning.repeats": 1, "learning.folds": 2},
        "learning.importance": False,
    }
)
Row = Mapping[str, str]


def write_set(folder: Path, rows: Mapping[str, Row], *, unlisted: Sequence[str] = ()) -> Path:
    """Write one audio vector per recording; `unlisted` recordings are not in the label table."""
    rng = np.random.default_rng(0)
    (folder / "audio").mkdir(parents=True)
    for name in (*rows, *unlisted):
        np.savetxt(folder / "audio" / f"{name}.csv", rng.normal(size=(1, 3)), fmt="%.6f", delimiter=",")
    columns = list(next(iter(rows.values())))
    lines = [",".join([name, *(row[column] for column in columns)]) for name, row in rows.items()]
    (folder / "labels.csv").write_text("\n".join([",".join(["data_id", *columns]), *lines]) + "\n")
    return folder


def make_rows(n_subjects: int = 12, **columns: str) -> dict[str, dict[str, str]]:
    """Return two recordings of each subject, half of which are positive."""
    return {
        f"r{k:02d}": {"status": ["Depression", "Normal"][k // 2 % 2], "subject_id": f"secret{k // 2}", **columns}
        for k in range(2 * n_subjects)
    }


def run_evaluate(data: Dataset, settings: Settings = QUICK) -> list[dict[str, Any]]:
    evaluation = evaluate(data, settings=settings, folds=3, repeats=1, stress=False, reporter=CollectingReporter())
    flow: list[dict[str, Any]] = json.loads(json.dumps(evaluation["flow"]))
    assert flow[-1]["n_recordings"] >= evaluation["n_recordings"]
    return flow


def run_fit(data: Dataset, settings: Settings = QUICK) -> list[dict[str, Any]]:
    flow: list[dict[str, Any]] = fit(data, settings=settings, reporter=CollectingReporter()).metadata_["flow"]
    return flow


def counts(flow: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, int | None]]:
    return {step["label"]: (step["n_recordings"], step["n_subjects"]) for step in flow}


def reasons(flow: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {part["why"]: part["n_recordings"] for step in flow for part in step["excluded"]}


def assert_adds_up(flow: Sequence[Mapping[str, Any]]) -> None:
    for step, following in pairwise(flow):
        excluded = sum(part["n_recordings"] for part in step["excluded"])
        assert step["n_recordings"] - excluded == following["n_recordings"]


@pytest.fixture
def unlabelled(tmp_path: Path) -> Path:
    """Return a set in which a label is empty, a recording is not in the table, and a file has no usable value."""
    rows = make_rows()
    rows["r00"]["status"] = ""
    folder = write_set(tmp_path / "set", rows, unlisted=["extra"])
    (folder / "video").mkdir()
    (folder / "audio" / "r01.csv").unlink()
    frames = "frame,timestamp,success,AU12_r\n" + "".join(f"{k},{k / 30:.3f},0,0\n" for k in range(1, 91))
    (folder / "video" / "r01.csv").write_text(frames)
    return folder


def test_unlabelled_and_unusable_recordings_are_excluded_with_a_reason(unlabelled: Path) -> None:
    data = load_dataset(unlabelled)
    for flow, last in ((run_evaluate(data), "held out at least once"), (run_fit(data), "trained on")):
        assert counts(flow) == {
            "in the folder": (25, None),
            "with a label": (23, 12),
            "with usable data": (22, 11),
            last: (22, 11),
        }
        assert reasons(flow) == {"without a label": 2, "no usable data": 1}
        assert_adds_up(flow)
        assert "secret" not in json.dumps(flow)


def test_without_subject_ids_the_number_of_subjects_is_unknown(tmp_path: Path) -> None:
    rows = {name: {"status": row["status"]} for name, row in make_rows().items()}
    data = load_dataset(write_set(tmp_path / "set", rows))
    for flow in (run_evaluate(data), run_fit(data)):
        assert {step["n_subjects"] for step in flow} == {None}


def test_with_a_column_split_fit_trains_on_train_and_evaluate_holds_out_the_rest(tmp_path: Path) -> None:
    rows = make_rows()
    for k, row in enumerate(rows.values()):
        row["split"] = "train" if k < 16 else "dev"
    folder = write_set(tmp_path / "set", rows)
    fitted = run_fit(load_dataset(folder, split="train"))
    assert counts(fitted) == {
        "in the folder": (24, None),
        **dict.fromkeys(("in the split train", "with a label", "with usable data", "trained on"), (16, 8)),
    }
    assert reasons(fitted) == {"in the split dev": 8}
    whole = run_fit(load_dataset(folder))
    assert counts(whole)["in the training split"] == counts(whole)["trained on"] == (16, 8)
    evaluated = run_evaluate(load_dataset(folder, all_splits=True))
    assert counts(evaluated)["in a split"] == (24, 12)
    assert counts(evaluated)["held out at least once"] == (8, 4)
    assert reasons(evaluated) == {"only trained on": 16}
    for flow in (fitted, whole, evaluated):
        assert_adds_up(flow)


def test_a_model_and_an_evaluation_of_the_same_data_have_the_same_fingerprint(tmp_path: Path) -> None:
    rows = make_rows()
    for k, row in enumerate(rows.values()):
        row["split"] = "train" if k < 16 else "dev"
        row["weight"] = str(1 + k % 2)
    folder = write_set(tmp_path / "set", rows)
    options = {"folds": 3, "repeats": 1, "stress": False, "reporter": CollectingReporter()}
    weighted = QUICK.override({"data.weights": "weight"})

    def fingerprints(data: Dataset, settings: Settings) -> tuple[dict[str, Any], str]:
        model = fit(data, settings=settings, reporter=CollectingReporter())
        return evaluate(data, settings=settings, **options)["data"], model.metadata_["data_fingerprint"]

    for settings in (QUICK, weighted):
        whole, trained = fingerprints(load_dataset(folder, all_splits=True), settings)
        assert whole["training_fingerprint"] == trained != whole["fingerprint"]
    train = load_dataset(folder, split="train")
    plain, trained = fingerprints(train, QUICK)
    assert plain["fingerprint"] == trained
    assert "training_fingerprint" not in plain
    other = fingerprints(train.subset(train.groups != "secret0"), QUICK)[1]
    assert other != trained


def test_recordings_with_a_weight_of_zero_are_not_trained_on(tmp_path: Path) -> None:
    rows = make_rows(weight="1")
    rows["r00"]["weight"] = rows["r01"]["weight"] = "0"
    flow = run_fit(load_dataset(write_set(tmp_path / "set", rows)), QUICK.override({"data.weights": "weight"}))
    assert counts(flow)["trained on"] == (22, 11)
    assert reasons(flow) == {"sample weight 0": 2}


def test_persons_with_events_are_counted_with_their_recordings(tmp_path: Path) -> None:
    rows = {
        f"{person:02d}_{event}": {"status": ["Depression", "Normal"][person % 2]}
        for person in range(12)
        for event in ("E1", "E2")
    }
    settings = QUICK.override({"data.events": r"re:^(\d+)_(E\d)$"})
    data = load_dataset(write_set(tmp_path / "set", rows, unlisted=["90_E1"]), settings=settings.data)
    for flow in (run_evaluate(data, settings), run_fit(data, settings)):
        assert flow[0]["n_recordings"] == 25
        assert {(step["n_recordings"], step["n_subjects"]) for step in flow[1:]} == {(24, 12)}
        assert reasons(flow) == {"without a label": 1}
        assert_adds_up(flow)


def test_recordings_that_the_user_did_not_select_are_told(tmp_path: Path) -> None:
    data = load_dataset(write_set(tmp_path / "set", make_rows()))
    assert data.groups is not None
    flow = run_fit(data.subset(data.groups != "secret0"))
    assert reasons(flow) == {"not selected": 2}


def test_real_recordings_whose_label_is_removed_are_excluded(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "badrobots-gaze"
    table = pd.read_csv(folder / "train" / "labels.csv", dtype=str)
    table.loc[table.index[:5], "status"] = ""
    table.to_csv(tmp_path / "labels.csv", index=False)
    data = load_dataset(folder, split="train", labels=tmp_path / "labels.csv")
    flow = describe_selection(data, data.select_labelled())
    assert [step["n_recordings"] for step in flow] == [90, 85]
    assert flow[1]["n_subjects"] == table["subject_id"][5:].nunique()
    assert reasons(flow) == {"without a label": 5}
