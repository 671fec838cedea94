"""Time and peak memory of `pdmr-classic fit` on a large random feature store, or on one Parquet file (`--parquet`).

    python benchmarks/learning_scale.py 10000 500 --set learning.trials=2

Memory is the proportional set size of the command and all its workers (Linux), so that shared pages count once. It
includes the interpreters, and what is mapped of temporary files; the part that is not mapped from files is shown, too.
Tables are random numbers with a weak signal in 20 columns, half of them of the video and half of the audio, and four
recordings per subject.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

N_INFORMATIVE, ROWS_PER_SUBJECT = 10, 4
ROWS_PER_GROUP = 10_000
INTERVAL_S = 0.1
MIB = 2**20


def make_labels(n: int) -> pd.DataFrame:
    subject = np.arange(n) // ROWS_PER_SUBJECT
    depressed = np.random.default_rng(0).integers(0, 2, subject[-1] + 1)[subject]
    ids = pd.Index([f"{row:06d}" for row in range(n)], name="data_id")
    return pd.DataFrame({"status": np.where(depressed == 1, "Depression", "Normal"), "subject_id": subject}, ids)


def make_chunks(labels: pd.DataFrame, n_columns: int, n_rows: int) -> Iterator[pd.DataFrame]:
    rng = np.random.default_rng(1)
    n_video = n_columns // 2
    names = [f"video__c{k}__mean" for k in range(n_video)]
    names += [f"audio__vector__{k:04d}" for k in range(n_columns - n_video)]
    for start in range(0, len(labels), n_rows):
        chunk = labels.iloc[start : start + n_rows]
        values = rng.standard_normal((len(chunk), n_columns))
        for first in (0, n_video):
            values[:, first : first + N_INFORMATIVE] += 0.3 * (chunk["status"] == "Depression").to_numpy()[:, None]
        yield pd.DataFrame(values, chunk.index, names)


def write_store(labels: pd.DataFrame, n_columns: int, folder: Path) -> None:
    from pdmr_classic import Settings
    from pdmr_classic.features.file_features import FileRow, file_source
    from pdmr_classic.features.store._manifest import Manifest
    from pdmr_classic.features.store._part_writer import PartWriter
    from pdmr_classic.features.store._parts import ROWS_PER_PART
    from pdmr_classic.features.store._stored_files import StoredFile
    from pdmr_classic.features.table_facts import describe_table

    folder.mkdir()
    writer = PartWriter(folder, folder, describe_table(Settings()), None)
    parts = []
    for number, chunk in enumerate(make_chunks(labels, n_columns, ROWS_PER_PART)):
        names = {view: tuple(name for name in chunk if name.startswith(view)) for view in ("video", "audio")}
        files = [
            StoredFile(
                *(data_id, view, folder / view / data_id),
                FileRow(layout, np.empty(0), f"{view}{data_id}", source=file_source(view, kind)),
            )
            for data_id in chunk.index
            for (view, layout), kind in zip(names.items(), ("stream", "vector"), strict=True)
        ]
        writer.write(number, chunk, files, "")
        parts.append(writer.unify(number, list(chunk)))
    source = {"recordings": len(labels), "content": None, "synthetic": False}
    writer.finish(Manifest(writer.facts, tuple(parts), n_columns, source))


def write_parquet(labels: pd.DataFrame, n_columns: int, path: Path) -> None:
    writer = None
    for chunk in make_chunks(labels, n_columns, ROWS_PER_GROUP):
        table = pa.Table.from_pandas(chunk.reset_index(), preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def memory_bytes(pid: int) -> NDArray[np.int64]:
    """Return the proportional set size of a process and its descendants, and its part that is not mapped from files.

    Those that have ended count nothing.
    """
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        sizes = {line.split()[0]: int(line.split()[1]) * 1024 for line in lines[1:]}
        own = np.array([sizes["Pss:"], sizes["Pss_Anon:"]])
        children = [child for task in Path(f"/proc/{pid}/task").iterdir() for child in _children(task)]
    except (OSError, KeyError):
        return np.zeros(2, dtype=np.int64)
    return np.asarray(own + sum(map(memory_bytes, children), np.zeros(2, dtype=np.int64)))


def _children(task: Path) -> list[int]:
    try:
        return [int(child) for child in (task / "children").read_text().split()]
    except OSError:
        return []


class Usage(NamedTuple):
    """Seconds on the clock and of all processors, peak memory and its part not mapped from files in MiB, and output."""

    seconds: float
    cpu_seconds: float
    peak: float
    anonymous: float
    output: str


def run(command: list[str]) -> Usage:
    started, cpu_before = time.monotonic(), _count_cpu_seconds()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output)
        peak = np.zeros(2)
        while process.poll() is None:
            peak = np.maximum(peak, memory_bytes(process.pid))
            time.sleep(INTERVAL_S)
        seconds, cpu_seconds = time.monotonic() - started, _count_cpu_seconds() - cpu_before
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise SystemExit(f"the command failed: {text}")
    return Usage(seconds, cpu_seconds, peak[0] / MIB, peak[1] / MIB, text)


def _count_cpu_seconds() -> float:
    """Return the processor time of commands that have ended, with their workers."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=int)
    parser.add_argument("columns", type=int)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="setting, as TOML")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--parquet", action="store_true", help="one Parquet file instead of a store")
    arguments = parser.parse_args()
    idle = run([sys.executable, "-c", "import pdmr_classic.models.training, time; time.sleep(1)"]).peak
    with tempfile.TemporaryDirectory() as folder:
        labels = make_labels(arguments.recordings)
        labels.to_csv(labels_file := Path(folder) / "labels.csv")
        data = Path(folder) / ("features.parquet" if arguments.parquet else "store")
        (write_parquet if arguments.parquet else write_store)(labels, arguments.columns, data)
        (config := Path(folder) / "settings.toml").write_text("\n".join(arguments.set))
        command = [sys.executable, "-m", "pdmr_classic", "fit", str(data), "--labels", str(labels_file)]
        command += ["--config", str(config), "--out", f"{folder}/model.joblib", "--json", "--jobs", str(arguments.jobs)]
        used = run(command)
    auc = json.loads(used.output)["inner_scores"]["auc"]
    size = arguments.recordings * arguments.columns * 4 / MIB
    print(
        f"{arguments.recordings} x {arguments.columns}, {' '.join(arguments.set)}, {arguments.jobs} jobs: "
        f"{used.seconds:.0f} s ({used.cpu_seconds:.0f} s of processor time), inner AUC {auc:.3f}; peak {used.peak:.0f} "
        f"MiB ({used.anonymous:.0f} MiB not mapped) = {used.peak / size:.2f} x the table of {size:.0f} MiB in single "
        f"precision, {2 * size:.0f} MiB in double; one idle interpreter {idle:.0f} MiB"
    )


if __name__ == "__main__":
    main()
