"""Official split tables: train_split.csv, dev_split_Depression_AVEC2017.csv, full_test_split.csv and their kin."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from pdmr_classic.io.labels.id_tables import split_name
from pdmr_classic.io.layouts.folder_files import list_files
from pdmr_classic.io.layouts.layout import LabelTable
from pdmr_classic.io.layouts.recordings import is_folder

_SPLIT_TABLE = re.compile(
    r"(full_)?(train|training|dev|devel|development|val|valid|validation|test)_?split(?:[\W_].*)?", re.IGNORECASE
)


def find_split_tables(folders: Iterable[Path]) -> tuple[tuple[LabelTable, ...], list[Path]]:
    """Return the split tables in folders and in their labels/, and the other tables that describe recordings.

    A full test table has the labels of the test split, so it comes after the table without.
    """
    places = [place for folder in folders for place in (folder, folder / "labels") if is_folder(place)]
    paths = [path for place in dict.fromkeys(places) for path in list_files(place).tables]
    tables, others = [], []
    for path in paths:
        match = _SPLIT_TABLE.fullmatch(path.stem)
        if match:
            tables.append((bool(match[1]), LabelTable(path, split_name(match[2]))))
        else:
            others.append(path)
    return tuple(table for _, table in sorted(tables, key=lambda pair: pair[0])), others
