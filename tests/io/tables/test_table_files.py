from __future__ import annotations

from pathlib import Path

import pytest

from pdmr_classic.io.tables.table_files import TABLE_SUFFIXES, file_id, is_table_file


@pytest.mark.parametrize("compressed", ["", ".gz", ".GZ"])
@pytest.mark.parametrize("suffix", [*TABLE_SUFFIXES, ".CSV", ".Npy"])
def test_each_suffix_is_recognised_in_any_case_and_compressed(suffix: str, compressed: str) -> None:
    path = Path("folder.csv") / f"300_OpenFace2.1.0_x{suffix}{compressed}"
    assert is_table_file(path)
    assert file_id(path) == "300_OpenFace2.1.0_x"


@pytest.mark.parametrize(
    "name", ["001.wav", "001", "001.csv.zip", "001.gz", ".csv", ".csv.gz", "001.csv.bak", "300_2.1"]
)
def test_other_files_are_not_tables_and_keep_their_name(name: str) -> None:
    assert not is_table_file(name)
    assert file_id(name) == name


def test_only_the_last_suffix_is_removed() -> None:
    assert file_id("a.csv.csv") == "a.csv"
    assert file_id("a.csv.npy.gz") == "a.csv"
