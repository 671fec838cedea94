from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pdmr_classic import DataError, make_synthetic
from pdmr_classic.config import DataSettings
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


def test_the_label_table_is_read_with_the_settings_of_its_columns(tmp_path: Path) -> None:
    (tmp_path / "test_split.csv").write_text(
        "video_id,PHQ_Score,subject,person\n001,12,a,b\n002,10,b,a\n003,20,a,c\n004,3,c,c\n005,-1,d,d\n"
    )
    results = write_results(tmp_path, PREDICTED)
    scores = score_files(results, tmp_path / "test_split.csv", settings=DataSettings(cutoff="phq8>=10"))
    assert scores["n"] == 4
    assert scores["recall"] == pytest.approx(2 / 3)
    assert [finding.code for finding in scores["findings"]] == ["known-column", "cutoff", "no-label", "unmatched"]


def test_a_score_column_is_refused_as_truth(tmp_path: Path) -> None:
    truth = {f"r{k}": str(k) for k in range(8)}
    with pytest.raises(DataError, match=r"scores and not classes[^\0]*--cutoff"):
        score_files(write_results(tmp_path, truth), write_labels(tmp_path, truth))


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


def test_labels_of_recordings_that_are_spelled_differently_are_used_and_told(tmp_path: Path) -> None:
    truth = {str(int(data_id)): status for data_id, status in LABELS.items()}
    scores = score_files(write_results(tmp_path, PREDICTED), write_labels(tmp_path, truth))
    assert scores["n"] == 5
    assert codes(scores["findings"]) == ["near-match"]


# ----------------------------------------------------------------------------------- notes of predict


def write_notes_file(folder: Path, **notes: Any) -> None:
    (folder / "results.notes.json").write_text(json.dumps({"schema": "pdmr-classic/notes/3", **notes}))


def codes(findings: Iterable[Any]) -> list[str]:
    return [finding["code"] if isinstance(finding, dict) else finding.code for finding in findings]


def rename(labels: dict[str, str]) -> dict[str, str]:
    return {data_id: {"Depression": "PD", "Normal": "HC"}[status] for data_id, status in labels.items()}


def test_the_positive_class_is_that_of_the_notes(tmp_path: Path) -> None:
    files = write_results(tmp_path, rename(PREDICTED)), write_labels(tmp_path, rename(LABELS))
    with pytest.raises(ConfigError, match="the positive class is not specified"):
        score_files(*files)
    write_notes_file(tmp_path, positive="PD", threshold=0.3)
    scores = score_files(*files)
    assert (scores["positive"], scores["f1"]) == ("PD", pytest.approx(2 / 3))
    assert codes(scores["findings"]) == ["noted-positive"]
    assert scores["decision"] == {"threshold": 0.3}


def test_the_option_overrides_the_positive_class_of_the_notes_which_is_told(files: tuple[Path, Path]) -> None:
    write_notes_file(files[0].parent, positive="Normal")
    scores = score_files(*files, settings=DataSettings(positive="Depression"))
    assert scores["positive"] == "Depression"
    (finding,) = scores["findings"]
    assert finding.code == "other-positive"
    assert "'Normal'" in finding.what


def test_a_noted_positive_class_that_is_not_among_the_labels_is_told(files: tuple[Path, Path]) -> None:
    write_notes_file(files[0].parent, positive="PD")
    scores = score_files(*files)
    assert scores["positive"] == "Depression"
    assert codes(scores["findings"]) == ["other-positive"]


@pytest.mark.parametrize("text", ["[1]", "{", '{"positive": "Normal"}'])
def test_a_file_that_is_not_notes_is_told_and_ignored(files: tuple[Path, Path], text: str) -> None:
    (files[0].parent / "results.notes.json").write_text(text)
    scores = score_files(*files)
    assert scores["positive"] == "Depression"
    assert codes(scores["findings"]) == ["notes-unread"]


@pytest.mark.parametrize("predicted", [PREDICTED, dict.fromkeys(LABELS, "Depression")])
def test_probabilities_of_the_other_class_are_complemented(tmp_path: Path, predicted: dict[str, str]) -> None:
    probability = {data_id: 0.9 if status == "Depression" else 0.2 for data_id, status in predicted.items()}
    lines = [
        json.dumps({"data_id": data_id, "status": status, "probability": probability[data_id]})
        for data_id, status in predicted.items()
    ]
    (tmp_path / "results.jsonl").write_text("\n".join(lines))
    files = tmp_path / "results.jsonl", write_labels(tmp_path, LABELS)
    of_depression, of_normal = score_files(*files), score_files(*files, positive="Normal")
    assert of_normal["auc"] == pytest.approx(of_depression["auc"])
    assert of_normal["brier"] == pytest.approx(of_depression["brier"])
    assert codes(of_normal["findings"]) == ["complement"]
    assert codes(of_depression["findings"]) == []


# ------------------------------------------------------------------------------------------- warnings


def test_scored_training_recordings_are_a_warning(files: tuple[Path, Path]) -> None:
    write_notes_file(files[0].parent, overlap=[{"data_id": "001"}, {"data_id": "001"}, {"data_id": "999"}])
    scores = score_files(*files)
    assert scores["overlap"] == 1
    assert "1 recording was in the training data" in scores["warnings"][0]["what"]


def test_a_mismatch_that_was_allowed_is_a_warning(tmp_path: Path) -> None:
    files = write_results(tmp_path, LABELS), write_labels(tmp_path, LABELS)
    assert score_files(*files)["warnings"] == [], "F1 is above the baseline"
    write_notes_file(tmp_path, mismatch=["tracker"])
    assert codes(score_files(*files)["warnings"]) == ["scored-mismatch"]


@pytest.mark.parametrize(("pooled", "expected"), [(True, ["mixed-subjects"]), (False, [])])
def test_pooled_subjects_with_several_labels_are_a_warning(tmp_path: Path, pooled: bool, expected: list[str]) -> None:
    rows = [f"{data_id},{status},S{int(data_id) % 3}\n" for data_id, status in LABELS.items()]  # 001 and 004 are S1
    (tmp_path / "labels.csv").write_text("data_id,status,subject_id\n" + "".join(rows))
    write_notes_file(tmp_path, **({"n_subjects": 3} if pooled else {}))
    warnings = score_files(write_results(tmp_path, LABELS), tmp_path / "labels.csv")["warnings"]
    assert codes(warnings) == expected
    if pooled:
        assert warnings[0]["found"] == "2 of 3"


def test_an_f1_below_its_baseline_and_a_class_that_nearly_all_get_are_warnings(tmp_path: Path) -> None:
    predicted = dict.fromkeys(LABELS, "Depression")
    assert codes(score_files(write_results(tmp_path, predicted), write_labels(tmp_path, LABELS))["warnings"]) == [
        "below-floor",
        "nearly-all-positive",
    ]


def test_classes_of_another_name_are_refused_with_the_option_that_maps_them(tmp_path: Path) -> None:
    numbers = {data_id: str(int(status == "Depression")) for data_id, status in LABELS.items()}
    with pytest.raises(DataError, match=r"unknown label[^\0]*0 or 1[^\0]*--map 1=Depression"):
        score_files(write_results(tmp_path, PREDICTED), write_labels(tmp_path, numbers))


# ------------------------------------------------------------------------------------------------ Uncertain


def test_uncertain_recordings_are_left_out_with_a_warning(tmp_path: Path) -> None:
    results = write_results(tmp_path, PREDICTED | {"003": "Uncertain", "004": "Uncertain", "009": "Uncertain"})
    scores = score_files(results, write_labels(tmp_path, LABELS))
    assert (scores["n"], scores["n_uncertain"], scores["f1"]) == (3, 2, 1.0)
    (warning,) = scores["warnings"]
    assert warning["code"] == "scored-uncertain"
    assert warning["found"] == "2 of 5"
    assert scores["findings"] == []


def test_results_without_a_decision_cannot_be_scored(tmp_path: Path) -> None:
    results = write_results(tmp_path, dict.fromkeys(PREDICTED, "Uncertain"))
    with pytest.raises(DataError, match=r"all recordings have the status Uncertain[^\0]*without --abstain"):
        score_files(results, write_labels(tmp_path, LABELS))


def test_uncertain_may_be_a_class(tmp_path: Path) -> None:
    truth = {"1": "Uncertain", "2": "Normal", "3": "Depression"}
    results = write_results(tmp_path, truth)
    with pytest.raises(DataError, match="unknown label"):
        score_files(results, write_labels(tmp_path, truth))
    scores = score_files(
        results, write_labels(tmp_path, truth), settings=DataSettings(classes=("Uncertain", "Normal", "Depression"))
    )
    assert (scores["n"], scores["macro_f1"]) == (3, 1.0)
    assert "n_uncertain" not in scores


def test_results_with_scores_alone_have_no_classes_to_score(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text('{"data_id": "001", "severity": 3}\n')
    with pytest.raises(DataError, match=r"the results have scores, but no classes[^\0]*--target"):
        score_files(tmp_path / "results.jsonl", write_labels(tmp_path, LABELS))
