"""Readers on mutated bytes: some hundred fixed examples; `make fuzz` runs any number of new ones."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import fuzzing
import numpy as np
import pytest
from fuzzing import READERS, SEEDS, Recipe, TooSlowError, try_reader
from hypothesis import HealthCheck, given, settings

from pdmr_classic.io.video.read_stream import read_stream
from pdmr_classic.io.video.stream import Stream

EXAMPLES = 150
TESTS = str(Path(__file__).parents[1])


@pytest.mark.parametrize("name", SEEDS)
def test_seed_inputs_are_read_or_rejected(name: str, tmp_path: Path) -> None:
    readers = [reader for reader, (_, _, kind, _) in READERS.items() if name.startswith(f"{kind}, ")]
    assert readers
    for reader in readers:
        try_reader(reader, SEEDS[name], tmp_path)


@pytest.mark.parametrize("reader", READERS)
def test_any_bytes_give_a_valid_result_or_a_data_error(reader: str, tmp_path: Path) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,  # reproducible here; `make fuzz` tries random examples
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(READERS[reader].tries)
    def one(recipe: Recipe) -> None:
        try_reader(reader, recipe.data, tmp_path)

    one()


@pytest.mark.slow
def test_a_long_run_counts_its_examples_and_limits_memory(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, fuzzing.__file__, "--examples=160", "--jobs=2", "--seed=0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (TESTS, os.environ.get("PYTHONPATH"))))},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "\n160 examples, 0 failures" in run.stdout


# ------------------------------------------------------------------------------------- checks of the fuzzer itself


def make_infinite(stream: Stream) -> Stream:
    return replace(stream, values=np.full_like(stream.values, np.inf))


def reverse_time(stream: Stream) -> Stream:
    return replace(stream, time_s=-stream.time_s)


def duplicate_names(stream: Stream) -> Stream:
    return replace(stream, channels=("AU12_r",) * len(stream.channels))


@pytest.mark.parametrize(
    ("corrupt", "assertion"),
    [(make_infinite, "isinf"), (reverse_time, "np.diff"), (duplicate_names, "len(set(stream.channels))")],
)
def test_a_stream_that_violates_its_contract_is_detected(
    corrupt: Callable[[Stream], Stream], assertion: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzzing, "read_stream", lambda path: corrupt(read_stream(path)))
    with pytest.raises(AssertionError) as caught:
        try_reader("stream", SEEDS["table, stream"], tmp_path)
    assert assertion in str(caught.traceback[-1].statement)


def test_a_stream_that_changes_between_reads_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)

    def read(path: Path) -> Stream:
        stream = read_stream(path)
        return replace(stream, values=stream.values + rng.random(dtype=np.float32))

    monkeypatch.setattr(fuzzing, "read_stream", read)
    with pytest.raises(AssertionError, match="second read"):
        try_reader("stream", SEEDS["table, stream"], tmp_path)


def test_a_reader_that_hangs_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzing, "read_stream", lambda path: all(True for _ in itertools.count()))
    monkeypatch.setattr(fuzzing, "SECONDS_PER_EXAMPLE", 0.2)
    with pytest.raises(TooSlowError, match="longer than"):
        try_reader("stream", SEEDS["table, stream"], tmp_path)
