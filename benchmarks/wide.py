"""Wide tasks: hundreds or thousands of video columns, many of them near-duplicates, from design sources only.

    PDMR_REAL_DATA=../shared/data python benchmarks/wide.py --packages SITE_PACKAGES --tasks TASKS --out WIDE

TASKS is the folder that tasks.py wrote. Video columns are the functionals of pdmr-classic, computed on series with
correlated noise (`w-fsdd-…`: log energies of spoken digits in mel bands; `w-watch…`: two sets of exercises; the others:
series inside the wheels of aeon, sktime and tslearn, for few channels also of their differences and moving averages)
and on synthetic sets with other seeds. Audio columns are resampled series, weak or pure noise (`-weak`, `-noise`), or
voices of youtubepd-wavlm, matched by class (`-youtube`).
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd
from tasks import cut, log_mel, make_rng, read_tasks, resample, series_tasks, standardise

from pdmr_classic import FeatureExtractor, load_dataset, make_synthetic
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.file_features import compute_stream_features
from pdmr_classic.features.registry import load_families
from pdmr_classic.io.video.read_stream import read_stream
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.progress import CollectingReporter

Array = np.ndarray
FEW_CHANNELS = 20
PERSISTENCE = 0.9


def add_noise(series: list[Array], noise: float, rng: np.random.Generator) -> list[Array]:
    """Add autoregressive noise and an offset to each channel, more to some series than to others."""
    spread = np.mean([x.std(axis=1) for x in series], axis=0)[:, None] + 1e-9

    def make_noisy(x: Array) -> Array:
        steps = rng.normal(size=x.shape)
        for t in range(1, x.shape[1]):
            steps[:, t] = PERSISTENCE * steps[:, t - 1] + np.sqrt(1 - PERSISTENCE**2) * steps[:, t]
        offset = 0.5 * rng.normal(size=(len(x), 1))
        return x + noise * spread * (steps + offset) * np.exp(0.3 * noise * rng.normal())

    return [make_noisy(x) for x in series]


def smooth(x: Array, width: int) -> Array:
    padded = np.pad(x, ((0, 0), (width // 2, width // 2)), mode="edge")
    return np.array([np.convolve(channel, np.ones(width) / width, "valid") for channel in padded])


def compute_functionals(name: str, series: list[Array], noise: float, rate_hz: float = 10.0) -> pd.DataFrame:
    """Return the functionals of pdmr-classic, without columns that are mostly empty."""
    families = tuple(family for family in load_families().values() if family.is_default and family.view == "video")
    rows = []
    for x in add_noise(series, noise, make_rng(f"{name} wide")):
        if len(x) < FEW_CHANNELS:
            x = np.vstack([x, np.gradient(x, axis=1), smooth(x, 3), smooth(x, 9)])
        channels, time_s = tuple(f"ch{k:03d}" for k in range(len(x))), np.arange(x.shape[1]) / rate_hz
        stream = Stream(x.T.astype(np.float32), channels, time_s, rate_hz, np.ones(len(time_s), dtype=bool))
        names, values = compute_stream_features(stream, families, FeatureSettings())
        rows.append(dict(zip(names, values, strict=True)))
    table = pd.DataFrame(rows)
    return table.loc[:, table.notna().mean() >= 0.5]


def join(video: pd.DataFrame, audio: Array, status: Any, subject: Any) -> pd.DataFrame:
    audio_names = [f"audio__vector__{k:04d}" for k in range(audio.shape[1])]
    frame = pd.concat([video.reset_index(drop=True), pd.DataFrame(audio, columns=audio_names)], axis=1)
    return frame.assign(status=np.asarray(status).astype(str), subject=np.asarray(subject).astype(str))


def select_audio(frame: pd.DataFrame) -> Array:
    return frame.filter(regex="^audio").to_numpy(dtype=float)


def spoken_digits() -> Iterator[tuple[str, pd.DataFrame]]:
    speakers = ({"george", "lucas", "theo"}, {"george", "jackson", "nicolas"})
    for name, digits, first, noise in (
        ("w-fsdd-speaker", "147", speakers[0], 1.5),
        ("w-fsdd-digit", "147", None, 1.5),
        ("w-fsdd-speaker2", "2589", speakers[1], 2.0),
        ("w-fsdd-digit2", "25", None, 2.0),
    ):
        paths = sorted((Path(os.environ["PDMR_REAL_DATA"]) / "fsdd-wav").glob(f"[{digits}]*.wav"))
        energies = [log_mel(path).T for path in paths]
        parts = [path.stem.split("_") for path in paths]
        status = [digit if first is None else str(speaker in first) for digit, speaker, _ in parts]
        subject = [speaker if first is None else f"{digit}-{take}" for digit, speaker, take in parts]
        # The video block of `cut` is not used.
        frame = cut(name, np.zeros((len(parts), 1)), resample(energies, 6), status, noise=2.0, noise_columns=(0, 844))
        yield name, join(compute_functionals(name, energies, noise, 15.0), select_audio(frame), status, subject)


def cut_wide(
    name: str,
    series: list[Array],
    audio: Array,
    status: Array,
    *,
    rows: int | None = None,
    noise: float,
    noise_columns: tuple[int, int],
) -> pd.DataFrame:
    index = np.arange(len(status), dtype=float)[:, None]
    frame = cut(name, index, audio, status, rows=rows, noise=1.3 * noise, noise_columns=(0, noise_columns[1]))
    chosen = frame["subject"].astype(int)  # each series is a subject
    shortened = [series[k][:, :: max(1, series[k].shape[1] // 300)] for k in chosen]
    video = compute_functionals(name, shortened, 2 * noise)
    return join(video, select_audio(frame), frame["status"], frame["subject"])


def weak_audio(name: str, status: Array, effect: float) -> Array:
    """Return 1,000 columns of noise; the first 50 are shifted by class."""
    audio = make_rng(name).normal(size=(len(status), 1000))
    audio[:, :50] += effect * status[:, None]
    return audio


def voices(name: str, status: Array, source: pd.DataFrame, noise: float) -> Array:
    """Return vectors of other people with the same class (0 or 1), with noise."""
    rng = make_rng(name)
    vectors, is_second = standardise(select_audio(source)), (source["status"] == "PD").to_numpy()
    audio = np.zeros((len(status), vectors.shape[1]))
    for k in (0, 1):
        rows, pool = np.flatnonzero(status == k), np.flatnonzero(is_second == k)
        audio[rows] = vectors[rng.choice(pool, len(rows), replace=len(rows) > len(pool))]
    return audio + noise * rng.normal(size=audio.shape)


def exercises() -> Iterator[tuple[str, pd.DataFrame]]:
    series: list[Array] = []
    labels: list[str] = []
    subjects: list[str] = []
    for part in sorted((Path(os.environ["PDMR_REAL_DATA"]) / "watch-exercise").glob("t*"), reverse=True):
        data = load_dataset(part).select_labelled()
        streams = [read_stream(recording.video).values.T.astype(float) for recording in data.recordings]
        series += [x[:, np.isfinite(x).all(axis=0)][:, :900:3] for x in streams]
        labels += list(data.status)
        subjects += list(data.groups)
    rng, classes = np.random.default_rng(3), sorted(set(labels))
    for k, (noise, channels) in enumerate(((2.0, slice(None)), (3.0, slice(0, 3)), (3.0, slice(3, 6)))):
        first = list(rng.permutation(classes)[:3])
        status = np.isin(labels, first).astype(int)
        video = compute_functionals(f"watch{k}", [x[channels] for x in series], noise)
        yield f"w-watch{k}", join(video, weak_audio(f"wnoise{k}", status, 0.3), status, subjects)


def reactions(tasks: dict[str, pd.DataFrame]) -> Iterator[tuple[str, pd.DataFrame]]:
    frame = tasks["badrobots-gaze"]
    video, status = frame.filter(regex="^video"), (frame["status"] == "Reaction").to_numpy().astype(int)
    for label, audio in (
        ("weak", weak_audio("badnoise", status, 0.3)),
        ("noise", weak_audio("badrobots", status, 0.0)),
        ("youtube", voices("by audio", status, tasks["youtubepd-wavlm"], 2.0)),
    ):
        yield f"w-badrobots-{label}", join(video, audio, frame["status"], frame["subject"])


def synthetic_sets() -> Iterator[tuple[str, pd.DataFrame]]:
    for seed, subjects, segments in ((12, 75, 2), (13, 150, 1), (14, 40, 3), (15, 90, 1)):
        parts = []
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "set"
            make_synthetic(root, subjects=subjects, segments=segments, seed=seed, seconds=(15, 25))
            for part in ("train", "test"):
                data = load_dataset(root / part).select_labelled()
                table = FeatureExtractor(reporter=CollectingReporter()).transform(data)
                parts.append(table.assign(status=data.status, subject=[f"{part}{group}" for group in data.groups]))
        table = pd.concat(parts)
        audio = select_audio(table)
        if seed >= 14:
            audio = audio + np.nanstd(audio, axis=0) * make_rng(f"s{seed}").normal(size=audio.shape)
        yield f"w-synthetic-{seed}", join(table.filter(regex="^video"), audio, table["status"], table["subject"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--tasks", type=Path, required=True, help="folder that tasks.py wrote")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    design = read_tasks(arguments.tasks, "design")
    series: dict[str, Callable[[], pd.DataFrame]] = dict(series_tasks(arguments.packages, cut_wide))
    of_series = ((f"w-{name}", make()) for name, make in series.items() if name in design)
    for source in (spoken_digits(), of_series, exercises(), reactions(design), synthetic_sets()):
        for name, frame in source:
            frame.to_parquet(arguments.out / f"{name}.parquet")
            n_video, n_audio = (sum(column.startswith(kind) for column in frame) for kind in ("video__", "audio__"))
            print(f"{name:<22}{len(frame)} rows, {n_video} + {n_audio} columns", flush=True)


if __name__ == "__main__":
    main()
