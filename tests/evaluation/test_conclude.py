"""What a check concludes for `fit`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from pdmr_classic import Settings
from pdmr_classic.evaluation.check_data import check_data
from pdmr_classic.evaluation.conclude import conclude
from pdmr_classic.io.dataset import scan_dataset
from pdmr_classic.io.inspection import inspect_files
from pdmr_classic.io.split_folders import find_splits


@pytest.fixture
def root(small_set: Path, tmp_path: Path) -> Path:
    return shutil.copytree(small_set, tmp_path / "set")


def check(root: Path, **changes: Any) -> tuple[bool, str]:
    settings = Settings().override(changes)
    splits, errors = {}, []
    for source in find_splits(root, settings.data):
        dataset, unreadable = scan_dataset(
            source.folder, split=source.split, settings=settings.data, may_lack_labels=source.name == "test"
        )
        splits[source.name] = (dataset, inspect_files(dataset, settings.reading, signatures=True))
        errors += unreadable
    return conclude(splits, check_data(splits, settings, errors))


def break_file(folder: Path) -> str:
    path = sorted((folder / "audio").iterdir())[0]
    path.write_bytes(b"")
    return path.stem


def test_a_set_without_problems_can_be_used(root: Path) -> None:
    assert check(root) == (True, "fit can use this data (split train).")
    assert check(root / "train") == (True, "fit can use this data.")


def test_a_file_that_cannot_be_read_stops_fit_if_it_is_a_training_file(root: Path) -> None:
    break_file(root / "test")
    assert check(root)[0] is True
    break_file(root / "train")
    assert check(root) == (False, "fit would stop: the file is empty")


def test_a_file_of_a_recording_without_a_label_does_not_stop_fit(root: Path) -> None:
    broken = break_file(root / "train")
    labels = root / "train/labels.csv"
    lines = [line for line in labels.read_text().splitlines() if not line.startswith(broken)]
    labels.write_text("\n".join(lines) + "\n")
    assert check(root)[0] is True


def test_a_check_of_all_splits_does_not_say_that_only_one_is_used(tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    rows = [f"{k},{'xy'[k % 2]},{'train' if k < 4 else 'test'}" for k in range(6)]
    (tmp_path / "labels.csv").write_text("\n".join(["data_id,status,split", *rows]) + "\n")
    for k in range(6):
        (tmp_path / f"audio/{k}.csv").write_text(f"{k}.5,0.25,1\n")
    splits = {}
    for split in ("train", "test"):
        data, _ = scan_dataset(tmp_path, split=split)
        splits[split] = (data, inspect_files(data, Settings().reading))
    assert "split" in [finding.code for finding in splits["train"][0].findings]
    assert "split" not in [finding.code for finding in check_data(splits, Settings()).findings]


def test_the_labels_are_checked_before_the_files(root: Path) -> None:
    break_file(root / "train")
    labels = root / "train/labels.csv"
    labels.write_text(labels.read_text().replace("Normal", "Depression"))
    can_use, text = check(root)
    assert can_use is False
    assert text.endswith("(and 1 more)")
    assert "the file is empty" not in text


def test_broken_test_labels_do_not_stop_fit(root: Path) -> None:
    (root / "test/labels.csv").write_text("data_id,status\n001,Normal\n001,Depression\n")
    assert check(root)[0] is True
    (root / "train/labels.csv").write_text("data_id,status\n001,Normal\n001,Depression\n")
    assert check(root) == (False, "fit would stop: recording '001' has conflicting labels")


@pytest.mark.parametrize("text", [None, "data_id,gender\n001,f\n"])
def test_missing_labels_stop_fit(root: Path, text: str | None) -> None:
    labels = root / "train/labels.csv"
    labels.unlink()
    if text:
        labels.write_text(text)
    can_use, sentence = check(root / "train")
    assert can_use is False
    assert sentence.startswith("fit would stop: there are no labels")


def test_subjects_that_are_refused_stop_fit(tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    for k in range(4):
        (tmp_path / f"audio/{k}.csv").write_text(f"{k}.5,0.25,1\n")
    (tmp_path / "labels.csv").write_text("data_id,status,subject_id\n0,x,P300\n1,y,S300\n2,x,300\n3,y,4\n")
    assert check(tmp_path) == (False, "fit would stop: it is not clear which subjects are the same person")


def test_a_class_that_must_be_named_stops_fit(root: Path) -> None:
    labels = root / "train/labels.csv"
    labels.write_text(labels.read_text().replace("Depression", "PD").replace("Normal", "HC"))
    assert check(root / "train") == (False, "fit would stop: the positive class is not specified")
    assert check(root / "train", **{"data.positive": "PD"})[0] is True


def test_a_test_set_needs_no_labels(root: Path) -> None:
    shutil.rmtree(root / "train")
    (root / "test/labels.csv").unlink()
    assert check(root) == (False, "There is no training set: fit needs one, predict does not.")
