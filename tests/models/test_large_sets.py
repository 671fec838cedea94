"""Learning from a large table: what comes before and after the base learners never holds a copy of it."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import Settings
from pdmr_classic.errors import DataError
from pdmr_classic.features.load_features import load_data
from pdmr_classic.models import feature_ranges, participant_flow
from pdmr_classic.models._training_facts import describe_training_data
from pdmr_classic.models.learners import large_table
from pdmr_classic.models.learners.large_table import LargeTable, open_table
from pdmr_classic.models.targets import fingerprint_data
from pdmr_classic.models.training import TrainingSet, prepare_training_set
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.storage import fingerprint, mapped_table
from pdmr_classic.subjects import _large_vectors, _similarity

N, N_VIDEO, N_AUDIO = 600, 1500, 300
N_COLUMNS = N_VIDEO + N_AUDIO
BATCH = 50
COPIES = (7, 503)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Parquet file with several row groups, gaps, and a near copy of a recording under another subject."""
    folder = tmp_path_factory.mktemp("large")
    values = np.random.default_rng(0).normal(size=(N, N_COLUMNS)).astype(np.float32)
    values[COPIES[1]] = values[COPIES[0]] + 0.01
    values[5, 3] = np.nan
    names = [f"video__c{k}__mean" for k in range(N_VIDEO)]
    names += [f"audio__vector__{k:04d}" for k in range(N_AUDIO)]
    ids = pd.Index([f"{k:05d}" for k in range(N)], name="data_id")
    frame = pd.DataFrame(values.astype(np.float64), ids, names)
    frame.reset_index().to_parquet(folder / "features.parquet", index=False, row_group_size=250)
    status = np.where(np.arange(N) // 2 % 2, "Depression", "Normal")
    pd.DataFrame({"status": status, "subject_id": np.arange(N) // 2}, ids).to_csv(folder / "labels.csv")
    return folder / "features.parquet"


@pytest.fixture
def is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped_table, "MIN_MAPPED_BYTES", 2**20)
    monkeypatch.setattr(_similarity, "MIN_LARGE_ROWS", 500)
    monkeypatch.setattr(_large_vectors, "_N_SAMPLED", 100)
    for module in (mapped_table, large_table):
        monkeypatch.setattr(module, "_BATCH_VALUES", BATCH * N_COLUMNS)
    for other in (fingerprint, feature_ranges, participant_flow):
        monkeypatch.setattr(other, "_BATCH_ROWS", BATCH)


def prepare(path: Path) -> tuple[TrainingSet, CollectingReporter]:
    reporter = CollectingReporter()
    return prepare_training_set(load_data(path), Settings(), reporter=reporter), reporter


def test_no_copy_of_a_large_table_is_in_memory(table: Path, is_large: None) -> None:
    tracemalloc.start()
    data = load_data(table)
    training, _ = prepare(table)
    with open_table(training.features, N // 2) as X:
        assert isinstance(X, LargeTable)
    fingerprint_data(training.features, training.targets)
    describe_training_data(data, data, training.features, training.targets, training.content_hashes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < N * N_COLUMNS * 8


def test_a_large_table_gives_the_same_as_one_in_memory(table: Path, request: pytest.FixtureRequest) -> None:
    expected, said = prepare(table)
    request.getfixturevalue("is_large")
    found, also_said = prepare(table)
    pd.testing.assert_frame_equal(found.features, expected.features, check_exact=True)
    assert found.exclusions == expected.exclusions
    assert fingerprint_data(found.features, found.targets) == fingerprint_data(expected.features, expected.targets)
    assert [finding.as_dict() for finding in also_said.findings] == [finding.as_dict() for finding in said.findings]
    (copies,) = [finding for finding in said.findings if finding.code == "near-copies-between-subjects"]
    assert copies.found == "audio of '00007' and '00503'"


def test_only_labelled_rows_are_copied(table: Path, is_large: None, tmp_path: Path) -> None:
    labels = pd.read_csv(table.parent / "labels.csv", dtype=str)[10:]
    labels.to_csv(tmp_path / "labels.csv", index=False)
    training = prepare_training_set(
        load_data(table, labels=tmp_path / "labels.csv"), Settings(), reporter=CollectingReporter()
    )
    expected = pd.read_parquet(table).set_index("data_id")[10:]
    pd.testing.assert_frame_equal(training.features, expected, check_exact=True, check_index_type=False)


@pytest.mark.parametrize(
    ("value", "message"), [(np.inf, "a feature is infinite(.|\n)*00503"), ("x", "not a number(.|\n)*'x'")]
)
def test_bad_cells_of_a_large_table_are_named(
    table: Path, is_large: None, tmp_path: Path, value: object, message: str
) -> None:
    frame = pd.read_parquet(table)
    column = frame["video__c9__mean"].astype(object if isinstance(value, str) else float)
    column[503] = value
    frame["video__c9__mean"] = column.where(frame.index == 503, "1") if isinstance(value, str) else column
    frame.to_parquet(tmp_path / "bad.parquet", index=False)
    with pytest.raises(DataError, match=message):
        load_data(tmp_path / "bad.parquet", labels=table.parent / "labels.csv")
