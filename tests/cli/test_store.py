"""`extract --out DIR/` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from program import TINY, invoke


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "settings.toml").write_text(TINY)
    return tmp_path


def extract(folder: Path, data: Path, *options: str) -> tuple[int, str, str]:
    result = invoke("extract", data, "--config", "settings.toml", "--jobs", "1", *options, cwd=folder)
    return result.exit_code, result.stdout, result.stderr


def test_a_slash_at_the_end_writes_the_same_table_as_a_store(folder: Path, small_set: Path) -> None:
    results = [extract(folder, small_set / "train", "--json", "--out", out) for out in ("store/", "table.parquet")]
    assert [code for code, _, _ in results] == [0, 0]
    stored, table = (json.loads(text) for _, text, _ in results)
    assert (stored.pop("out"), table.pop("out")) == ("store", "table.parquet")
    assert stored == table
    pd.testing.assert_frame_equal(
        pd.read_parquet(folder / "store"), pd.read_parquet(folder / "table.parquet"), check_exact=True
    )
    assert sorted(path.name for path in folder.iterdir()) == ["settings.toml", "store", "table.parquet"]


def test_a_folder_with_other_files_is_one_message(folder: Path, small_set: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "labels.csv").write_text("data_id,status\n")
    code, _, error = extract(folder, small_set / "train", "--out", "mine/")
    assert code == 5
    assert "contains other files" in error
    assert "labels.csv" in error


def test_a_folder_without_a_slash_that_is_no_store_is_still_wrong(folder: Path, small_set: Path) -> None:
    code, _, error = extract(folder, small_set / "train", "--out", ".")
    assert code == 5
    assert "is a folder" in error
