"""Extraction of many small recordings: time per recording, and peak memory of the process that writes the table.

    python benchmarks/scale.py extraction 1000 3000 10000
    python benchmarks/scale.py extraction 1000 --out features.parquet

Each recording is a copy of one of a few synthetic ones (2 to 3 s of video and an audio vector) in which one number is
changed, so that no two files are equal. Each size is extracted in a process of its own, into a feature store by
default. The memory is the largest resident set of that process, without the workers. Times are those of the whole
command: on the clock, and of all processors, which other work on the machine hardly changes.
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

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

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


def measure_extraction(n_recordings: int, out: str, jobs: int) -> tuple[float, float, float]:
    """Return the seconds, the seconds of processor time, and the peak memory in MB of one extraction."""
    with tempfile.TemporaryDirectory() as temporary:
        data = make_recordings(Path(temporary), n_recordings)
        command = [sys.executable, __file__, "child", str(data), f"{temporary}/{out}", str(jobs)]
        started = time.monotonic()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds = time.monotonic() - started
        cpu_seconds, memory = done.stdout.split()[-2:]
        return seconds, float(cpu_seconds), float(memory)


def run_child(data: str, out: str, jobs: str) -> None:
    """Extract in this process; print the processor time in seconds, with that of workers, and the peak memory in MB."""
    from pdmr_classic.cli.app import app

    app(["extract", data, "--out", out, "--jobs", jobs, "--no-cache", "--json"], standalone_mode=False)
    get_reusable_executor().shutdown(wait=True)  # the time of processes counts when they have ended
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(sum(usage.ru_utime + usage.ru_stime for usage in used), used[0].ru_maxrss / 1024)


def main() -> None:
    if sys.argv[1:2] == ["child"]:
        run_child(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["extraction"])
    parser.add_argument("recordings", type=int, nargs="+")
    parser.add_argument("--out", default="store/", help="a store (DIR/) or a table (.parquet); default: store/")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    for n_recordings in arguments.recordings:
        seconds, cpu_seconds, memory = measure_extraction(n_recordings, arguments.out, arguments.jobs)
        print(
            f"{n_recordings} recordings into {arguments.out}, {arguments.jobs} jobs: {seconds:.0f} s, "
            f"{1000 * seconds / n_recordings:.1f} ms per recording ({1000 * cpu_seconds / n_recordings:.1f} ms of "
            f"processor time), peak memory {memory:.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
