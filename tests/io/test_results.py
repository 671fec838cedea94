from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdmr_classic.errors import DataError, TargetError
from pdmr_classic.io.results import check_notes_writable, read_notes, read_results, write_notes, write_results

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
