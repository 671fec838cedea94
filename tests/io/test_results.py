from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdmr_classic.errors import ConfigError, DataError, TargetError
from pdmr_classic.io.results import (
    check_notes_writable,
    mark_uncertain,
    read_notes,
    read_results,
    write_notes,
    write_results,
)

ODD_IDS = ["ä", 'q"uote', "comma,", "line\nbreak", "tab\t", "😀", "null", "\u2028", "\x85", "\x7f"]


def predictions(**columns: Any) -> pd.DataFrame:
    index = columns.pop("data_id", ["10", "007", "2"])
    return pd.DataFrame(columns, index=pd.Index(index, name="data_id"))


BINARY = predictions(status=["Normal", "Depression", "Normal"], probability=[0.25, 2 / 3, 1e-9])


def test_the_lines_are_sorted_and_contain_only_id_and_status(tmp_path: Path) -> None:
    path = write_results(BINARY, tmp_path / "results.jsonl")
    assert path.read_bytes() == (
        b'{"data_id": "007", "status": "Depression"}\n'
        b'{"data_id": "10", "status": "Normal"}\n'
        b'{"data_id": "2", "status": "Normal"}\n'
    )


def test_probabilities_have_six_decimals(tmp_path: Path) -> None:
    path = write_results(BINARY, str(tmp_path / "results.jsonl"), proba=True)
    assert path.read_bytes() == (
        b'{"data_id": "007", "status": "Depression", "probability": 0.666667}\n'
        b'{"data_id": "10", "status": "Normal", "probability": 0.25}\n'
        b'{"data_id": "2", "status": "Normal", "probability": 0.0}\n'
    )


def test_with_several_classes_each_has_a_probability(tmp_path: Path) -> None:
    frame = predictions(
        data_id=["1"], status=["b"], probability_a=np.float32([0.125]), probability_b=[0.8749999], probability_c=[1e-7]
    )
    path = write_results(frame, tmp_path / "results.jsonl", proba=True)
    assert path.read_text() == (
        '{"data_id": "1", "status": "b", "probabilities": {"a": 0.125, "b": 0.875, "c": 0.0}}\n'
    )
    assert list(read_results(path).columns) == ["status"]


def test_the_file_does_not_depend_on_the_order_of_the_rows(tmp_path: Path) -> None:
    first = write_results(BINARY, tmp_path / "a.jsonl", proba=True).read_bytes()
    assert write_results(BINARY.iloc[::-1], tmp_path / "b.jsonl", proba=True).read_bytes() == first


def test_the_predictions_are_not_changed(tmp_path: Path) -> None:
    before = BINARY.copy()
    write_results(BINARY, tmp_path / "a.jsonl", proba=True)
    pd.testing.assert_frame_equal(BINARY, before)


@pytest.mark.parametrize("data_id", ODD_IDS)
def test_every_id_is_written_as_valid_json_on_one_line(tmp_path: Path, data_id: str) -> None:
    path = write_results(predictions(data_id=[data_id, "a"], status=["é", "x"]), tmp_path / "r.jsonl")
    lines = path.read_bytes().decode("utf-8").removesuffix("\n").split("\n")
    assert {json.loads(line)["data_id"] for line in lines} == {data_id, "a"}
    assert len(lines) == 2


@pytest.mark.parametrize("data_id", [*ODD_IDS, " leading", "007", "1.0"])
def test_written_results_can_be_read(tmp_path: Path, data_id: str) -> None:
    frame = predictions(data_id=[f"{data_id}x", "a"], status=["é", "x"], probability=[0.5, 0.123456])
    results = read_results(write_results(frame, tmp_path / "r.jsonl", proba=True))
    assert results.to_dict("index") == frame.to_dict("index")
    assert results["probability"].dtype == np.float64


def test_results_without_probabilities_are_read_as_status_only(tmp_path: Path) -> None:
    results = read_results(write_results(BINARY, tmp_path / "r.jsonl"))
    assert results["status"].to_dict() == {"007": "Depression", "10": "Normal", "2": "Normal"}
    assert list(results.columns) == ["status"]


def test_no_recordings_give_an_empty_file(tmp_path: Path) -> None:
    assert write_results(BINARY.iloc[:0], tmp_path / "r.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    ("text", "match", "row", "column"),
    [
        ("", "the file is empty", None, None),
        ("data_id,status\n", "not valid JSON", 1, None),
        ('{"data_id": "1", "status": "a"}\n{"data_id": "2"', "not valid JSON", 2, None),
        ('{"data_id": "1"}\n', "the results have no column status", None, None),
        (
            '{"data_id": "1", "status": "a"}\n{"data_id": "2", "status": ""}\n',
            "some results have no status",
            None,
            None,
        ),
        ('{"status": "a"}\n', "the table has no known column of ids", None, None),
        (
            '{"data_id": "1", "status": "a", "probability": 1.5}\n',
            "a probability must be between 0 and 1",
            None,
            "probability",
        ),
        (
            '{"data_id": "1", "status": "a", "probability": "x"}\n',
            "a probability must be between 0 and 1",
            None,
            "probability",
        ),
        (
            '{"data_id": "1", "status": "a", "probability": NaN}\n',
            "a probability must be between 0 and 1",
            None,
            "probability",
        ),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, text: str, match: str, row: int | None, column: str | None) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(text)
    with pytest.raises(DataError, match=match) as raised:
        read_results(path)
    finding = raised.value.finding
    assert (finding.file, finding.row, finding.column) == (path, row, column)


def test_an_invalid_probability_is_reported_with_its_recording(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(
        '{"data_id": "1", "status": "a", "probability": 1}\n{"data_id": "2", "status": "a", "probability": -0.5}\n'
    )
    with pytest.raises(DataError, match="a probability must be between 0 and 1") as raised:
        read_results(path)
    assert raised.value.finding.found == "'-0.5' for '2'"


def test_the_old_results_survive_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_results(BINARY, tmp_path / "r.jsonl")
    before = path.read_bytes()

    def raise_disk_full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", raise_disk_full)
    with pytest.raises(TargetError, match="cannot be written") as raised:
        write_results(BINARY.iloc[:1], path)
    assert raised.value.finding.found == "No space left on device"
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["r.jsonl"]


def test_a_folder_as_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="the output path is a folder"):
        write_results(BINARY, tmp_path)


def test_notes_do_not_overwrite_a_foreign_file(tmp_path: Path) -> None:
    foreign_file = tmp_path / "results.notes.json"
    foreign_file.write_text("my own")
    for action in (
        lambda: check_notes_writable(tmp_path / "results.jsonl"),
        lambda: write_notes(BINARY, tmp_path / "results.jsonl"),
    ):
        with pytest.raises(TargetError, match="the notes on the results would overwrite another file"):
            action()
    assert foreign_file.read_text() == "my own"


def with_notes(**attrs: Any) -> pd.DataFrame:
    frame = BINARY.copy()
    frame.attrs = {"positive": "Depression", "threshold": 0.5, **attrs}
    return frame


@pytest.mark.parametrize(
    "attrs",
    [
        {"positive": "PD"},
        {"n_subjects": 2},
        {"prevalence": {"Depression": 0.1, "Normal": 0.9}},
        {"mismatch": ["tracker"]},
        {"overlap": [{"data_id": "2"}]},
        {"skipped": [{"data_id": "3", "errors": []}]},
        {"ids_without_recording": ["4"]},
    ],
)
def test_notes_say_how_predictions_were_made(tmp_path: Path, attrs: dict[str, Any]) -> None:
    path = write_notes(with_notes(**attrs), tmp_path / "r.jsonl")
    assert path == tmp_path / "r.notes.json"
    assert read_notes(tmp_path / "r.jsonl") == ({"positive": "Depression", "threshold": 0.5, **attrs}, [])


@pytest.mark.parametrize("attrs", [{}, {"skipped": [], "ids_without_recording": []}, {"positive": None}])
def test_ordinary_predictions_have_no_notes_and_remove_older_ones(tmp_path: Path, attrs: dict[str, Any]) -> None:
    write_notes(with_notes(positive="PD"), tmp_path / "r.jsonl")
    assert write_notes(with_notes(**attrs), tmp_path / "r.jsonl") is None
    assert not list(tmp_path.iterdir())
    assert read_notes(tmp_path / "r.jsonl") == ({}, [])


# ------------------------------------------------------------------------------------------------- severity

SEVERITY = predictions(
    data_id=["2", "1"],
    status=["Depression", "Normal"],
    probability=[0.75, 0.25],
    severity=np.float32([14.126, 3.0]),
    severity_class=["moderate", "none"],
    severity_low=[9.0, -0.0],
    severity_high=[19.999, np.inf],
    label_set=[("Depression",), ("Depression", "Normal")],
    severity_p_none=[0.1, 0.9],
    severity_p_mild=[0.9, 0.1],
)


def test_severity_follows_the_two_standard_keys(tmp_path: Path) -> None:
    path = write_results(SEVERITY, tmp_path / "r.jsonl")
    assert path.read_text() == (
        '{"data_id": "1", "status": "Normal", "severity": 3.0, "severity_class": "none", '
        '"severity_interval": [0.0, null], "label_set": ["Depression", "Normal"]}\n'
        '{"data_id": "2", "status": "Depression", "severity": 14.13, "severity_class": "moderate", '
        '"severity_interval": [9.0, 20.0], "label_set": ["Depression"]}\n'
    )


def test_probabilities_of_severity_classes_are_written_on_request(tmp_path: Path) -> None:
    path = write_results(SEVERITY, tmp_path / "r.jsonl", proba=True)
    record = json.loads(path.read_text().splitlines()[1])
    assert list(record)[-2:] == ["probability", "severity_probabilities"]
    assert (record["probability"], record["severity_probabilities"]) == (0.75, {"none": 0.1, "mild": 0.9})


def test_severity_is_read_as_it_was_written(tmp_path: Path) -> None:
    frame = read_results(write_results(SEVERITY, tmp_path / "r.jsonl", proba=True))
    names = ["status", "probability", "severity", "severity_class", "severity_low", "severity_high", "label_set"]
    assert list(frame.columns) == names
    assert frame.loc["2"].tolist() == ["Depression", 0.75, 14.13, "moderate", 9.0, 20.0, ("Depression",)]
    assert np.isnan(frame.loc["1", "severity_high"])
    assert frame.loc["1", "label_set"] == ("Depression", "Normal")


def test_results_may_have_a_severity_and_no_status(tmp_path: Path) -> None:
    path = write_results(SEVERITY[["severity"]], tmp_path / "r.jsonl")
    assert path.read_text() == '{"data_id": "1", "severity": 3.0}\n{"data_id": "2", "severity": 14.13}\n'
    assert read_results(path).to_dict() == {"severity": {"1": 3.0, "2": 14.13}}


def test_a_line_without_a_severity_has_none(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text(
        '{"data_id": "1", "status": "a", "severity": 2, "severity_interval": [1, 3], "label_set": ["a"]}\n'
        '{"data_id": "2", "status": "b"}\n'
    )
    frame = read_results(tmp_path / "r.jsonl")
    assert frame[["severity", "severity_low", "severity_high"]].isna().sum(axis=1).tolist() == [0, 3]
    assert frame["label_set"].tolist() == [("a",), ()]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("severity", "high"),
        ("severity_interval", "3"),
        ("severity_interval", [1]),
        ("severity_interval", [5, 3]),
        ("severity_interval", ["a", 3]),
        ("label_set", "a"),
        ("label_set", []),
        ("label_set", [1]),
    ],
)
def test_severity_that_is_not_valid_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    (tmp_path / "r.jsonl").write_text(json.dumps({"data_id": "1", "status": "a", key: value}))
    with pytest.raises(DataError, match=rf"a value of the results is not valid[^\0]*'{key}'[^\0]*for '1'"):
        read_results(tmp_path / "r.jsonl")


# ------------------------------------------------------------------------------------------------ Uncertain


def test_a_recording_with_several_possible_classes_is_uncertain() -> None:
    before = SEVERITY.copy()
    marked = mark_uncertain(SEVERITY)
    assert marked["status"].to_dict() == {"2": "Depression", "1": "Uncertain"}
    assert marked.attrs["n_uncertain"] == 1
    pd.testing.assert_frame_equal(SEVERITY, before)


def test_the_number_of_uncertain_recordings_is_noted(tmp_path: Path) -> None:
    marked = mark_uncertain(SEVERITY)
    marked.attrs["threshold"] = 0.5
    write_notes(marked, tmp_path / "r.jsonl")
    assert read_notes(tmp_path / "r.jsonl")[0] == {"threshold": 0.5, "n_uncertain": 1}
    certain = mark_uncertain(SEVERITY[SEVERITY["status"] == "Depression"])
    assert certain.attrs["n_uncertain"] == 0
    assert write_notes(certain, tmp_path / "r.jsonl") is None


def test_a_class_called_uncertain_cannot_be_told_from_an_abstention() -> None:
    frame = predictions(data_id=["1"], status=["Uncertain"], label_set=[("Uncertain",)])
    with pytest.raises(ConfigError, match=r"a class is called Uncertain"):
        mark_uncertain(frame)


# ------------------------------------------------------------------------------------------------- suffixes


def test_a_json_file_is_a_sorted_array_of_the_same_objects(tmp_path: Path) -> None:
    lines = write_results(SEVERITY, tmp_path / "r.jsonl", proba=True).read_text().splitlines()
    array = json.loads(write_results(SEVERITY, tmp_path / "r.json", proba=True).read_text())
    assert array == [json.loads(line) for line in lines]
    assert write_results(BINARY.iloc[:0], tmp_path / "r.json").read_text() == "[]\n"


def test_a_csv_file_has_a_column_per_value(tmp_path: Path) -> None:
    assert write_results(BINARY, tmp_path / "b.csv", proba=True).read_text() == (
        "data_id,status,probability\n007,Depression,0.666667\n10,Normal,0.25\n2,Normal,0.0\n"
    )
    text = write_results(SEVERITY, tmp_path / "s.csv", proba=True).read_text()
    assert text.splitlines()[:2] == [
        "data_id,status,severity,severity_class,severity_low,severity_high,label_set,probability,"
        "severity_p_none,severity_p_mild",
        '1,Normal,3.0,none,0.0,,"[""Depression"", ""Normal""]",0.25,0.9,0.1',
    ]
    assert write_results(BINARY.iloc[:0], tmp_path / "b.csv").read_text() == "data_id,status\n"


@pytest.mark.parametrize("suffix", [".json", ".csv"])
def test_each_format_is_read_like_json_lines(tmp_path: Path, suffix: str) -> None:
    lines = read_results(write_results(SEVERITY, tmp_path / "r.jsonl", proba=True))
    pd.testing.assert_frame_equal(
        read_results(write_results(SEVERITY, tmp_path / f"r{suffix}", proba=True))[list(lines)], lines
    )


FORMULAS = ["=1+1", "+49", "-001", "@SUM(A1)", "'=1", "''=1", "'quoted'", "it's", "1-2"]


@pytest.mark.parametrize("text", [*FORMULAS, *ODD_IDS])
def test_every_text_survives_a_csv_file(tmp_path: Path, text: str) -> None:
    frame = predictions(data_id=[f"{text}x", "a"], status=[f"{text}y", "z"])
    path = write_results(frame, tmp_path / "r.csv")
    assert read_results(path).to_dict("index") == frame.to_dict("index")


@pytest.mark.parametrize("text", ["=1+1", "+49", "-001", "@SUM(A1)", "'=1"])
def test_no_cell_of_a_csv_file_is_a_formula(tmp_path: Path, text: str) -> None:
    path = write_results(predictions(data_id=[text], status=["=x"]), tmp_path / "r.csv")
    assert path.read_text() == f"data_id,status\n'{text},'=x\n"


@pytest.mark.parametrize("name", ["r.txt", "r", "r.jsonl.gz", "r.xlsx"])
def test_another_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"does not end in \.jsonl or \.json or \.csv"):
        write_results(BINARY, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["labels.csv", "labels.jsonl", "Labels.json"])
def test_results_are_not_given_the_name_of_a_label_table(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="is that of a label table"):
        write_results(BINARY, tmp_path / name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mine.json", '{"schema": "pdmr-classic/model/7"}'),
        ("mine.json", "[1]"),
        ("submissions.jsonl", '{"schema": "pdmr-classic/submission/1"}\n'),
        ("mine.json", "{"),
        ("mine.csv", "data_id,status,subject_id\n1,a,b\n"),
        ("mine.csv", "frame,AU12_r\n1,0.5\n"),
        ("mine.csv", ""),
    ],
)
def test_results_do_not_overwrite_a_manifest_or_a_table(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(TargetError, match="the results would overwrite another file"):
        write_results(BINARY, tmp_path / name)
    assert (tmp_path / name).read_text() == text


@pytest.mark.parametrize("name", ["r.json", "r.csv", "r.jsonl"])
def test_results_replace_older_results(tmp_path: Path, name: str) -> None:
    write_results(SEVERITY, tmp_path / name, proba=True)
    assert len(read_results(write_results(BINARY, tmp_path / name))) == 3


def test_results_of_the_same_name_have_notes_of_their_own(tmp_path: Path) -> None:
    noted = with_notes(skipped=[{"data_id": "3", "errors": []}], model_sha256="ab", seed=0)
    for suffix in (".jsonl", ".json", ".csv"):
        write_notes(noted, tmp_path / f"r{suffix}")
    write_notes(with_notes(), tmp_path / "r.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.json.notes.json", "r.notes.json"]
    notes, _ = read_notes(tmp_path / "r.json")
    assert (notes["model_sha256"], notes["seed"]) == ("ab", 0)
