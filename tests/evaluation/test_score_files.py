from __future__ import annotations

import json
from pathlib import Path

import pytest

from pdmr_classic import DataError, make_synthetic
from pdmr_classic.errors import ConfigError
from pdmr_classic.evaluation.score_files import score_files

LABELS = {"001": "Depression", "002": "Depression", "003": "Depression", "004": "Normal", "005": "Normal"}
SAID = {"001": "Depression", "002": "Depression", "003": "Normal", "004": "Depression", "005": "Normal"}


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, Path]:
    """Return results and labels: two of three depressed are found, one of two others is called so."""
    return results(tmp_path, SAID), labels(tmp_path, LABELS)


def results(folder: Path, said: dict[str, str], probability: float | None = None) -> Path:
    more = {} if probability is None else {"probability": probability}
    lines = [json.dumps({"data_id": data_id, "status": status, **more}) + "\n" for data_id, status in said.items()]
    (folder / "results.jsonl").write_text("".join(lines))
    return folder / "results.jsonl"


def labels(folder: Path, truth: dict[str, str]) -> Path:
    rows = [f"{data_id},{status}\n" for data_id, status in truth.items()]
    (folder / "labels.csv").write_text("data_id,status\n" + "".join(rows))
    return folder / "labels.csv"


def test_scores_equal_those_by_hand(written: tuple[Path, Path]) -> None:
    found = score_files(*written)
    assert found["positive"] == "Depression"
    assert found["n"] == 5
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["f1"] == pytest.approx(2 / 3)
    assert found["floor"] == pytest.approx(2 * 0.6 / (1 + 0.6))
    assert found["macro_f1"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found["findings"] == []
    assert found["synthetic"] is False


def test_the_other_class_may_be_asked_about(written: tuple[Path, Path]) -> None:
    found = score_files(*written, positive="Normal")
    assert found["f1"] == pytest.approx(1 / 2)
    assert found["floor"] == pytest.approx(2 * 0.4 / 1.4)


def test_probabilities_are_scored_where_every_line_has_one(tmp_path: Path) -> None:
    path = results(tmp_path, SAID, probability=0.6)
    found = score_files(path, labels(tmp_path, LABELS))
    assert found["auc"] == pytest.approx(0.5)
    assert found["brier"] == pytest.approx((3 * 0.16 + 2 * 0.36) / 5)


def test_several_classes_have_no_f1_of_one(tmp_path: Path) -> None:
    truth = {"1": "a", "2": "b", "3": "c"}
    found = score_files(results(tmp_path, truth), labels(tmp_path, truth))
    assert found["positive"] is None
    assert found["macro_f1"] == 1
    assert "f1" not in found


def test_ids_that_match_nothing_are_left_out_and_told(tmp_path: Path) -> None:
    said = {"001": "Depression", "004": "Normal", "777": "Normal"}
    found = score_files(results(tmp_path, said), labels(tmp_path, LABELS))
    assert found["n"] == 2
    assert found["f1"] == 1
    without_result, without_label = found["findings"]
    assert without_result.what.startswith("3 labels have no result")
    assert without_result.found == "002, 003, 005"
    assert without_label.what.startswith("1 results have no label")
    assert without_label.found == "777"


def test_recordings_without_a_label_are_left_out_and_told(tmp_path: Path) -> None:
    found = score_files(results(tmp_path, SAID), labels(tmp_path, LABELS | {"003": ""}))
    assert found["n"] == 4
    assert found["recall"] == 1
    assert [finding.what for finding in found["findings"]] == ["1 results have no label; they are left out"]


def test_a_result_of_an_unknown_class_is_refused(tmp_path: Path) -> None:
    path = results(tmp_path, SAID | {"003": "Sad"})
    with pytest.raises(DataError, match=r"unknown label[^\0]*Depression or Normal[^\0]*'Sad' for '003'"):
        score_files(path, labels(tmp_path, LABELS))


def test_the_classes_are_those_of_all_labels_not_of_the_matched_ones(tmp_path: Path) -> None:
    """Results of a few recordings, by chance all of one class, are judged as the others would be."""
    found = score_files(results(tmp_path, {"001": "Depression", "002": "Normal"}), labels(tmp_path, LABELS))
    assert found["positive"] == "Depression"
    assert found["f1"] == pytest.approx(2 / 3)
    assert found["floor"] == 1
    with pytest.raises(DataError, match="unknown label"):
        score_files(results(tmp_path, {"001": "Sad"}), labels(tmp_path, LABELS))


def test_an_unknown_positive_class_is_refused(written: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigError, match=r"--positive names no class[^\0]*Depression or Normal"):
        score_files(*written, positive="Sad")


def test_results_of_another_set_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no result matches a label[^\0]*'001'[^\0]*'a1'"):
        score_files(results(tmp_path, {"a1": "Normal"}), labels(tmp_path, LABELS))


def test_labels_without_a_status_are_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("data_id,severity\n001,12\n")
    with pytest.raises(DataError, match=r"the labels have no status[^\0]*severity"):
        score_files(results(tmp_path, SAID), tmp_path / "labels.csv")


@pytest.mark.parametrize("probability", [1.5, -0.1, float("nan")])
def test_a_probability_that_is_none_is_refused(tmp_path: Path, probability: float) -> None:
    path = results(tmp_path, SAID, probability=probability)
    with pytest.raises(DataError, match=r"a probability is none[^\0]*from 0 to 1"):
        score_files(path, labels(tmp_path, LABELS))


def test_scores_on_a_synthetic_set_say_so(tmp_path: Path) -> None:
    make_synthetic(tmp_path / "set", subjects=8, segments=1, seconds=(1, 2))
    rows = (tmp_path / "set/test/labels.csv").read_text().splitlines()[1:]
    said = dict(row.split(",")[:2] for row in rows)
    assert score_files(results(tmp_path, said), tmp_path / "set/test/labels.csv")["synthetic"] is True


@pytest.mark.parametrize("probability", [None, 0.5])
def test_the_wrong_way_round_is_refused(tmp_path: Path, probability: float | None) -> None:
    said, truth = results(tmp_path, SAID, probability), labels(tmp_path, LABELS)
    with pytest.raises(DataError, match=r"changed places[^\0]*labels.csv, then results.jsonl[^\0]*the results first"):
        score_files(truth, said)


def test_labels_as_json_lines_the_wrong_way_round_are_refused_where_results_hold_probabilities(tmp_path: Path) -> None:
    truth = results(tmp_path, LABELS).rename(tmp_path / "labels.jsonl")
    with pytest.raises(DataError, match="changed places"):
        score_files(truth, results(tmp_path, SAID, 0.5))


def test_results_may_be_named_as_one_likes(tmp_path: Path) -> None:
    said = results(tmp_path, SAID).rename(tmp_path / "results.json")
    assert score_files(said.rename(tmp_path / "said.jsonl"), labels(tmp_path, LABELS))["n"] == 5
