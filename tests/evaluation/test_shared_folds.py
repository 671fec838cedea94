"""Outer folds that several runs compute are joined to the evaluation of one run; missing and foreign ones are named."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import Settings
from pdmr_classic.errors import ConfigError
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.evaluation.fold_numbers import format_fold_numbers, parse_fold_numbers
from pdmr_classic.evaluation.fold_storage import (
    FoldOrigin,
    check_all_finished,
    fold_path,
    list_missing,
    open_fold_storage,
    remove_folds,
)
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.storage import fingerprint
from pdmr_classic.text import to_json

QUICK = Settings().override(
    {
        "learning.learners": ("linear",),
        "learning.trials": 1,
        "learning.repeats": 1,
        "learning.folds": 2,
        "learning.importance": False,
    }
)
Study = tuple[pd.DataFrame, pd.Series, pd.Series]


def study(seed: int = 0) -> Study:
    """Return a table of 12 subjects with two recordings each; one recording has no audio."""
    rng = np.random.default_rng(seed)
    index = pd.Index([f"r{place:03d}" for place in range(24)], name="data_id")
    names = [f"{view}__c{k}__mean" for view in ("video", "audio") for k in range(2)]
    table = pd.DataFrame(rng.normal(size=(24, 4)), index=index, columns=names)
    table.iloc[0, 2:] = np.nan
    subject = np.repeat(np.arange(12), 2)
    status = pd.Series(np.where(subject % 2, "Depression", "Normal"), index=index)
    return table, status, pd.Series([f"S{number:02d}" for number in subject], index=index)


def run(data: Study, **options: Any) -> dict[str, Any]:
    return evaluate_features(*data, **{"settings": QUICK, "folds": 2, "repeats": 1, **options})


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of both outer folds, the second computed first; tests must copy it before they change it."""
    folder = tmp_path_factory.mktemp("shared") / "evaluation.json.folds"
    for number in (2, 1):
        summary = run(study(), checkpoint=folder, fold=[number])
        assert summary["folds"] == [number]
        assert (summary["n_folds"], summary["missing"]) == (2, [1] if number == 2 else [])
    return folder


@pytest.fixture
def folder(stored: Path, tmp_path: Path) -> Path:
    """Return a copy of the folder of both outer folds."""
    return shutil.copytree(stored, tmp_path / "evaluation.json.folds")


# ------------------------------------------------------------------------------------------- joining


def test_joined_folds_give_the_bytes_of_one_run(folder: Path) -> None:
    joined = run(study(), checkpoint=folder, join=True)
    assert to_json(joined, indent=1) == to_json(run(study()), indent=1)


def test_joining_trains_nothing_even_if_a_fold_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdmr_classic.evaluation._run_folds.run_fold", None)  # training would be a TypeError
    reporter = CollectingReporter()
    run(study(), checkpoint=folder, join=True, reporter=reporter)
    assert "cost" not in [finding.code for finding in reporter.findings]
    fold_path(folder, 2).unlink()
    with pytest.raises(ConfigError, match="1 of 2 outer folds are missing"):
        run(study(), checkpoint=folder, join=True)


def test_a_fold_that_is_finished_is_not_computed_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdmr_classic.evaluation._run_folds.run_fold", None)
    before = fold_path(folder, 1).stat().st_ino
    run(study(), checkpoint=folder, fold=[1])
    assert fold_path(folder, 1).stat().st_ino == before


def test_one_run_resumes_from_the_folds_of_others(folder: Path) -> None:
    fold_path(folder, 1).unlink()
    reporter = CollectingReporter()
    resumed = run(study(), checkpoint=folder, reporter=reporter)
    assert "finished 1 of 2 outer folds" in next(f.what for f in reporter.findings if f.code == "resumed")
    assert resumed == run(study(), checkpoint=folder, join=True)


def test_the_cost_is_that_of_the_folds_of_the_run(tmp_path: Path) -> None:
    reporter = CollectingReporter()
    run(study(), checkpoint=tmp_path / "folds", fold=[2], reporter=reporter)
    assert "1 model will be" in next(finding.what for finding in reporter.findings if finding.code == "cost")


# ------------------------------------------------------------------------------------------- missing


def test_missing_folds_are_listed_with_the_option_that_makes_them(folder: Path) -> None:
    fold_path(folder, 2).unlink()
    with pytest.raises(ConfigError, match="1 of 2 outer folds are missing") as raised:
        run(study(), checkpoint=folder, join=True)
    assert "--fold 2" in str(raised.value)
    with pytest.raises(ConfigError, match="no fold 2"):
        check_all_finished(folder)


def test_a_folder_without_folds_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there are no outer folds to join"):
        check_all_finished(tmp_path / "none.folds")


@pytest.mark.parametrize("options", [{"fold": [1]}, {"join": True}], ids=["fold", "join"])
def test_shared_folds_need_a_folder(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="needs `checkpoint`"):
        run(study(), **options)


def test_a_number_above_the_number_of_folds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has only 2 outer folds"):
        run(study(), checkpoint=tmp_path / "folds", fold=[1, 3])
    assert not (tmp_path / "folds").exists()


def test_a_run_cannot_compute_and_join(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="exclude each other"):
        run(study(), checkpoint=tmp_path / "folds", fold=[1], join=True)


# ------------------------------------------------------------------------------------------- foreign


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ("data", "other recordings, labels, features or outer folds"),
        ("settings", "other settings: learning.trials"),
        ("seed", "other settings: learning.seed"),
        ("versions", "other versions: lightgbm"),
    ],
)
@pytest.mark.parametrize("options", [{"fold": [1]}, {"join": True}], ids=["fold", "join"])
def test_a_fold_of_another_evaluation_is_named_with_what_differs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, other: str, found: str, options: dict[str, Any]
) -> None:
    if other == "versions":
        for module in (fingerprint, "pdmr_classic.evaluation._run_folds"):
            versions = {**fingerprint.read_library_versions(), "lightgbm": "0.0"}
            target = f"{module if isinstance(module, str) else module.__name__}.read_library_versions"
            monkeypatch.setattr(target, lambda versions=versions: versions)
    changes = {"settings": {"learning.trials": 2}, "seed": {"learning.seed": 1}}.get(other, {})
    before = [path.read_bytes() for path in sorted(folder.iterdir())]
    with pytest.raises(ConfigError, match="with different data, settings or library versions") as raised:
        run(study(seed=int(other == "data")), settings=QUICK.override(changes), checkpoint=folder, **options)
    assert f"fold 1-2: {found}" in str(raised.value)
    assert [path.read_bytes() for path in sorted(folder.iterdir())] == before


def test_the_one_foreign_fold_among_others_is_named(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    run(study(), settings=QUICK.override({"learning.seed": 3}), checkpoint=other, fold=[2])
    shutil.copy(fold_path(other, 2), fold_path(folder, 2))
    with pytest.raises(ConfigError, match=r"other settings: learning\.seed") as raised:
        run(study(), checkpoint=folder, join=True)
    assert "fold-0002.jsonl" in str(raised.value)


def test_a_fold_under_the_name_of_another_is_refused(folder: Path) -> None:
    shutil.copy(fold_path(folder, 1), fold_path(folder, 2))
    with pytest.raises(ConfigError, match="fold 2: not an outer fold"):
        run(study(), checkpoint=folder, join=True)


@pytest.mark.parametrize("content", [b"", b"my notes\n", b"[]\n", b"\xff\n", b"[" * 100_000])
def test_a_file_that_is_not_an_outer_fold_is_refused_and_not_changed(folder: Path, content: bytes) -> None:
    fold_path(folder, 1).write_bytes(content)
    with pytest.raises(ConfigError, match="fold 1: not an outer fold"):
        run(study(), checkpoint=folder, join=True)
    assert fold_path(folder, 1).read_bytes() == content


def test_a_damaged_result_is_refused(folder: Path) -> None:
    path = fold_path(folder, 2)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ConfigError, match="the file of the outer fold is damaged"):
        run(study(), checkpoint=folder, join=True)


# ------------------------------------------------------------------------------------------- files

ORIGIN = FoldOrigin(n_folds=40, fingerprint="f", settings={}, versions={})


def test_runs_write_into_one_folder_at_the_same_time(tmp_path: Path) -> None:
    def write(index: int) -> None:
        with open_fold_storage(tmp_path / "folds", ORIGIN, wanted=[index], is_shared=True) as storage:
            storage.add(index, {"value": index / 3})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, [*range(40), *range(40)]))
    assert list_missing(tmp_path / "folds", 40) == []
    with open_fold_storage(tmp_path / "folds", ORIGIN, wanted=range(40)) as storage:
        assert storage.results == {index: {"value": index / 3} for index in range(40)}
    assert len(list((tmp_path / "folds").iterdir())) == 40


def test_only_the_wanted_results_are_read(tmp_path: Path) -> None:
    with open_fold_storage(tmp_path / "folds", ORIGIN, wanted=[]) as storage:
        storage.add(0, {})
        storage.add(1, {})
    with open_fold_storage(tmp_path / "folds", ORIGIN, wanted=[1, 2]) as storage:
        assert storage.results == {1: {}}


def test_removing_the_folds_leaves_other_files(tmp_path: Path) -> None:
    folder = tmp_path / "folds"
    with open_fold_storage(folder, ORIGIN, wanted=[]) as storage:
        storage.add(0, {})
        (folder / "fold-7.jsonl").write_text("mine")
    remove_folds(folder)
    assert [path.name for path in folder.iterdir()] == ["fold-7.jsonl"]
    (folder / "fold-7.jsonl").unlink()
    remove_folds(folder)
    assert not folder.exists()
    remove_folds(folder)


def test_a_header_contains_no_recording_and_no_subject(stored: Path) -> None:
    header = json.loads(fold_path(stored, 1).read_text().splitlines()[0])
    assert sorted(header) == ["fingerprint", "fold", "n_folds", "schema", "settings", "versions"]
    assert "S01" not in json.dumps(header)


# ------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("text", "numbers"), [("3", (3,)), ("2-4", (2, 3, 4)), ("7-9, 1,3,3", (1, 3, 7, 8, 9)), ("007", (7,))]
)
def test_numbers_and_ranges_are_read(text: str, numbers: tuple[int, ...]) -> None:
    assert parse_fold_numbers(text) == numbers
    assert parse_fold_numbers(format_fold_numbers(numbers)) == numbers


@pytest.mark.parametrize("text", ["", "0", "-1", "a", "1-", "4-2", "1,,2", "1.5", "٣", "1-999999999", "1:3", "9" * 30])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="the number of the outer fold is not valid"):
        parse_fold_numbers(text)
