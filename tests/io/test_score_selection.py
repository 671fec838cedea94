"""Which recordings a score is learned from, and what is told about the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pdmr_classic.config import Settings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.evaluation.check_data import check_data
from pdmr_classic.io.dataset import load_dataset
from pdmr_classic.io.score_selection import select_scores

Row = Sequence[str]


def make_settings(target: str = "PHQ8_Score", **severity: Any) -> Settings:
    return Settings().override(
        {"data.target": target} | {f"severity.{name}": value for name, value in severity.items()}
    )


def write_set(folder: Path, header: str, *rows: str) -> Path:
    """Write recordings 0, 1, ... and a label table of these rows, without the ids."""
    (folder / "audio").mkdir(exist_ok=True)
    for k in range(len(rows)):
        (folder / f"audio/{k}.csv").write_text("0.1,0.2,0.3\n")
    lines = [f"data_id,{header}", *(f"{k},{row}" for k, row in enumerate(rows) if row)]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def select(folder: Path, settings: Settings) -> tuple[list[str], list[float], list[Finding]]:
    data = load_dataset(folder, settings=settings.data)
    labelled, scores, _, findings = select_scores(data, settings)
    assert list(scores.index) == labelled.data_ids
    return labelled.data_ids, scores.tolist(), findings


def both(**severity: Any) -> Settings:
    return make_settings("both", scale="phq8", **severity)


# ------------------------------------------------------------------------------------------- --target COLUMN


def test_a_table_without_classes_is_enough_to_learn_a_score(tmp_path: Path) -> None:
    write_set(tmp_path, "PHQ8_Score", "4", "", "17", "-1")
    ids, scores, findings = select(tmp_path, make_settings())
    assert (ids, scores) == (["0", "2"], [4.0, 17.0])
    assert [(finding.code, finding.found) for finding in findings] == [
        ("no-score", "'-1' 1, empty 1"),
        ("known-scale", None),
    ]


def test_classes_are_not_read_if_a_score_is_learned(tmp_path: Path) -> None:
    write_set(tmp_path, "status,label,PHQ8_Score", "-1,None,4", "1,mild,17")
    settings = make_settings()
    data = load_dataset(tmp_path, settings=settings.data)
    assert data.status is None
    assert data.labels is not None
    assert data.labels["status"].tolist() == ["-1", "1"]
    assert select(tmp_path, settings)[0] == ["0", "1"]
    with pytest.raises(DataError, match="may mean no label"):
        load_dataset(tmp_path)


def test_a_recording_without_a_score_needs_no_subject(tmp_path: Path) -> None:
    write_set(tmp_path, "PHQ8_Score,subject_id", "4,A", ",", "17,B", "")
    assert select(tmp_path, make_settings())[0] == ["0", "2"]
    write_set(tmp_path, "PHQ8_Score,subject_id", "4,A", "3,", "17,B", "")
    with pytest.raises(DataError, match="1 labelled recording has no subject"):
        load_dataset(tmp_path, settings=make_settings().data)


def test_without_a_label_table_the_columns_are_named(tmp_path: Path) -> None:
    write_set(tmp_path, "PHQ8_Score", "4")
    (tmp_path / "labels.csv").unlink()
    with pytest.raises(DataError, match=r"there are no labels[^\0]*a column of scores"):
        select(tmp_path, make_settings())


@pytest.mark.parametrize(
    ("cells", "severity", "message"),
    [
        (["4", "30"], {}, r"1 recording has a score outside the scale[^\0]*30 for '1'"),
        (["4", "12"], {"scale": "0:10"}, r"1 recording has a score outside the scale[^\0]*12 for '1'"),
        (["4", "many"], {}, r"1 score is not a number[^\0]*'many' for '1'"),
        (["", "-1"], {}, "no recording has a score"),
    ],
)
def test_scores_that_cannot_be_learned_are_refused(
    tmp_path: Path, cells: list[str], severity: dict[str, Any], message: str
) -> None:
    write_set(tmp_path, "PHQ8_Score,subject_id", *(f"{cell},{cell}s" for cell in cells))
    with pytest.raises(DataError, match=message):
        select(tmp_path, make_settings(**severity))


def test_minus_one_is_learned_if_the_scale_contains_it(tmp_path: Path) -> None:
    write_set(tmp_path, "change", "-1", "-4", "3")
    assert select(tmp_path, make_settings("change", scale="-5:5"))[1] == [-1.0, -4.0, 3.0]


@pytest.mark.parametrize("option", ["data.cutoff", "data.map", "data.label_column"])
def test_options_of_classes_are_refused_if_only_a_score_is_learned(tmp_path: Path, option: str) -> None:
    write_set(tmp_path, "PHQ8_Score", "4", "17")
    value = {"data.cutoff": "PHQ8_Score>=10", "data.map": "0=Normal", "data.label_column": "PHQ8_Score"}[option]
    settings = make_settings().override({option: value})
    with pytest.raises(ConfigError, match=r"has no effect with --target PHQ8_Score[^\0]*--target both"):
        load_dataset(tmp_path, settings=settings.data)


def test_a_score_column_without_target_both_is_refused(tmp_path: Path) -> None:
    write_set(tmp_path, "status,PHQ8_Score", "a,4", "b,17")
    with pytest.raises(ConfigError, match=r"--score-column has no effect[^\0]*--target both"):
        load_dataset(tmp_path, settings=Settings().override({"data.score_column": "PHQ8_Score"}).data)


# --------------------------------------------------------------------------------------------- --target both


def test_a_recording_is_used_for_the_labels_that_it_has(tmp_path: Path) -> None:
    write_set(tmp_path, "status,PHQ8_Score", "Normal,4", "Depression,", ",17", "-1,-1", "Depression,17")
    ids, scores, findings = select(tmp_path, both())
    assert ids == ["0", "1", "2", "4"]
    assert [score == score for score in scores] == [True, False, True, True]
    assert [(finding.what, finding.found) for finding in findings if finding.code == "partial-labels"] == [
        ("1 recording has only a score, which is used", "'2'"),
        ("1 recording has only a status, which is used", "'1'"),
        ("1 recording has neither and is left out", "'3'"),
    ]


def test_a_status_that_contradicts_the_score_is_told_and_used(tmp_path: Path) -> None:
    write_set(tmp_path, "status,PHQ8_Score", "Normal,4", "Depression,3", "Normal,10", "Depression,17", "Normal,")
    ids, _, findings = select(tmp_path, both())
    assert ids == ["0", "1", "2", "3", "4"]
    (finding,) = [finding for finding in findings if finding.code == "contradiction"]
    assert finding.what == "2 recordings have a status that contradicts the score; both are used as they are"
    assert finding.found == "'Depression' with 3 for '1', 'Normal' with 10 for '2'"
    assert finding.expected == "Depression from 10 on (clinical cut-off of phq8)"


@pytest.mark.parametrize(
    ("rows", "settings"),
    [
        (["Normal,4", "Depression,17"], both()),
        (["Normal,4", "Depression,3"], make_settings("both", scale="0:24")),
        (["Normal,4", "Depression,3", "Remitted,12"], both()),
    ],
)
def test_no_contradiction_is_told_where_there_is_none(tmp_path: Path, rows: list[str], settings: Settings) -> None:
    write_set(tmp_path, "status,PHQ8_Score", *rows)
    assert "contradiction" not in {finding.code for finding in select(tmp_path, settings)[2]}


def test_both_needs_classes(tmp_path: Path) -> None:
    write_set(tmp_path, "PHQ8_Score", "4", "17")
    with pytest.raises(DataError, match=r"there are no labels[^\0]*--cutoff 'PHQ8_Score>=10'"):
        select(tmp_path, both())
    settings = both().override({"data.cutoff": "PHQ8_Score>=10"})
    assert select(tmp_path, settings)[:2] == (["0", "1"], [4.0, 17.0])


# ------------------------------------------------------------------------------------------------------ check


def check(folder: Path, settings: Settings) -> tuple[list[str], list[str]]:
    """Return the codes of what `check` tells about the labels, and of the errors that `fit` would raise."""
    result = check_data({"train": (load_dataset(folder, settings=settings.data), [])}, settings)
    return [finding.code for finding in result.findings], [error.code for error in result.fit_errors]


def test_check_tells_what_fit_will_tell(tmp_path: Path) -> None:
    write_set(tmp_path, "PHQ8_Score,subject_id", "-1,S", *(f"{score},S{score}" for score in range(3, 13)))
    assert check(tmp_path, make_settings()) == (["no-score", "known-scale"], [])


@pytest.mark.parametrize(
    ("cell", "severity", "code"),
    [
        ("many", {}, "bad-score"),
        ("30", {}, "score-outside-scale"),
        ("3", {"scale": "phq"}, "bad-scale"),
    ],
)
def test_check_reports_the_error_of_fit(tmp_path: Path, cell: str, severity: dict[str, Any], code: str) -> None:
    write_set(tmp_path, "PHQ8_Score,subject_id", f"{cell},S", *(f"{score},S{score}" for score in range(3, 13)))
    assert check(tmp_path, make_settings(**severity))[1] == [code]


def test_check_reports_too_few_subjects_as_fit_does(tmp_path: Path) -> None:
    write_set(tmp_path, "PHQ8_Score,subject_id", *(f"{score},S{score}" for score in range(3, 12)))
    assert check(tmp_path, make_settings()) == ([], ["too-few-groups"])


def test_check_of_both_also_checks_the_classes(tmp_path: Path) -> None:
    write_set(tmp_path, "status,PHQ8_Score,subject_id", *(f"Normal,{score},S{score}" for score in range(3, 13)))
    settings = both()
    result = check_data({"train": (load_dataset(tmp_path, settings=settings.data), [])}, settings)
    assert [error.what for error in result.fit_errors] == ["the labels contain only one class"]
