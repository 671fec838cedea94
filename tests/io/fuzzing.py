"""Fuzzing of the readers: any bytes must give a valid result or a DataError.

As a script, a long run: `make fuzz`, or `PYTHONPATH=tests python tests/io/fuzzing.py --examples 1000 --seed 7`.
It prints its seed and the number of outcomes.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import pyarrow as pa
from bad_bytes import KINDS, TOKENS
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning

from pdmr_classic.errors import DataError
from pdmr_classic.io.audio.embeddings import Embedding, read_embedding
from pdmr_classic.io.labels.labels import read_labels
from pdmr_classic.io.results import read_results
from pdmr_classic.io.tables import _csv_parse as parse_module
from pdmr_classic.io.trackers.channels import META
from pdmr_classic.io.video.read_stream import read_stream
from pdmr_classic.io.video.stream import Stream

MAX_BYTES = 300_000
SECONDS_PER_EXAMPLE = 20.0  # CPU time of this process, because the machine may be busy
EXTRA_MEMORY = 1 << 30
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252")

# ------------------------------------------------------------------------------------------------ mutations

Mutation = Callable[[bytes, random.Random], bytes]


def flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if changed:
            changed[rng.randrange(len(changed))] = (
                rng.choice(b'0123456789.,;-+e"\n \t#n') if rng.random() < 0.7 else rng.randrange(256)
            )
    return bytes(changed)


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randint(0, len(data))]


def delete(data: bytes, rng: random.Random) -> bytes:
    start, stop = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
    return data[:start] + data[stop:]


def insert(data: bytes, rng: random.Random) -> bytes:
    position = rng.randint(0, len(data))
    return data[:position] + rng.choice(TOKENS) + data[position:]


def repeat(data: bytes, rng: random.Random) -> bytes:
    """Repeat a piece, which gives long lines, many columns or megabytes of blanks."""
    start = rng.randint(0, len(data))
    piece = data[start : start + rng.choice((1, 1, 2, 3, 10, 100))] or b"\n"
    times = rng.choice((2, 10, 100, 10_000, 100_000, 1_000_000))
    return data[:start] + piece * min(times, MAX_BYTES // len(piece)) + data[start:]


def splice(data: bytes, rng: random.Random) -> bytes:
    other = rng.choice([*SEEDS.values()])
    return data[: rng.randint(0, len(data))] + other[rng.randint(0, len(other)) :]


def change_lines(data: bytes, rng: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    line = rng.choice(lines)
    rng.choice(
        (
            lambda: lines.insert(rng.randint(0, len(lines)), line),
            lambda: lines.remove(line),
            lambda: rng.shuffle(lines),
            lambda: lines.extend(lines[1:] * min(rng.choice((1, 50)), MAX_BYTES // len(data) + 1)),
        )
    )()
    return b"".join(lines)


def change_columns(data: bytes, rng: random.Random) -> bytes:
    """Duplicate, drop or move a column, or replace its cells in one row or in all rows by a token."""
    mark = max((b",", b";", b"\t"), key=data.count)
    rows = [line.split(mark) for line in data.split(b"\n")]
    position, other = (rng.randrange(max(1, len(rows[0]))) for _ in range(2))
    kind = rng.choice(("duplicate", "drop", "move", "cell", "cell", "cell", "fill"))
    token, only = rng.choice(TOKENS), rng.randrange(len(rows))
    for number, cells in enumerate(rows):
        if position >= len(cells) or (kind == "cell" and number != only):
            continue
        if kind in ("duplicate", "move"):
            cells.insert(other, cells[position] if kind == "duplicate" else cells.pop(position))
        elif kind == "drop":
            del cells[position]
        elif kind == "cell" or number:
            cells[position] = token
    return b"\n".join(mark.join(cells) for cells in rows)


def reencode(data: bytes, rng: random.Random) -> bytes:
    text = data.decode(rng.choice(("utf-8", "latin-1")), errors="replace")
    return text.encode(rng.choice(ENCODINGS), errors="replace")


def reseparate(data: bytes, rng: random.Random) -> bytes:
    old, new = rng.choice((b",", b";", b"\t", b"\n", b"\r\n", b".")), rng.choice(TOKENS[:16])
    return data.replace(old, new, rng.choice((-1, -1, 1, 3)))


def change_json(data: bytes, rng: random.Random) -> bytes:
    """Replace a value of each object, or add a value under another name."""
    changed = []
    for line in data.split(b"\n"):
        try:
            parsed = json.loads(line)
        except (ValueError, RecursionError):
            changed.append(line)
            continue
        for item in parsed if isinstance(parsed, list) else [parsed]:
            if isinstance(item, dict) and item:
                key = rng.choice(sorted(item))
                value = rng.choice((item[key], *VALUES))
                item[rng.choice((key, key, "data_id", "probability", rng.choice(NAMES)))] = value
        changed.append(json.dumps(parsed).encode())
    return b"\n".join(changed)


VALUES = (
    None,
    True,
    -1,
    0.5,
    10**400,
    math.nan,
    math.inf,
    "",
    " ",
    "\ud800",
    "a\nb",
    "1e400",
    [],
    {},
    [[1]],
    {"a": {}},
)
NAMES = ("", " ", " data_id", "status ", "subject_id", "probabilities", "\0", "\udfff", "x" * 500, "é", "e\u0301", "0")
MUTATIONS: tuple[Mutation, ...] = (
    *(flip, cut, delete, insert, insert, repeat, splice),
    *(change_lines, change_columns, change_columns, change_columns, reencode, reseparate),
)
JSON_MUTATIONS: tuple[Mutation, ...] = (flip, cut, insert, repeat, splice, reencode, *(6 * (change_json,)))


class Recipe(NamedTuple):
    """A seed input and its mutations, each with its own random seed.

    Hypothesis stores and prints its examples: recipes are small, files are not.
    """

    start: str | bytes
    steps: tuple[tuple[Mutation, int], ...] = ()

    @property
    def data(self) -> bytes:
        data = self.start if isinstance(self.start, bytes) else SEEDS[self.start]
        for mutate, number in self.steps:
            data = mutate(data, random.Random(number))[:MAX_BYTES]
        return data


SEEDS = {f"{kind}, {name}": data for kind, seeds in KINDS.items() for name, data in seeds.items()}


def recipes(kind: str, mutations: tuple[Mutation, ...] = MUTATIONS) -> st.SearchStrategy[Recipe]:
    """Return recipes for files of a kind: a few mutations of a seed input or, occasionally, random bytes."""
    step = st.tuples(st.sampled_from(mutations), st.integers(0, 2**32))
    names = [name for name in SEEDS if name.startswith(kind + ", ")]
    mutated = st.builds(Recipe, st.sampled_from(names), st.lists(step, max_size=4).map(tuple))
    # An integer selects the branch, because `one_of` merges equal branches.
    return st.integers(0, 19).flatmap(lambda number: mutated if number else st.builds(Recipe, st.binary(max_size=200)))


# ------------------------------------------------------------------------------------------------ checks


def check_stream(path: Path) -> str:
    """Read a stream and check the contract of `Stream`; return the outcome."""
    try:
        stream = read_stream(path)
    except DataError as error:
        return check_error(error, path)
    n_frames, n_channels = stream.values.shape
    assert n_frames >= 1
    assert n_channels == len(stream.channels) == len(set(stream.channels)) >= 1
    assert stream.values.dtype == np.float32
    assert not np.isinf(stream.values).any()
    assert not set(stream.channels) & set(META)
    assert stream.time_s.shape == stream.valid.shape == (n_frames,)
    assert stream.time_s.dtype == np.float64
    assert stream.valid.dtype == bool
    assert stream.time_s[0] == 0
    assert np.isfinite(stream.time_s).all()
    assert (np.diff(stream.time_s) > 0).all()
    assert math.isfinite(stream.frame_rate_hz)
    assert stream.frame_rate_hz > 0
    assert stream.content
    assert_same_stream(stream, read_stream(path), "the second read gives a different stream")
    with slow_path():
        assert_same_stream(stream, read_stream(path), "the strict parser disagrees with the fast one")
    copy_path = path.with_name("again.csv")
    copy_path.write_text(format_csv(stream), encoding="utf-8", newline="")
    copy = read_stream(copy_path)
    assert copy.channels == stream.channels
    np.testing.assert_array_equal(copy.values, stream.values)
    np.testing.assert_array_equal(copy.time_s, stream.time_s)
    return "read"


def assert_same_stream(one: Stream, other: Stream, what: str) -> None:
    assert one.channels == other.channels, what
    np.testing.assert_array_equal(one.values, other.values, what)
    np.testing.assert_array_equal(one.time_s, other.time_s, what)
    np.testing.assert_array_equal(one.valid, other.valid, what)
    assert (one.frame_rate_hz, one.face_switches) == (other.frame_rate_hz, other.face_switches), what
    assert one.findings == other.findings, what


@contextmanager
def slow_path() -> Iterator[None]:
    """Make pyarrow reject everything, so that the strict Python parser is used."""
    limit = csv.field_size_limit(MAX_BYTES)  # pyarrow has no limit
    try:
        with mock.patch.object(parse_module, "_parse_with_pyarrow", side_effect=pa.ArrowInvalid("disabled")):
            yield
    finally:
        csv.field_size_limit(limit)


def format_csv(stream: Stream) -> str:
    """Return a stream as CSV; `repr` of a float is exact."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["timestamp", *stream.channels])
    for second, row in zip(stream.time_s.tolist(), stream.values.tolist(), strict=True):
        writer.writerow([repr(second), *map(repr, row)])
    return out.getvalue()


def check_embedding(path: Path) -> str:
    """Read a vector and check the contract of `Embedding`."""
    try:
        vector = read_embedding(path)
    except DataError as error:
        return check_error(error, path)
    assert vector.values.dtype == np.float64
    assert vector.values.ndim == 1
    assert len(vector.values) >= 1
    assert not np.isinf(vector.values).any()
    assert_same_vector(vector, read_embedding(path))
    with slow_path():
        assert_same_vector(vector, read_embedding(path))
    return "read"


def assert_same_vector(one: Embedding, other: Embedding) -> None:
    np.testing.assert_array_equal(one.values, other.values)
    assert (one.content, one.findings) == (other.content, other.findings)


def check_labels(path: Path) -> str:
    """Read a file as labels and as results, and check the contract of both."""
    try:
        labels, _ = read_labels(path)
    except DataError as error:
        return check_error(error, path)
    assert len(labels) >= 1
    assert labels.index.is_unique
    assert labels.index.name == "data_id"
    assert labels.columns.is_unique
    for cell in (*labels.index, *labels.columns, *labels.to_numpy().ravel()):
        assert isinstance(cell, str)
        cell.encode("utf-8")
    assert all(labels.index)
    assert labels.equals(read_labels(path)[0])
    try:
        results = read_results(path)
    except DataError as error:
        return "read as labels, " + check_error(error, path)
    # Results of a score alone have no status.
    assert "severity" in results if "status" not in results else (results["status"] != "").all()
    assert "probability" not in results or results["probability"].between(0, 1).all()
    return "read"


def check_error(error: DataError, path: Path) -> str:
    """Check that an error names the file and is short enough to print."""
    assert error.finding.file == path
    assert error.finding.code != "error"
    str(error).encode("utf-8")
    assert len(str(error.finding)) < 20_000
    assert len(str(error)) < 2_000_000, f"a message of {len(str(error))} characters"
    return f"error: {error.finding.code}"


class Reader(NamedTuple):
    """A reader check, the file name it expects, and the inputs to try."""

    check: Callable[[Path], str]
    file_name: str
    kind: str
    tries: st.SearchStrategy[Recipe]


READERS: dict[str, Reader] = {
    "stream": Reader(check_stream, "x.csv", "table", recipes("table")),
    "embedding": Reader(check_embedding, "x.csv", "table", recipes("table")),
    "npy": Reader(check_embedding, "x.npy", "npy", recipes("npy")),
    "npz": Reader(check_embedding, "x.npz", "npz", recipes("npz")),
    "parquet": Reader(check_stream, "x.parquet", "parquet", recipes("parquet")),
    "arff": Reader(check_stream, "x.arff", "arff", recipes("arff")),
    "gz": Reader(check_stream, "x.csv.gz", "gz", recipes("gz")),
    "labels.csv": Reader(check_labels, "labels.csv", "labels", recipes("labels")),
    "labels.json": Reader(check_labels, "labels.json", "json", recipes("json", JSON_MUTATIONS)),
    "labels.jsonl": Reader(check_labels, "labels.jsonl", "jsonl", recipes("jsonl", JSON_MUTATIONS)),
}


class TooSlowError(AssertionError):
    """An example exceeded its time limit."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    def raise_too_slow(*_: object) -> None:
        raise TooSlowError(f"longer than {seconds:g} s")

    before = signal.signal(signal.SIGPROF, raise_too_slow)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def try_reader(reader: str, data: bytes, folder: Path) -> str:
    """Write the bytes to a file, read it within the time limit, and return the outcome."""
    path = folder / READERS[reader].file_name
    path.write_bytes(data)
    with time_limit(SECONDS_PER_EXAMPLE):
        return READERS[reader].check(path)


# ------------------------------------------------------------------------------------------------ a long run


# Imported once, by the process from which those of the shards are forked.
_PRELOADED = [
    "hypothesis.strategies",
    "pdmr_classic.io.audio.embeddings",
    "pdmr_classic.io.labels.labels",
    "pdmr_classic.io.results",
    "pdmr_classic.io.video.read_stream",
]


def run_shard(reader: str, n_examples: int, number: int) -> tuple[Counter[str], str, tuple[float, str], int]:
    """Run examples under a memory limit; return outcome counts, a failure, the slowest example and peak memory."""
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", HypothesisWarning)  # examples are large
    counts: Counter[str] = Counter()
    failure, slowest = "", (0.0, "")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        @seed(number)
        @settings(
            max_examples=n_examples,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(READERS[reader].tries)
        def one(recipe: Recipe) -> None:
            nonlocal slowest, failure
            data = recipe.data
            begin = time.process_time()
            try:
                counts[try_reader(reader, data, folder)] += 1
            except BaseException as error:
                shown = data if len(data) < 2000 else data[:1000] + b" ... " + data[-1000:]
                line = traceback.extract_tb(error.__traceback__)[-1]
                failure = (
                    f"{reader}, seed {number}, {recipe}, {len(data)} bytes: {type(error).__name__}: {error!s:.500}\n"
                    f"{line.filename}:{line.lineno}: {line.line}\n{shown!r}"
                )
                (Path(tempfile.gettempdir()) / f"fuzz-{reader}-{number}.bin").write_bytes(data)
                raise
            finally:
                slowest = max(slowest, (time.process_time() - begin, repr(recipe)))

        kind = READERS[reader].kind
        first = next(data for name, data in SEEDS.items() if name.startswith(f"{kind}, "))
        try_reader(reader, first, folder)  # triggers lazy imports
        limit_memory(EXTRA_MEMORY)
        try:
            one()
        except BaseException as error:
            failure = failure or repr(error)
    return counts, failure, slowest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def limit_memory(extra: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + extra
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000, help="total number of examples")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--shard", type=int, default=2000, help="examples per process")
    args = parser.parse_args()
    # Streams are the most complex inputs and get nearly half of all examples.
    shares = {reader: 7 if reader == "stream" else 1 for reader in READERS}
    shards = []
    for reader, share in shares.items():
        remaining, number = args.examples * share // sum(shares.values()), args.seed * 1000
        while remaining > 0:
            shards.append((reader, min(remaining, args.shard), number))
            remaining, number = remaining - args.shard, number + 1
    print(f"seed {args.seed}: {args.examples} examples in {len(shards)} shards, {args.jobs} processes", flush=True)
    start, failures, slowest, peak = time.perf_counter(), [], (0.0, ""), 0
    counts: dict[str, Counter[str]] = {reader: Counter() for reader in READERS}
    context = get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    with ProcessPoolExecutor(args.jobs, mp_context=context, max_tasks_per_child=1) as pool:
        futures = [(reader, pool.submit(run_shard, reader, n, number)) for reader, n, number in shards]
        for reader, future in futures:
            outcomes, failure, longest, megabytes = future.result()
            counts[reader] += outcomes
            slowest, peak = max(slowest, longest), max(peak, megabytes)
            if failure:
                failures.append(failure)
                print(f"FAILED {failure}", flush=True)
    for reader, outcomes in counts.items():
        print(f"\n{reader}: {outcomes.total()} examples")
        for outcome, n in outcomes.most_common():
            print(f"  {n:>8}  {outcome}")
    total = sum(outcomes.total() for outcomes in counts.values())
    seconds = time.perf_counter() - start
    print(f"\n{total} examples, {len(failures)} failures, {seconds:.0f} s", end="; ")
    print(f"largest process {peak} MB (limit: {EXTRA_MEMORY >> 20} MB more than at start)")
    print(f"longest example {slowest[0]:.2f} s: {slowest[1]}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
