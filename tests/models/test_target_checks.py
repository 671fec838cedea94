from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pdmr_classic import Settings, load_dataset
from pdmr_classic.errors import ConfigError, DataError, PdmrError
from pdmr_classic.evaluation.check_data import check_data
from pdmr_classic.models.target_checks import check_labels, check_target, choose_positive_class, select_target


def make_series(values: list[str]) -> pd.Series:
    return pd.Series(values, [f"r{k:02d}" for k in range(len(values))], dtype=object)


@pytest.mark.parametrize("label", ["-1", "nan", "None", "", "unknown"])
def test_values_that_mean_no_label_are_refused_as_classes(label: str) -> None:
    with pytest.raises(DataError, match="1 label means that there is no label"):
        check_labels(make_series(["0", "1", label]), None)
    check_labels(make_series(["0", "1", label]), ("0", "1", label))


@pytest.mark.parametrize(
    ("labels", "column", "hint"),
    [
        ([str(k // 2) for k in range(24)], "PHQ8_Score", "--cutoff 'PHQ8_Score>=10'"),
        (["0", "1", "2"] * 5, "PHQ9", "--cutoff 'PHQ9>=10'"),
        (["3", "14", "25"], "BDI", "--cutoff 'BDI>=N'"),
        (["3", "14", "25"], "status", "PHQ-8 and PHQ-9: 10"),
    ],
)
def test_scores_are_refused_with_the_cutoff_to_use(labels: list[str], column: str, hint: str) -> None:
    with pytest.raises(DataError, match="the labels are scores and not classes") as raised:
        check_labels(make_series(labels), None, column)
    assert hint in str(raised.value.finding.hint)
    check_labels(make_series(labels), sorted(set(labels)), column)


def test_the_positive_class_is_found_in_any_spelling() -> None:
    assert choose_positive_class(["Depression", "Normal"], "depression") == "Depression"
    assert choose_positive_class(["0", "1"], "1.0") == "1"


def test_classes_0_and_1_need_a_positive_class_or_names() -> None:
    with pytest.raises(ConfigError, match=r"--positive 1, or --map 0=Normal,1=Depression"):
        choose_positive_class(["0", "1"], None)


@pytest.mark.parametrize("missing", [None, float("nan"), "unknown"])
@pytest.mark.parametrize("known", [["S1", "S2", "S3", "S4", "S5"], [1, 2, 3, 4, 5]])
def test_missing_subjects_of_a_feature_table_are_refused(missing: object, known: list[object]) -> None:
    status = make_series(["Depression", "Normal"] * 3)
    groups = make_series([*known, missing])  # type: ignore[list-item]
    with pytest.raises(DataError, match="1 recording has no subject"):
        check_target(status, groups, Settings())


def test_subjects_that_are_numbers_and_text_are_compared_as_text() -> None:
    status = make_series(["Depression", "Normal"] * 4)
    groups = make_series(["1", 2, "3", 4, 1, "2", 3.0, "4"])  # type: ignore[list-item]
    assert check_target(status, groups, Settings()).groups.nunique() == 4


def test_subjects_of_a_feature_table_are_merged_too() -> None:
    status = make_series(["Depression", "Normal"] * 4)
    groups = make_series(["300", "301", "300.0", "301.0", "302", "303", "0302", "0303"])
    target = check_target(status, groups, Settings())
    assert target.groups.nunique() == 4
    assert "merged-subjects" in [finding.code for finding in target.findings]
    with pytest.raises(DataError, match=r"1 recording has no subject[^\0]*'NA' for 'r07'"):
        check_target(status, groups.replace("0303", "NA"), Settings())


def test_recordings_without_subjects_stay_what_they_are() -> None:
    status = make_series(["Depression", "Normal"] * 2).set_axis(["1", "01", "P1", "x"])
    groups = pd.Series(status.index, status.index)
    assert check_target(status, groups, Settings()).groups.tolist() == ["1", "01", "P1", "x"]


# -------------------------------------------------------------------------------- check says what fit says

CASES = {
    "fine": ("data_id,status,subject_id\n", ["Depression", "Normal"], {}, None),
    "known names": ("Participant_ID,PHQ8_Binary,x\n", ["0", "1"], {}, None),
    "lower case": ("data_id,status,subject_id\n", ["depression", "normal"], {}, None),
    "mapped": ("data_id,status,subject_id\n", ["0", "1"], {"data.map": "0=Normal,1=Depression"}, None),
    "cut": ("data_id,PHQ8_Score,subject_id\n", ["3", "17", "11", "4"], {"data.cutoff": "phq8>=10"}, None),
    "no column": ("data_id,state,subject_id\n", ["Depression", "Normal"], {}, "no-labels"),
    "only scores": ("data_id,PHQ8_Score,subject_id\n", ["3", "17"], {}, "no-labels"),
    "no positive": ("data_id,status,subject_id\n", ["0", "1"], {}, "no-positive"),
    "scores": ("data_id,status,subject_id\n", ["3", "17", "11", "4"], {}, "scores"),
    "unknown": ("data_id,status,subject_id\n", ["Depression", "Normal", "Normal", "Sad"], {}, "unknown-label"),
    "one class": ("data_id,status,subject_id\n", ["Normal", "-1"], {}, "one-class"),
    "no label": ("data_id,status,subject_id\n", ["-1", "nan"], {}, "no-labels"),
    "no weights": ("data_id,status,subject_id\n", ["Depression", "Normal"], {"data.weights": "w"}, "no-column"),
    "bad weights": ("data_id,status,w\n", ["Depression", "Normal"], {"data.weights": "w"}, "bad-weight"),
    "positive": ("data_id,status,subject_id\n", ["Depression", "Normal"], {"data.positive": "PD"}, "error"),
}


@pytest.mark.parametrize("case", CASES)
def test_check_reports_what_fit_would_raise(tmp_path: Path, case: str) -> None:
    header, labels, changes, code = CASES[case]
    settings = Settings().override(changes)
    (tmp_path / "video").mkdir()
    for k in range(8):
        (tmp_path / "video" / f"r{k}.csv").touch()
    rows = [f"r{k},{labels[k % len(labels)]},s{k}\n" for k in range(8)]
    (tmp_path / "labels.csv").write_text(header + "".join(rows))
    data = load_dataset(tmp_path, settings=settings.data)
    raised = []
    try:
        select_target(data, settings)
    except PdmrError as error:
        raised.append(error.finding)
    found = check_data({"train": (data, [])}, settings).fit_errors
    assert [finding.code for finding in found] == [finding.code for finding in raised] == ([code] if code else [])
    assert [finding.what for finding in found] == [finding.what for finding in raised]


def test_the_cutoff_is_named_where_there_are_only_scores(tmp_path: Path) -> None:
    (tmp_path / "video").mkdir()
    (tmp_path / "video" / "r0.csv").touch()
    (tmp_path / "labels.csv").write_text("data_id,PHQ8_Score,subject_id\nr0,3,s0\n")
    with pytest.raises(DataError, match=r"there are no labels[^\0]*--cutoff 'PHQ8_Score>=10'"):
        load_dataset(tmp_path).select_labelled()


@pytest.mark.parametrize(
    ("train", "test", "n"), [("300", "300", 1), ("300", "P300", 1), ("300.0", "0300", 1), ("1", "2", 0)]
)
def test_subjects_in_both_splits_are_told_in_any_spelling(tmp_path: Path, train: str, test: str, n: int) -> None:
    splits = {}
    for name, subject in (("train", train), ("test", test)):
        (tmp_path / name / "video").mkdir(parents=True)
        (tmp_path / name / "video" / f"{name}.csv").touch()
        (tmp_path / name / "labels.csv").write_text(f"data_id,status,subject_id\n{name},Normal,{subject}\n")
        splits[name] = (load_dataset(tmp_path / name), [])
    findings = [finding for finding in check_data(splits, Settings()).findings if finding.code == "shared-subjects"]
    assert len(findings) == n
    assert not n or train == test or findings[0].found == f"{train!r} = {test!r}"
