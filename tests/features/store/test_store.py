"""A store is the same table in parts, written as recordings arrive; an interrupted run goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import Settings, load_dataset, make_synthetic
from pdmr_classic.errors import DataError, TargetError
from pdmr_classic.features import _run_jobs
from pdmr_classic.features import extractor as extractor_module
from pdmr_classic.features._jobs import Job
from pdmr_classic.features._run_jobs import Keep
from pdmr_classic.features.exclusions import Exclusions
from pdmr_classic.features.extractor import Extraction, FeatureExtractor
from pdmr_classic.features.feature_table import collect_label_columns
from pdmr_classic.features.load_features import load_features
from pdmr_classic.features.output import check_output, extract_to
from pdmr_classic.features.store import _parts
from pdmr_classic.features.store._part_writer import PartWriter
from pdmr_classic.features.store.folder import is_store, means_store
from pdmr_classic.features.store.read import read_store
from pdmr_classic.features.store.write import StoredFeatures, extract_store
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.labels.labels import LABEL_SUFFIXES
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.storage.lock import hold_lock

QUICK = Settings().override({"features.families": ("distribution", "quality", "audio_vector")})
ROWS = 2


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_parts, "ROWS_PER_PART", ROWS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set whose first recordings have no audio: the first part has other columns than the others."""
    folder = tmp_path_factory.mktemp("set") / "set"
    make_synthetic(folder, subjects=12, segments=1, seconds=(1, 2))
    for name in load_dataset(folder, split="train").data_ids[:ROWS]:
        (folder / "train" / "audio" / f"{name}.csv").unlink(missing_ok=True)
    return folder


@pytest.fixture(scope="module")
def dataset(folder: Path) -> Dataset:
    return load_dataset(folder, split="train")


@pytest.fixture(scope="module")
def expected(dataset: Dataset) -> Extraction:
    return FeatureExtractor(QUICK).extract(dataset)


@pytest.fixture(scope="module")
def store(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete store, which the tests must not change."""
    folder = tmp_path_factory.mktemp("store") / "store"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_parts, "ROWS_PER_PART", ROWS)
        extract_store(FeatureExtractor(QUICK, cache=folder.parent / "cache"), dataset, folder)
    return folder


@pytest.fixture
def copied(store: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(store, tmp_path / "store"))


def write(dataset: Dataset, folder: Path, settings: Settings = QUICK, **options: bool) -> StoredFeatures:
    return extract_store(FeatureExtractor(settings, cache=folder.parent / "cache", **options), dataset, folder)


def read_bytes(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The numbers of the parts that are written in a test."""
    numbers: list[int] = []
    original = PartWriter.write

    def spy(self: PartWriter, number: int, *args: object) -> None:
        numbers.append(number)
        original(self, number, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(PartWriter, "write", spy)
    return numbers


# ------------------------------------------------------------------------------------------------ the same table


def test_a_store_is_the_same_table(store: Path, expected: Extraction) -> None:
    source = read_store(store)
    pd.testing.assert_frame_equal(source.features, expected.features, check_exact=True)
    assert source.facts.families == ("distribution", "quality", "audio_vector")
    assert source.is_synthetic
    assert not source.labels


def test_other_programs_read_the_folder(store: Path, expected: Extraction) -> None:
    table = pd.read_parquet(store).set_index("data_id")
    pd.testing.assert_frame_equal(table, expected.features, check_exact=True)


def test_every_part_has_the_same_columns_and_few_rows(store: Path) -> None:
    tables = [pd.read_parquet(path) for path in sorted(store.glob("part-*.parquet"))]
    assert [len(table) for table in tables] == [ROWS] * (len(tables) - 1) + [len(tables[-1])]
    assert all(list(table.columns) == list(tables[0].columns) for table in tables)
    assert tables[0].filter(like="audio__").isna().all(axis=None)


def test_numbers_and_findings_are_those_of_a_table(dataset: Dataset, expected: Extraction, tmp_path: Path) -> None:
    stored = write(dataset, tmp_path / "store")
    assert list(stored.names) == expected.names
    assert (stored.n_rows, stored.nan_share) == (expected.n_rows, expected.nan_share)
    assert stored.findings == expected.findings


def test_records_name_all_files_and_their_contents(store: Path, expected: Extraction) -> None:
    records = read_store(store).records
    contents = {(record.data_id, record.modality): record.content for record in records}
    hashes = expected.content_hashes
    known = {(i, name): hashes.at[i, name] for i in hashes.index for name in hashes if hashes.at[i, name]}
    assert contents == known
    by_modality = sorted(records, key=lambda record: record.modality != "video")
    assert [record.facts for record in by_modality] == [file.facts for file in expected.files]


def test_labels_stand_between_ids_and_features(dataset: Dataset, expected: Extraction, tmp_path: Path) -> None:
    labels = collect_label_columns(dataset)
    extract_store(FeatureExtractor(QUICK), dataset, tmp_path / "store", labels)
    table = pd.read_parquet(tmp_path / "store").set_index("data_id")
    pd.testing.assert_frame_equal(table, labels.join(expected.features), check_exact=True, check_dtype=False)
    source = read_store(tmp_path / "store")
    assert source.labels == tuple(labels.columns)
    pd.testing.assert_frame_equal(source.features, expected.features, check_exact=True)


def test_a_store_can_be_read_as_float32(store: Path, expected: Extraction) -> None:
    features = read_store(store, np.float32).features
    assert set(features.dtypes) == {np.dtype(np.float32)}
    np.testing.assert_array_equal(features.to_numpy(), expected.features.to_numpy(dtype=np.float32))


def test_the_number_of_processes_does_not_change_a_byte(
    dataset: Dataset, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_workers: list[int] = []
    original = extractor_module.run_jobs

    def spy(jobs: Sequence[Job], number: int, keep: Keep) -> Iterator[int]:
        n_workers.append(number)
        return original(jobs, number, keep)

    monkeypatch.setattr(extractor_module, "run_jobs", spy)
    monkeypatch.setattr(extractor_module, "_BYTES_PER_WORKER", 1)
    monkeypatch.setattr(_run_jobs, "_FILES_PER_TASK", 1)
    extract_store(FeatureExtractor(QUICK, jobs=2), dataset, tmp_path / "store")
    assert set(n_workers) == {2}
    assert read_bytes(tmp_path / "store") == read_bytes(store)


def test_features_from_the_label_table_are_written_from_memory(dataset: Dataset, tmp_path: Path) -> None:
    settings = QUICK.override({"data.covariates": ("gender",)})
    stored = write(dataset, tmp_path / "store", settings)
    assert "store-in-memory" in {finding.code for finding in stored.findings}
    expected = FeatureExtractor(settings).transform(dataset)
    source = read_store(tmp_path / "store")
    pd.testing.assert_frame_equal(source.features, expected, check_exact=True)
    assert source.facts.settings["data"]["covariates"] == ["gender"]
    assert not source.records


@pytest.mark.parametrize("changes", [{"learning.suppress_identity": True}, {"data.baseline": "none"}])
def test_settings_that_add_no_column_give_a_store_that_can_be_read(
    dataset: Dataset, expected: Extraction, tmp_path: Path, changes: dict[str, object]
) -> None:
    write(dataset, tmp_path / "store", QUICK.override(changes))
    data = load_features(tmp_path / "store")
    pd.testing.assert_frame_equal(FeatureExtractor(QUICK).transform(data), expected.features, check_exact=True)
    assert len(read_store(tmp_path / "store").records) == len(expected.records)


def test_progress_counts_the_files_of_all_parts(dataset: Dataset, tmp_path: Path) -> None:
    reporter = CollectingReporter()
    extract_store(FeatureExtractor(QUICK, reporter=reporter), dataset, tmp_path / "store")
    done, totals = zip(*((done, total) for _, done, total in reporter.steps), strict=True)
    n_files = sum(len(recording.files) for recording in dataset.recordings)
    assert set(totals) == {n_files}
    assert list(done) == sorted(done)
    assert done[-1] == n_files


# ------------------------------------------------------------------------------------------------- to go on


def test_an_interrupted_run_goes_on_with_the_missing_parts(
    dataset: Dataset, store: Path, tmp_path: Path, written: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "store"
    with monkeypatch.context() as patch:
        patch.setattr(PartWriter, "_write_facts", interrupt_at(2, PartWriter._write_facts))
        with pytest.raises(KeyboardInterrupt) as interruption:
            write(dataset, folder)
    assert "finished parts are saved" in interruption.value.__notes__[0]
    with pytest.raises(DataError, match=r"not complete(.|\n)*run the same extract again"):
        read_store(folder)
    assert written == [0, 1, 2]
    write(dataset, folder)
    assert written == [0, 1, 2, 2, 3]
    assert read_bytes(folder) == read_bytes(store)


def test_a_run_that_is_interrupted_in_its_first_part_goes_on(
    dataset: Dataset, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "store"
    write_until(dataset, folder, "write", 0, monkeypatch)
    with pytest.raises(DataError, match=r"not complete(.|\n)*run the same extract again"):
        load_features(folder)
    extract_to(str(folder), FeatureExtractor(QUICK, cache=tmp_path / "cache"), dataset)
    assert read_bytes(folder) == read_bytes(store)


def write_until(dataset: Dataset, folder: Path, method: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a store until a method of its writer is called for a part, which interrupts the run."""
    with monkeypatch.context() as patch:
        patch.setattr(PartWriter, method, interrupt_at(number, getattr(PartWriter, method)))
        with pytest.raises(KeyboardInterrupt):
            write(dataset, folder)


def interrupt_at(number: int, function: Callable[..., None]) -> Callable[..., None]:
    def run(self: PartWriter, part: int, *args: object) -> None:
        if part == number:
            raise KeyboardInterrupt
        function(self, part, *args)

    return run


def test_an_interruption_while_columns_are_unified_loses_nothing(
    dataset: Dataset, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "store"
    write_until(dataset, folder, "unify", 1, monkeypatch)
    write(dataset, folder)
    assert read_bytes(folder) == read_bytes(store)


def test_files_of_an_unfinished_part_are_not_read_again(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(PartWriter, "write", interrupt_at(1, PartWriter.write))
        with pytest.raises(KeyboardInterrupt):
            write(dataset, tmp_path / "store")
    read: list[str] = []
    original = _parts.Job.run
    monkeypatch.setattr(_parts.Job, "run", lambda job: (read.append(job.data_id), original(job))[1])
    write(dataset, tmp_path / "store")
    assert set(read) == set(dataset.data_ids[2 * ROWS :])
    assert not (tmp_path / "store" / ".cache").exists()


def test_a_complete_store_is_left_as_it_is(dataset: Dataset, copied: Path, store: Path, written: list[int]) -> None:
    write(dataset, copied)
    assert not written
    assert read_bytes(copied) == read_bytes(store)


def test_only_the_part_of_a_changed_file_is_written_again(
    folder: Path, store: Path, tmp_path: Path, written: list[int]
) -> None:
    moved = Path(shutil.copytree(folder, tmp_path / "set"))
    data = load_dataset(moved, split="train")
    write(data, tmp_path / "store")
    written.clear()
    file = moved / "train" / "video" / f"{data.data_ids[ROWS]}.csv"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    write(data, tmp_path / "store")
    assert written == [1]


def test_a_change_that_keeps_size_and_time_is_found_by_hashes(
    folder: Path, tmp_path: Path, written: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = Path(shutil.copytree(folder, tmp_path / "set"))
    data = load_dataset(moved, split="train")
    write(data, tmp_path / "store")
    written.clear()
    monkeypatch.setattr(_parts, "_describe_file", lambda path: "the same")
    write(data, tmp_path / "store")
    written.clear()
    file = moved / "train" / "video" / f"{data.data_ids[-1]}.csv"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    write(data, tmp_path / "store")
    assert not written
    write(data, tmp_path / "store", verify_cache=True)
    assert written == [3]


@pytest.fixture
def read_files(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are read in a test."""
    files: list[Path] = []
    original = Job.run
    monkeypatch.setattr(Job, "run", lambda job: (files.append(job.path), original(job))[1])
    return files


@pytest.mark.parametrize("stops", [False, True], ids=["in one go", "interrupted"])
def test_rows_of_unchanged_files_are_kept_when_recordings_are_added(
    dataset: Dataset, store: Path, tmp_path: Path, read_files: list[Path], monkeypatch: pytest.MonkeyPatch, stops: bool
) -> None:
    mask = pd.Series(True, index=dataset.data_ids)
    mask.iloc[0] = False
    write(dataset.subset(mask), tmp_path / "store")
    read_files.clear()
    if stops:
        with monkeypatch.context() as patch:
            patch.setattr(PartWriter, "write", interrupt_at(2, PartWriter.write))
            with pytest.raises(KeyboardInterrupt):
                write(dataset, tmp_path / "store")
    write(dataset, tmp_path / "store")
    assert read_files == [path for _, path, _ in dataset.recordings[0].files]
    assert read_bytes(tmp_path / "store") == read_bytes(store)


def test_rows_of_files_with_other_bytes_are_not_kept(
    folder: Path, tmp_path: Path, read_files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = Path(shutil.copytree(folder, tmp_path / "set"))
    data = load_dataset(moved, split="train")
    mask = pd.Series(True, index=data.data_ids)
    mask.iloc[0] = False
    monkeypatch.setattr(_parts, "_describe_file", lambda path: "the same")
    write(data.subset(mask), tmp_path / "store")
    read_files.clear()
    file = moved / "train" / "video" / f"{data.data_ids[-1]}.csv"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    write(data, tmp_path / "store", verify_cache=True)
    assert read_files == [*(path for _, path, _ in data.recordings[0].files), file]
    features = FeatureExtractor(QUICK).transform(data)
    pd.testing.assert_frame_equal(read_store(tmp_path / "store").features, features, check_exact=True)


def test_other_settings_replace_every_part(dataset: Dataset, copied: Path, written: list[int]) -> None:
    other = QUICK.override({"reading.min_confidence": 0.9})
    write(dataset, copied, other)
    assert written == [0, 1, 2, 3]
    expected = FeatureExtractor(other).transform(dataset)
    pd.testing.assert_frame_equal(read_store(copied).features, expected, check_exact=True)


@pytest.mark.parametrize(
    "options",
    [{"exclusions": Exclusions({"video": ("AU12_r",)})}, {"alter": {"video": lambda stream: stream}}],
    ids=["exclusions", "alter"],
)
def test_parts_of_an_extractor_with_other_rows_are_replaced(
    dataset: Dataset,
    copied: Path,
    store: Path,
    written: list[int],
    read_files: list[Path],
    options: dict[str, Any],
) -> None:
    other = FeatureExtractor(QUICK, cache=copied.parent / "cache", **options)
    n_files = len(read_store(copied).records)
    extract_store(other, dataset, copied)
    assert len(read_files) == n_files
    read_files.clear()
    assert written == [0, 1, 2, 3]
    written.clear()
    extract_store(other, dataset, copied)
    assert written == ([0, 1, 2, 3] if other.alter else [])
    assert len(read_files) == (n_files if other.alter else 0)
    written.clear()
    pd.testing.assert_frame_equal(read_store(copied).features, other.transform(dataset), check_exact=True)
    write(dataset, copied)
    assert written == [0, 1, 2, 3]
    assert read_bytes(copied) == read_bytes(store)


def test_parts_of_a_larger_set_are_removed(dataset: Dataset, copied: Path) -> None:
    mask = pd.Series(True, index=dataset.data_ids)
    mask.iloc[ROWS:] = False
    write(dataset.subset(mask), copied)
    assert [path.name for path in sorted(copied.glob("part-*"))] == ["part-00000.parquet"]
    assert len(read_store(copied).features) == ROWS


def test_without_a_cache_nothing_is_kept(dataset: Dataset, copied: Path, written: list[int]) -> None:
    extract_store(FeatureExtractor(QUICK), dataset, copied)
    assert written == [0, 1, 2, 3]


# ------------------------------------------------------------------------------------------------- bad input


def test_every_unreadable_file_is_named_and_other_parts_are_kept(
    folder: Path, tmp_path: Path, written: list[int]
) -> None:
    moved = Path(shutil.copytree(folder, tmp_path / "set"))
    data = load_dataset(moved, split="train")
    files = [moved / "train" / "video" / f"{data.data_ids[row]}.csv" for row in (1, 2 * ROWS)]
    contents = [file.read_text() for file in files]
    for file in files:
        file.write_text("no,numbers\nx,y\n")
    with pytest.raises(DataError) as error:
        write(data, tmp_path / "store")
    assert {finding.file for finding in error.value.findings} == set(files)
    assert written == [1, 3]
    for file, content in zip(files, contents, strict=True):
        file.write_text(content)
    write(data, tmp_path / "store")
    assert written == [1, 3, 0, 2]
    assert len(read_store(tmp_path / "store").features) == len(data)


def test_vectors_that_do_not_fit_those_of_other_parts_are_refused(folder: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(folder, tmp_path / "set"))
    data = load_dataset(moved, split="train")
    odd = next(file for file in sorted((moved / "train" / "audio").iterdir()))
    odd.write_text("0.5,0.25,0.125\n")
    with pytest.raises(DataError) as error:
        write(data, tmp_path / "store")
    with pytest.raises(DataError) as in_memory:
        FeatureExtractor(QUICK).transform(data)
    assert error.value.findings == in_memory.value.findings
    assert not (tmp_path / "store" / "_manifest.json").exists()


def change_manifest(**changes: object) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        path = folder / "_manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def flip_byte(name: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[100] ^= 1
        (folder / name).write_bytes(data)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda folder: (folder / "_manifest.json").unlink(), "not complete", id="no manifest"),
        pytest.param(change_manifest(complete=False), "not complete", id="unfinished"),
        pytest.param(change_manifest(schema=2), "another version of pdmr-classic", id="schema"),
        pytest.param(change_manifest(parts="x"), "manifest of the feature store is damaged", id="no parts"),
        pytest.param(
            change_manifest(parts=[{"file": "../x.parquet", "rows": 1, "hash": "", "files_hash": ""}]),
            "manifest of the feature store is damaged",
            id="path",
        ),
        pytest.param(change_manifest(columns=3), "expected: +3 features", id="columns"),
        pytest.param(lambda folder: (folder / "_manifest.json").write_text("{"), "is damaged", id="no JSON"),
        pytest.param(lambda folder: (folder / "part-00001.parquet").unlink(), "found: +no file", id="missing part"),
        pytest.param(flip_byte("part-00001.parquet"), "was changed after", id="changed part"),
        pytest.param(flip_byte("_files/part-00001.parquet"), "was changed after", id="changed facts"),
        pytest.param(
            lambda folder: shutil.copy(folder / "part-00001.parquet", folder / "part-00009.parquet"),
            "do not belong to it",
            id="foreign part",
        ),
    ],
)
def test_a_store_that_is_not_as_it_was_written_is_one_message(
    copied: Path, change: Callable[[Path], object], message: str
) -> None:
    change(copied)
    assert is_store(copied)
    with pytest.raises(DataError, match=message):
        read_store(copied)


def test_a_changed_part_is_written_again(dataset: Dataset, copied: Path, store: Path, written: list[int]) -> None:
    flip_byte("part-00001.parquet")(copied)
    write(dataset, copied)
    assert written == [1]
    assert read_bytes(copied) == read_bytes(store)


@pytest.mark.parametrize("name", ["notes.txt", "part-00000.parquet", "labels.csv"])
def test_a_folder_with_other_files_is_not_written(dataset: Dataset, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(TargetError, match=rf"contains other files(.|\n)*{name}"):
        write(dataset, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_beside_the_parts_of_a_store_is_not_overwritten(dataset: Dataset, copied: Path) -> None:
    (copied / "notes.txt").write_text("mine")
    with pytest.raises(TargetError, match="contains other files"):
        write(dataset, copied)
    assert len(read_store(copied).features) == len(dataset)


@pytest.mark.parametrize("suffix", LABEL_SUFFIXES)
def test_a_store_with_its_labels_can_be_read_and_written(
    dataset: Dataset, copied: Path, store: Path, written: list[int], suffix: str
) -> None:
    labels = copied / f"labels{suffix}"
    labels.write_text("mine")
    assert read_store(copied).features.shape == read_store(store).features.shape
    flip_byte("part-00001.parquet")(copied)
    write(dataset, copied)
    assert written == [1]
    assert labels.read_text() == "mine"
    labels.unlink()
    assert read_bytes(copied) == read_bytes(store)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_labels_in_a_store_are_those_of_the_recordings(dataset: Dataset, copied: Path, suffix: str) -> None:
    assert dataset.labels is not None
    table = dataset.labels.reset_index()
    table.to_csv(copied / "labels.csv", index=False) if suffix == ".csv" else table.to_parquet(
        copied / "labels.parquet"
    )
    data = load_features(copied)
    assert data.status is not None
    assert dataset.status is not None
    assert list(data.status) == list(dataset.status)


def test_a_file_is_no_target(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("mine")
    with pytest.raises(TargetError, match=r"cannot be written(.|\n)*a file"):
        write(dataset, tmp_path / "store")


def test_the_working_folder_can_become_a_store(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty" / "below").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "empty" / "below")
    assert check_output("./") == Path.cwd()
    with hold_lock(check_output("./")):
        extract_to("./", FeatureExtractor(QUICK), dataset)
    assert len(read_store(".").features) == len(dataset)
    with pytest.raises(TargetError, match="the output path is a folder"):
        check_output("..")


def test_a_slash_or_an_existing_store_means_a_store(store: Path, tmp_path: Path) -> None:
    assert means_store(f"{tmp_path}/new/")
    assert means_store(str(store))
    assert means_store(str(tmp_path))
    (tmp_path / "notes.txt").write_text("mine")
    assert not means_store(str(tmp_path))
    assert not means_store(str(tmp_path / "new"))
