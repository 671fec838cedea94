"""Extraction of many small recordings, or of a few long ones: time per recording, peak memory, bytes.

    python benchmarks/scale.py extraction 1000 3000 10000
    python benchmarks/scale.py extraction 1000 --out features.parquet
    python benchmarks/scale.py recording --minutes 10

In `extraction`, each recording is a copy of one of a few synthetic ones (2 to 3 s of video and an audio vector) in
which one number is changed, so that no two files are equal. Each size is extracted in a process of its own, into a
feature store by default. The memory is the largest resident set of that process, without the workers. Times are those
of the whole command: on the clock, and of all processors, which other work on the machine hardly changes.

`recording` prints the bytes and the processor time of one more recording of some minutes, from which docs/scale.md
computes what very many of them cost: with the columns of the synthetic set, and with all 714 columns of OpenFace.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from features import write_file
from joblib.externals.loky import get_reusable_executor

from pdmr_classic import make_synthetic

N_ORIGINALS = 8


def make_recordings(folder: Path, n_recordings: int) -> Path:
    """Write the recordings, with video and audio, and return their folder."""
    originals = make_synthetic(folder / "originals", subjects=2 * N_ORIGINALS, segments=1, seconds=(2, 3)).out / "train"
    for modality in ("video", "audio"):
        files = sorted((originals / modality).glob("*.csv"))[:N_ORIGINALS]
        texts = [file.read_text(encoding="utf-8") for file in files]
        target = folder / "data" / modality
        target.mkdir(parents=True)
        for number in range(n_recordings):
            text = _change_one_number(texts[number % len(texts)], number)
            (target / f"r{number:06d}.csv").write_text(text, encoding="utf-8")
    return folder / "data"


def _change_one_number(text: str, number: int) -> str:
    lines = text.rstrip("\n").split("\n")
    cells = lines[-1].split(",")
    cells[len(cells) // 2] = f"{float(cells[len(cells) // 2]) + number * 1e-6:.6f}"
    return "\n".join([*lines[:-1], ",".join(cells)]) + "\n"


class Usage(NamedTuple):
    """Processor time in seconds, of the process that writes and of its workers, and peak memory of the former in MB."""

    writer: float
    workers: float
    memory: float


def measure_extraction(n_recordings: int, out: str, jobs: int) -> tuple[float, Usage]:
    """Return the seconds of one extraction on the clock, and what it used."""
    with tempfile.TemporaryDirectory() as temporary:
        data = make_recordings(Path(temporary), n_recordings)
        started = time.monotonic()
        usage = _run(data, f"{temporary}/{out}", jobs)
        return time.monotonic() - started, usage


def _run(data: Path, out: str, jobs: int) -> Usage:
    command = [sys.executable, __file__, "child", str(data), out, str(jobs)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Usage(*map(float, done.stdout.split()[-3:]))


def measure_recordings(minutes: float) -> None:
    """Print bytes and processor time per recording."""
    few, more = 2, 10  # the difference is free of the start
    for name, write in {"synthetic": _write_synthetic, "all of OpenFace": _write_complete}.items():
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            write(folder, more, minutes)
            n_bytes = sum(file.stat().st_size for file in folder.glob("data/*/*")) / more
            seconds, stored = [], []
            for n_recordings in (more, few):
                for file in folder.glob("data/*/*"):
                    if int(file.stem) >= n_recordings:
                        file.unlink()
                out = folder / f"store{n_recordings}"
                seconds.append(_run(folder / "data", f"{out}/", jobs=1).writer)
                stored.append(sum(file.stat().st_size for file in out.rglob("*") if file.is_file()))
            per_recording = [(a - b) / (more - few) for a, b in (seconds, stored)]
            print(
                f"{name}, {minutes:g} min: {n_bytes / 1e6:.1f} MB in files, {per_recording[0]:.2f} s of processor "
                f"time, {per_recording[1] / 1e3:.1f} kB in the store",
                flush=True,
            )


def _write_synthetic(folder: Path, n_recordings: int, minutes: float) -> None:
    seconds = (60 * minutes, 60 * minutes)
    made = make_synthetic(folder / "made", subjects=2 * n_recordings, segments=1, seconds=seconds).out / "train"
    for modality in ("video", "audio"):
        (folder / "data" / modality).mkdir(parents=True)
        for number, file in enumerate(sorted((made / modality).glob("*.csv"))[:n_recordings]):
            file.rename(folder / "data" / modality / f"{number:03d}.csv")


def _write_complete(folder: Path, n_recordings: int, minutes: float) -> None:
    (folder / "data" / "video").mkdir(parents=True)
    for number in range(n_recordings):
        write_file(folder / "data" / "video" / f"{number:03d}.csv", number, int(minutes * 60 * 30))


def run_child(data: str, out: str, jobs: str) -> None:
    """Extract in this process, and print what it used, see `Usage`."""
    from pdmr_classic.cli.app import app

    app(["extract", data, "--out", out, "--jobs", jobs, "--no-cache", "--json"], standalone_mode=False)
    get_reusable_executor().shutdown(wait=True)  # the time of processes counts when they have ended
    own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(own.ru_utime + own.ru_stime, workers.ru_utime + workers.ru_stime, own.ru_maxrss / 1024)


def main() -> None:
    if sys.argv[1:2] == ["child"]:
        run_child(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["extraction", "recording"])
    parser.add_argument("recordings", type=int, nargs="*", default=[1000, 3000, 10000])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--out", default="store/", help="a store (DIR/) or a table (.parquet); default: store/")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.what == "recording":
        measure_recordings(arguments.minutes)
        return
    for n_recordings in arguments.recordings:
        seconds, usage = measure_extraction(n_recordings, arguments.out, arguments.jobs)
        each = 1000 / n_recordings
        print(
            f"{n_recordings} recordings into {arguments.out}, {arguments.jobs} jobs: {seconds:.0f} s, "
            f"{each * seconds:.1f} ms per recording (processor time: {each * usage.workers:.1f} ms of workers, "
            f"{each * usage.writer:.1f} ms of the process that writes), peak memory {usage.memory:.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
