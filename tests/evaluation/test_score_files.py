from __future__ import annotations

import json
from pathlib import Path

import pytest

from pdmr_classic import DataError, make_synthetic
from pdmr_classic.errors import ConfigError
from pdmr_classic.evaluation.score_files import score_files

LABELS = {"001": "Depression", "002": "Depression", "003": "Depression", "004": "Normal", "005": "Normal"}
PREDICTED = {"001": "Depression", "002": "Depression", "003": "Normal", "004": "Depression", "005": "Normal"}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Return results and labels: two of three depressed recordings are correct, one of two others is not."""
    return write_results(tmp_path, PREDICTED), write_labels(tmp_path, LABELS)


def write_results(folder: Path, predicted: dict[str, str], probability: float | None = None) -> Path:
    more = {} if probability is None else {"probability": probability}
    lines = [json.dumps({"data_id": data_id, "status": status, **more}) + "\n" for data_id, status in predicted.items()]
    (folder / "results.jsonl").write_text("".join(lines))
    return folder / "results.jsonl"


def write_labels(folder: Path, truth: dict[str, str]) -> Path:
    rows = [f"{data_id},{status}\n" for data_id, status in truth.items()]
    (folder / "labels.csv").write_text("data_id,status\n" + "".join(rows))
    return folder / "labels.csv"


def test_scores_equal_hand_computed_values(files: tuple[Path, Path]) -> None:
    scores = score_files(*files)
    assert scores["positive"] == "Depression"
    assert scores["n"] == 5
    assert scores["precision"] == pytest.approx(2 / 3)
    assert scores["recall"] == pytest.approx(2 / 3)
    assert scores["f1"] == pytest.approx(2 / 3)
    assert scores["floor"] == pytest.approx(2 * 0.6 / (1 + 0.6))
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert scores["findings"] == []
    assert scores["synthetic"] is False


def test_the_other_class_can_be_the_positive_one(files: tuple[Path, Path]) -> None:
    scores = score_files(*files, positive="Normal")
    assert scores["f1"] == pytest.approx(1 / 2)
    assert scores["floor"] == pytest.approx(2 * 0.4 / 1.4)


def test_probabilities_are_scored_if_every_line_has_one(tmp_path: Path) -> None:
    path = write_results(tmp_path, PREDICTED, probability=0.6)
    scores = score_files(path, write_labels(tmp_path, LABELS))
    assert scores["auc"] == pytest.approx(0.5)
    assert scores["brier"] == pytest.approx((3 * 0.16 + 2 * 0.36) / 5)


def test_several_classes_have_macro_f1_but_no_f1(tmp_path: Path) -> None:
    truth = {"1": "a", "2": "b", "3": "c"}
    scores = score_files(write_results(tmp_path, truth), write_labels(tmp_path, truth))
    assert scores["positive"] is None
    assert scores["macro_f1"] == 1
    assert "f1" not in scores


def test_unmatched_ids_are_left_out_with_a_note(tmp_path: Path) -> None:
    predicted = {"001": "Depression", "004": "Normal", "777": "Normal"}
    scores = score_files(write_results(tmp_path, predicted), write_labels(tmp_path, LABELS))
    assert scores["n"] == 2
    assert scores["f1"] == 1
    without_result, without_label = scores["findings"]
    assert without_result.what.startswith("3 rows of the label table have no result")
    assert without_result.found == "002, 003, 005"
    assert without_label.what.startswith("1 result has no label")
    assert without_label.found == "777"


def test_recordings_without_a_label_are_left_out_with_a_note(tmp_path: Path) -> None:
    scores = score_files(write_results(tmp_path, PREDICTED), write_labels(tmp_path, LABELS | {"003": ""}))
    assert scores["n"] == 4
    assert scores["recall"] == 1
    assert [finding.what for finding in scores["findings"]] == ["1 result has no label and is left out"]


def test_a_result_of_an_unknown_class_is_refused(tmp_path: Path) -> None:
    path = write_results(tmp_path, PREDICTED | {"003": "Sad"})
    with pytest.raises(DataError, match=r"unknown label[^\0]*Depression or Normal[^\0]*'Sad' for '003'"):
        score_files(path, write_labels(tmp_path, LABELS))


def test_the_classes_are_those_of_all_labels(tmp_path: Path) -> None:
    """If the matched recordings happen to have only one class, the other class is still known."""
    scores = score_files(
        write_results(tmp_path, {"001": "Depression", "002": "Normal"}), write_labels(tmp_path, LABELS)
    )
    assert scores["positive"] == "Depression"
    assert scores["f1"] == pytest.approx(2 / 3)
    assert scores["floor"] == 1
    with pytest.raises(DataError, match="unknown label"):
        score_files(write_results(tmp_path, {"001": "Sad"}), write_labels(tmp_path, LABELS))


def test_an_unknown_positive_class_is_refused(files: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigError, match=r"--positive must be one of the classes[^\0]*Depression or Normal"):
        score_files(*files, positive="Sad")


def test_results_of_another_set_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"results and label table have no data_id in common[^\0]*'001'[^\0]*'a1'"):
        score_files(write_results(tmp_path, {"a1": "Normal"}), write_labels(tmp_path, LABELS))


def test_labels_without_a_column_status_are_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("data_id,severity\n001,12\n")
    with pytest.raises(DataError, match=r"the label table has no column status[^\0]*severity"):
        score_files(write_results(tmp_path, PREDICTED), tmp_path / "labels.csv")


@pytest.mark.parametrize("probability", [1.5, -0.1, float("nan")])
def test_an_invalid_probability_is_refused(tmp_path: Path, probability: float) -> None:
    path = write_results(tmp_path, PREDICTED, probability=probability)
    with pytest.raises(DataError, match=r"a probability must be between 0 and 1[^\0]*from 0 to 1"):
        score_files(path, write_labels(tmp_path, LABELS))


def test_scores_on_a_synthetic_set_are_marked(tmp_path: Path) -> None:
    make_synthetic(tmp_path / "set", subjects=8, segments=1, seconds=(1, 2))
    rows = (tmp_path / "set/test/labels.csv").read_text().splitlines()[1:]
    predicted = dict(row.split(",")[:2] for row in rows)
    assert score_files(write_results(tmp_path, predicted), tmp_path / "set/test/labels.csv")["synthetic"] is True


@pytest.mark.parametrize("probability", [None, 0.5])
def test_swapped_files_are_refused(tmp_path: Path, probability: float | None) -> None:
    predicted, truth = write_results(tmp_path, PREDICTED, probability), write_labels(tmp_path, LABELS)
    with pytest.raises(
        DataError, match=r"seem to be swapped[^\0]*labels.csv, then results.jsonl[^\0]*pass the results first"
    ):
        score_files(truth, predicted)


def test_swapped_json_lines_are_refused_if_the_results_contain_probabilities(tmp_path: Path) -> None:
    truth = write_results(tmp_path, LABELS).rename(tmp_path / "labels.jsonl")
    with pytest.raises(DataError, match="seem to be swapped"):
        score_files(truth, write_results(tmp_path, PREDICTED, 0.5))


def test_a_results_file_may_have_any_name(tmp_path: Path) -> None:
    predicted = write_results(tmp_path, PREDICTED).rename(tmp_path / "results.json")
    assert score_files(predicted.rename(tmp_path / "predicted.jsonl"), write_labels(tmp_path, LABELS))["n"] == 5
