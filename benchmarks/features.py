"""Speed of feature extraction, as ratios within one run: against parsing alone and against generic extractors.

    python benchmarks/features.py                    # without the other extractors
    python benchmarks/features.py --peers            # needs: pip install -e '.[bench]'

The files contain 714 OpenFace columns of smooth random noise with OpenFace's precision. Candidates run in turns, so
that a slow phase of the machine affects all of them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pyarrow.csv as pa_csv

from pdmr_classic.config import FeatureSettings, Settings
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.features.file_features import compute_stream_features, compute_stream_row
from pdmr_classic.features.registry import Family, load_families
from pdmr_classic.io.dataset import Dataset, Recording
from pdmr_classic.io.trackers.channels import GAZE, POSE, channel_kind
from pdmr_classic.io.video.read_stream import read_stream

FRAMES, FILES, ROUNDS = 3000, 20, 5
AU_R = [f"AU{unit:02d}_r" for unit in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)]
AU_C = [f"AU{unit:02d}_c" for unit in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 28, 45)]
FITTED_FAMILIES = ("kinemes",)


def column_names() -> list[str]:
    eyes = [f"eye_lmk_{axis}_{point}" for axis in "xyXYZ" for point in range(56)]
    face = [f"{axis}_{point}" for axis in ("x", "y", "X", "Y", "Z") for point in range(68)]
    shape = ["p_scale", "p_rx", "p_ry", "p_rz", "p_tx", "p_ty", *(f"p_{index}" for index in range(34))]
    meta = ["frame", "face_id", "timestamp", "confidence", "success"]
    return [*meta, *GAZE, *eyes, *POSE, *face, *shape, *AU_R, *AU_C]


def write_file(path: Path, seed: int, frames: int = FRAMES) -> None:
    rng = np.random.default_rng(seed)
    names = column_names()
    walk = np.cumsum(rng.normal(size=(frames, len(names))), axis=0) * 0.05
    columns = []
    for place, name in enumerate(names):
        kind = channel_kind(name)
        if name == "timestamp":
            columns.append([f"{frame / 30:.3f}" for frame in range(frames)])
        elif kind == "meta":
            constant = {"frame": None, "face_id": "0", "confidence": "0.98", "success": "1"}[name]
            columns.append([constant or str(frame + 1) for frame in range(frames)])
        elif kind == "au_presence":
            columns.append([str(int(value > 0)) for value in walk[:, place]])
        elif kind == "au_intensity":
            columns.append([f"{min(abs(value), 5):.2f}" for value in walk[:, place]])
        elif kind in ("landmark", "geometry"):
            columns.append([f"{400 + 3 * value:.1f}" for value in walk[:, place]])
        else:
            columns.append([f"{value:.3f}" for value in 0.1 * walk[:, place]])
    rows = "\n".join(", ".join(row) for row in zip(*columns, strict=True))
    path.write_text(", ".join(names) + "\n" + rows + "\n", encoding="ascii")


def time_in_turns(
    candidates: dict[str, Callable[[Path], object]],
    files: list[Path],
    rounds: int,
    times: dict[str, int] | None = None,
) -> dict[str, list[float]]:
    """Time each candidate on all files (some candidates several `times`), round by round."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for round_ in range(rounds + 1):
        for name, run in candidates.items():
            selected = files * (times or {}).get(name, 1)
            started = time.perf_counter()
            for file in selected:
                run(file)
            if round_:  # the first round only warms up the file cache
                seconds[name].append((time.perf_counter() - started) / len(selected))
    return seconds


def report(seconds: dict[str, list[float]], base: str) -> None:
    for name, values in seconds.items():
        ratios = [value / reference for value, reference in zip(values, seconds[base], strict=True)]
        low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
        print(f"  {name:<46} {1000 * statistics.median(values):9.1f} ms   x {middle:8.2f}  ({low:.2f} to {high:.2f})")


def compare_with_parsing(files: list[Path]) -> None:
    settings, all_settings = Settings().override({"reading.landmarks": False}), Settings()
    default = tuple(f for f in load_families().values() if f.view != "audio" and f.is_default)
    core = tuple(f for f in default if f.name != "coordination")
    extended = (*default, *(load_families()[name] for name in FITTED_FAMILIES))
    names = pa_csv.read_csv(files[0], read_options=pa_csv.ReadOptions(block_size=1 << 24)).column_names
    channels = [name for name in names if channel_kind(name.strip()) not in ("meta", "geometry", "landmark")]
    with_landmarks = [name for name in names if channel_kind(name.strip()) not in ("meta", "geometry")]

    def parse(columns: list[str]) -> Callable[[Path], object]:
        options = pa_csv.ConvertOptions(include_columns=columns)
        single = pa_csv.ReadOptions(use_threads=False)
        return lambda file: pa_csv.read_csv(file, read_options=single, convert_options=options)

    n_core = len(compute_stream_row(files[0], settings, core).names)
    n_extended = len(compute_stream_row(files[0], settings, extended).names)
    n_landmarks = len(compute_stream_row(files[0], all_settings, core).names)
    print(f"\n{FILES} files of {FRAMES} x 714, {len(channels)} channels, one process, per file:")
    seconds = time_in_turns(
        {
            "pyarrow parses the same columns": parse(channels),
            f"read, check, hash, families 1-6, 8, 9: {n_core}": lambda file: compute_stream_row(file, settings, core),
            f"and coordination and kinemes: {n_extended}": lambda file: compute_stream_row(file, settings, extended),
        },
        files,
        ROUNDS,
    )
    report(seconds, "pyarrow parses the same columns")
    print(f"\nthe same with the 2-D landmarks, {len(with_landmarks)} channels:")
    seconds = time_in_turns(
        {
            "pyarrow parses the same columns": parse(with_landmarks),
            f"read, check, hash, families 1-6, 8, 9: {n_landmarks}": lambda file: compute_stream_row(
                file, all_settings, core
            ),
        },
        files,
        ROUNDS,
    )
    report(seconds, "pyarrow parses the same columns")


def compare_with_peers(file: Path) -> None:
    import pandas as pd
    import tsfel
    from tsfresh import extract_features
    from tsfresh.feature_extraction import EfficientFCParameters

    stream = read_stream(file, Settings().override({"reading.landmarks": False}).reading)
    default = tuple(f for f in load_families().values() if f.view != "audio" and f.is_default)
    core = tuple(f for f in default if f.name != "coordination")
    frame = pd.DataFrame(stream.values, columns=list(stream.channels)).astype(float)
    long = frame.assign(id=0, t=np.arange(len(frame)))
    configuration = tsfel.get_features_by_domain()

    def run_families(selected: tuple[Family, ...]) -> Callable[[Path], object]:
        # A copy each time, because a stream caches its computations.
        return lambda _: compute_stream_features(replace(stream), selected, FeatureSettings())

    candidates: dict[str, Callable[[Path], object]] = {
        "families 1-6, 8, 9": run_families(core),
        "and coordination": run_families(default),
        "TSFEL default": lambda _: tsfel.time_series_features_extractor(configuration, frame, fs=30, verbose=0),
        "tsfresh Efficient": lambda _: extract_features(
            long,
            column_id="id",
            column_sort="t",
            default_fc_parameters=EfficientFCParameters(),
            n_jobs=0,
            disable_progressbar=True,
        ),
    }
    print(f"\none stream of {stream.values.shape[0]} x {stream.values.shape[1]}, one process:")
    # pdmr-classic takes milliseconds: average many calls, as for a folder of recordings.
    seconds = time_in_turns(candidates, [file], 3, times={"families 1-6, 8, 9": 30, "and coordination": 30})
    report(seconds, "families 1-6, 8, 9")
    print("  relative to all families of pdmr-classic:")
    report(seconds, "and coordination")


def time_two_processes(files: list[Path]) -> None:
    recordings = tuple(Recording(f"{index:03d}", video=files[index % len(files)]) for index in range(400))
    dataset = Dataset(files[0].parent, recordings)
    settings = Settings().override({"reading.landmarks": False})
    one, two = (FeatureExtractor(settings, jobs=jobs) for jobs in (1, 2))
    two.extract(dataset)  # starts the workers
    seconds = time_in_turns(
        {"two processes": lambda _: two.extract(dataset), "one": lambda _: one.extract(dataset)}, files[:1], 3
    )
    print(f"\n{len(recordings)} files, two processes against one, without start-up:")
    report(seconds, "two processes")


def time_cache(files: list[Path], folder: Path) -> None:
    recordings = tuple(Recording(f"{index:02d}", video=file) for index, file in enumerate(files))
    dataset, settings = Dataset(files[0].parent, recordings), Settings()
    uncached, cached, verified = (
        FeatureExtractor(settings),
        FeatureExtractor(settings, cache=folder / "cache"),
        FeatureExtractor(settings, cache=folder / "cache", verify_cache=True),
    )
    assert cached.extract(dataset).features.equals(uncached.extract(dataset).features)
    candidates = {
        "from the cache": lambda _: cached.extract(dataset),
        "from the cache, content hashed again": lambda _: verified.extract(dataset),
        "read and computed": lambda _: uncached.extract(dataset),
    }
    print(f"\n{len(recordings)} files, second run (exact):")
    seconds = time_in_turns(candidates, files[:1], 3)
    report(seconds, "from the cache")
    ratio = statistics.median(seconds["read and computed"]) / statistics.median(seconds[list(candidates)[1]])
    print(f"  read and computed : hashed again: x {ratio:.1f}")


def time_many_recordings(folder: Path) -> None:
    small = [folder / f"small{index}.csv" for index in range(20)]
    for seed, file in enumerate(small):
        stream_only = [name for name in column_names() if channel_kind(name) in ("meta", "pose", "gaze")]
        rows = np.cumsum(np.random.default_rng(seed).normal(size=(150, len(stream_only))), axis=0).round(3) * 0.01
        rows[:, : len(stream_only) - 8] = np.abs(rows[:, : len(stream_only) - 8])
        frame = dict(zip(stream_only, rows.T, strict=True)) | {
            "frame": np.arange(1, 151),
            "face_id": np.zeros(150),
            "timestamp": np.arange(150) / 30,
            "confidence": np.full(150, 0.98),
            "success": np.ones(150),
        }
        lines = [",".join(f"{value:.4f}" for value in row) for row in zip(*frame.values(), strict=True)]
        file.write_text(",".join(frame) + "\n" + "\n".join(lines) + "\n", encoding="ascii")
    print("\nmany small recordings (150 frames, pose and gaze), one process:")
    for number in (1_000, 10_000):
        command = [sys.executable, __file__, "--extract-many", str(number), *map(str, small)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        seconds, peak, table = map(float, printed.split())
        each = 1000 * seconds / number
        print(f"  {number:>6}: {each:.2f} ms each; peak {peak:.0f} MB, of which the table takes {table:.0f} MB")


def measure_memory(files: list[Path], folder: Path) -> None:
    print("\npeak memory of a process that extracts features (MB, with Python and all libraries):")
    large = folder / "large.csv"
    write_file(large, seed=99, frames=20_000)
    for label, paths in ((f"{FILES} files of {FRAMES} x 714", files), ("one file of 20000 x 714", [large])):
        command = [sys.executable, __file__, "--extract", *map(str, paths)]
        peak = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        print(f"  {label:<46} {peak:9.0f}")


def extract_many(number: int, paths: list[str]) -> None:
    recordings = tuple(Recording(f"{k:05d}", video=Path(paths[k % len(paths)])) for k in range(number))
    started = time.perf_counter()
    features = FeatureExtractor().extract(Dataset(Path(paths[0]).parent, recordings)).features
    print(time.perf_counter() - started, peak_mb(), features.to_numpy().nbytes / 2**20)


def peak_mb() -> float:
    # Not ru_maxrss, because a child inherits the value of its parent.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def extract_only(paths: list[str]) -> None:
    selected = tuple(f for f in load_families().values() if f.view != "audio" and f.is_default)
    for path in paths:
        compute_stream_row(Path(path), Settings(), selected)
    print(peak_mb())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", action="store_true", help="also run TSFEL and tsfresh")
    parser.add_argument("--extract", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--extract-many", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.extract_many:
        extract_many(int(arguments.extract_many[0]), arguments.extract_many[1:])
        return
    if arguments.extract:
        extract_only(arguments.extract)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = [folder / f"{index:02d}.csv" for index in range(FILES)]
        for seed, file in enumerate(files):
            write_file(file, seed)
        compare_with_parsing(files)
        time_two_processes(files)
        time_cache(files, folder)
        measure_memory(files, folder)
        time_many_recordings(folder)
        if arguments.peers:
            compare_with_peers(files[0])


if __name__ == "__main__":
    main()
