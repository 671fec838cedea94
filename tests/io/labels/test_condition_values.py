"""Conditions of recordings, such as the interviewer, for experts by condition."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.io.labels.condition_values import clean_conditions, read_conditions, select_conditions

IDS = ["1", "2", "3"]


def write(path: Path, *rows: str, header: str = "data_id,Interviewer") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


# ------------------------------------------------------------------------------------------------- training


def test_conditions_of_training_have_one_spelling_and_unknown_ones_are_told() -> None:
    labels = pd.DataFrame({"interviewer": ["human", "Human ", "human", "robot", "", "nan"]}, index=list("abcdef"))
    conditions, (finding,) = select_conditions(labels, "Interviewer")
    assert conditions.tolist() == ["human", "human", "human", "robot", "", ""]
    assert (finding.code, finding.expected, finding.found) == ("unknown-condition", "human, robot", "'e', 'f'")


def test_a_condition_column_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--experts names a column that is not[^\0]*'site'"):
        select_conditions(pd.DataFrame({"status": ["a"]}), "site")


def test_a_condition_column_without_conditions_is_refused() -> None:
    with pytest.raises(DataError, match=r"no recording has a condition[^\0]*'site'"):
        select_conditions(pd.DataFrame({"site": ["", "-1"]}, index=list("ab")), "site")


def test_conditions_are_spelled_as_in_training() -> None:
    assert clean_conditions(pd.Series(["ROBOT", "cat"]), ["robot"]).tolist() == ["robot", "cat"]


# ----------------------------------------------------------------------------------------------- prediction


def test_conditions_are_read_from_the_label_table_of_the_split(tmp_path: Path) -> None:
    write(tmp_path / "labels.csv", "1,human", "2,robot", "9,robot")
    conditions, (finding,) = read_conditions(IDS, tmp_path, "interviewer")
    assert conditions.to_dict() == {"1": "human", "2": "robot", "3": ""}
    assert (finding.what, finding.found) == ("1 recording has no known condition", "'3'")


@pytest.mark.parametrize("rows", [None, ("1,x", "2,y")])
def test_without_a_table_all_conditions_are_unknown_and_told(tmp_path: Path, rows: tuple[str, ...] | None) -> None:
    if rows is not None:
        write(tmp_path / "labels.csv", *rows, header="data_id,status")
    conditions, (finding,) = read_conditions(IDS, tmp_path, "interviewer")
    assert conditions.tolist() == ["", "", ""]
    assert finding.what == "3 recordings have no known condition"


def test_a_given_table_must_have_the_column(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.csv", "1,x", header="data_id,status")
    with pytest.raises(DataError, match=r"column that is not in the label table[^\0]*status[^\0]*'interviewer'"):
        read_conditions(IDS, tmp_path, "interviewer", file)
    assert read_conditions(IDS, tmp_path, "interviewer", file, required=False)[0].tolist() == ["", "", ""]


def test_a_given_table_must_list_some_of_the_recordings(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.csv", "8,human")
    with pytest.raises(DataError, match=r"no data_id in the table of conditions matches[^\0]*'1'[^\0]*'8'"):
        read_conditions(IDS, tmp_path, "interviewer", file)


def test_the_id_column_of_training_is_used_where_the_table_has_it(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.csv", "1,human", header="code,Interviewer")
    assert read_conditions(IDS, tmp_path, "interviewer", file, id_column="code")[0]["1"] == "human"
    file = write(tmp_path / "mine.csv", "1,human")
    assert read_conditions(IDS, tmp_path, "interviewer", file, id_column="code")[0]["1"] == "human"
