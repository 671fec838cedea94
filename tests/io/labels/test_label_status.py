from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.labels.classes import looks_like_score
from pdmr_classic.io.labels.labels import read_labels


def read(folder: Path, cells: list[Any], **settings: Any) -> tuple[list[str], list[Finding]]:
    """Return the status of a table with these cells, and the findings."""
    rows = [{"data_id": f"r{k:02d}", "status": cell} for k, cell in enumerate(cells)]
    (folder / "labels.json").write_text(json.dumps(rows))
    frame, findings = read_labels(folder / "labels.json", DataSettings(**settings))
    return frame["status"].tolist(), findings


# ------------------------------------------------------------------------------- values that are no class


@pytest.mark.parametrize(
    "cell", ["-1", "-1.0", "nan", "NaN", "NA", "N/A", "None", "null", "?", "unknown", "-", " NA ", "#N/A", -1, "-999"]
)
def test_values_that_mean_no_label_are_no_class_and_told(tmp_path: Path, cell: Any) -> None:
    status, (finding,) = read(tmp_path, ["0", "1", cell, cell])
    assert status == ["0", "1", "", ""]
    assert (finding.code, finding.found) == ("no-label", f"{str(cell)!r} 2")


def test_empty_cells_are_no_class_and_nothing_is_told(tmp_path: Path) -> None:
    assert read(tmp_path, ["a", "", None]) == (["a", "", ""], [])


def test_values_that_mean_no_label_are_found_in_every_format(tmp_path: Path) -> None:
    table = pd.DataFrame({"data_id": ["1", "2", "3"], "status": ["a", "NA", "b"]})
    table.to_csv(tmp_path / "labels.csv", index=False)
    table.to_csv(tmp_path / "labels.tsv", index=False, sep="\t")
    table.to_json(tmp_path / "labels.json", orient="records")
    table.to_json(tmp_path / "labels.jsonl", orient="records", lines=True)
    table.to_parquet(tmp_path / "labels.parquet")
    table.to_excel(tmp_path / "labels.xlsx", index=False, engine=openpyxl.__name__)
    for path in tmp_path.iterdir():
        frame, findings = read_labels(path)
        assert frame["status"].tolist() == ["a", "", "b"], path.name
        assert [finding.code for finding in findings] == ["no-label"]


def test_listed_classes_are_classes_whatever_they_are_called(tmp_path: Path) -> None:
    assert read(tmp_path, ["None", "Mild"], classes=("None", "Mild")) == (["None", "Mild"], [])


@pytest.mark.parametrize("cells", [["-1", "1"], ["None", "mild", "severe"], ["None", "Depression"], ["-", "+"]])
def test_values_that_may_be_a_class_are_refused_until_they_are_named(tmp_path: Path, cells: list[str]) -> None:
    with pytest.raises(DataError, match="may mean no label, or may be a class") as raised:
        read(tmp_path, cells)
    assert f"{cells[0]}=" in str(raised.value.finding.hint)
    names = ",".join(f"{cell}={'Normal' if cell == cells[0] else 'Depression'}" for cell in dict.fromkeys(cells))
    assert read(tmp_path, cells, map=names)[0][:2] == ["Normal", "Depression"]


# --------------------------------------------------------------------------------------------- spelling


@pytest.mark.parametrize(
    ("cells", "status"),
    [
        (["Depression", "depression", " DEPRESSION", "Normal", "normal"], ["Depression"] * 3 + ["Normal"] * 2),
        (["depression", "normal"], ["Depression", "Normal"]),
        (["1", "1.0", "0", "0.0"], ["1", "1", "0", "0"]),
        (["1.0", "0.0"], ["1", "0"]),
        (["PD", "pd", "pd", "Control"], ["pd", "pd", "pd", "Control"]),
        (["\uff11", "1", "0"], ["1", "1", "0"]),
    ],
)
def test_spellings_of_a_class_are_one_class_and_told(tmp_path: Path, cells: list[str], status: list[str]) -> None:
    names, (finding,) = read(tmp_path, cells)
    assert names == status
    assert finding.code == "merged-classes"


def test_large_numbers_are_different_classes(tmp_path: Path) -> None:
    assert read(tmp_path, ["1234567", "1234568"]) == (["1234567", "1234568"], [])


def test_classes_of_one_spelling_stay_as_they_are(tmp_path: Path) -> None:
    assert read(tmp_path, ["PD", "Control", "normal"]) == (["PD", "Control", "normal"], [])


# ------------------------------------------------------------------------------------------------ --map


def test_a_map_renames_the_labels(tmp_path: Path) -> None:
    status, findings = read(tmp_path, ["0", "1", "1.0", "-1", "9"], map="0=Normal, 1=Depression, 9=")
    assert status == ["Normal", "Depression", "Depression", "", ""]
    assert [finding.code for finding in findings] == ["no-label"]


def test_labels_that_have_their_new_name_already_stay(tmp_path: Path) -> None:
    assert read(tmp_path, ["Normal", "1"], map="0=Normal,1=Depression")[0] == ["Normal", "Depression"]


def test_labels_that_are_not_in_the_map_are_refused_with_their_counts(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="3 labels are not in --map") as raised:
        read(tmp_path, ["0", "1", "2", "2", "3"], map="0=Normal,1=Depression")
    assert raised.value.finding.found == "'2' 2, '3' 1"


def test_labels_of_the_map_that_do_not_occur_are_told(tmp_path: Path) -> None:
    _, (finding,) = read(tmp_path, ["0", "1"], map="0=Normal,1=Depression,2=Mania")
    assert (finding.code, finding.found) == ("map-unused", "2")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("Normal", "--map is not a list of pairs"),
        ("", "--map is not a list of pairs"),
        ("=Normal", "--map is not a list of pairs"),
        ("0=Normal;1=Depression,1", "--map is not a list of pairs"),
        ("0=Normal,0.0=Depression", "--map gives a label two names"),
    ],
)
def test_a_map_that_is_no_list_of_pairs_is_refused(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(ConfigError, match=f"{match}[^\\0]*0=Normal,1=Depression"):
        read(tmp_path, ["0", "1"], map=text)


# --------------------------------------------------------------------------------------------- --cutoff

SCORES = "data_id,PHQ8_Score,PHQ-9,BDI\na,10,3,10,5\nb,9,12,4\n".replace("10,5", '"10,5"')


def read_scores(folder: Path, cutoff: str, text: str = SCORES) -> tuple[list[str], list[str]]:
    (folder / "labels.csv").write_text(text)
    frame, findings = read_labels(folder / "labels.csv", DataSettings(cutoff=cutoff))
    return frame["status"].tolist(), [finding.what for finding in findings]


@pytest.mark.parametrize(
    ("cutoff", "status"),
    [
        ("PHQ8_Score>=10", ["Depression", "Normal"]),
        ("phq8_score > 10", ["Normal", "Normal"]),
        ("phq8 \u2265 9", ["Depression", "Depression"]),
        ("phq9>=10", ["Normal", "Depression"]),
        ("bdi>10,4", ["Depression", "Normal"]),
    ],
)
def test_a_cutoff_makes_two_classes(tmp_path: Path, cutoff: str, status: list[str]) -> None:
    names, told = read_scores(tmp_path, cutoff)
    assert names == status
    assert told[0].startswith("status is made from ")


def test_a_short_name_finds_the_score_of_e_daic(tmp_path: Path) -> None:
    text = "Participant_ID,PHQ_Binary,PHQ_Score\n300,0,3\n301,1,20\n"
    assert read_scores(tmp_path, "phq8>=10", text)[0] == ["Normal", "Depression"]


def test_a_short_name_that_fits_several_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--cutoff fits several columns[^\0]*PHQ8_Score, PHQ-9"):
        read_scores(tmp_path, "phq>=10")


@pytest.mark.parametrize("cell", ["", "NA", "-1", "high"])
def test_cells_without_a_score_are_no_label_and_told(tmp_path: Path, cell: str) -> None:
    status, told = read_scores(tmp_path, "x>=10", f"data_id,x\na,12\nb,{cell}\n")
    assert status == ["Depression", ""]
    assert told[1] == "1 cell means that there is no label"


def test_a_column_without_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the column of --cutoff has no numbers"):
        read_scores(tmp_path, "x>=10", "data_id,x\na,low\n")


@pytest.mark.parametrize("cutoff", ["PHQ8_Score", "PHQ8_Score<10", ">=10", "PHQ8_Score>=ten", "10<=PHQ8_Score"])
def test_a_cutoff_that_is_no_rule_is_refused(tmp_path: Path, cutoff: str) -> None:
    with pytest.raises(ConfigError, match=r"--cutoff is not a rule[^\0]*PHQ8_Score>=10"):
        read_scores(tmp_path, cutoff)


@pytest.mark.parametrize("other", [{"map": "0=a"}, {"label_column": "PHQ-9"}])
def test_a_cutoff_excludes_a_column_of_classes(tmp_path: Path, other: dict[str, str]) -> None:
    (tmp_path / "labels.csv").write_text(SCORES)
    with pytest.raises(ConfigError, match="exclude each other"):
        read_labels(tmp_path / "labels.csv", DataSettings(cutoff="phq8>=10", **other))  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------- scores


@pytest.mark.parametrize(
    "labels",
    [
        [k // 2 for k in range(24)],
        [0, 4, 17, 9],
        [0.0, 1.5, 2.0],
        list(range(8)),
        [12, 14, 30] * 20,
        [k % 11 for k in range(200)],
    ],
)
def test_scores_are_no_classes(labels: list[float]) -> None:
    assert looks_like_score(pd.Series(labels).astype(str))


@pytest.mark.parametrize(
    "labels",
    [["0", "1"] * 3, ["3", "17"], ["0", "1", "2"], ["1", "2", "3", "4", "5"], list("0123456789") * 3, list("abc")],
)
def test_a_few_consecutive_integers_are_classes(labels: list[str]) -> None:
    assert not looks_like_score(pd.Series(labels))
