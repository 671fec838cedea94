"""A collection of small tasks for the choice of methods, split into *design* and *exam*.

    PDMR_REAL_DATA=../shared/data python benchmarks/tasks.py --packages SITE_PACKAGES --out FOLDER

writes one parquet file per task: features (`video__…`, `audio__vector__…`), `status`, `subject`. SITE_PACKAGES is the
folder in which aeon, sktime, tslearn and statsmodels are installed (`pip install --no-deps`); only data files in their
wheels are read, nothing is downloaded. Each task has 60 to 480 rows.

Tables are cut small, their columns are dealt to two blocks of unequal width, columns of noise are added, and so is
noise on every value, so that most AUCs are between .6 and .98. Series become means, standard deviations, quantiles and
velocities (video), and resampled values or spectra (audio).

Methods are chosen on design tasks only; exam tasks are run once, at the end. Tasks that were used before the split are
design tasks. Of each synthetic generator, seed 0 is design and seed 1 exam. The others are ordered by the SHA-256 of
their name, and take turns, design first.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import wave
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd
from recordings import SETS, read_table
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine

USED_BEFORE = (*SETS, "cancer", "digits")
Array = np.ndarray


# ------------------------------------------------------------------------------------------------- tables


def make_rng(name: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little"))


def make_frame(video: Array, audio: Array, status: Array, subject: Array | None = None) -> pd.DataFrame:
    """Return a table of two blocks with labels and subjects; without subjects, each row is one."""
    video_names = [f"video__c{k:03d}__mean" for k in range(video.shape[1])]
    audio_names = [f"audio__vector__{k:04d}" for k in range(audio.shape[1])]
    frame = pd.DataFrame(np.hstack([video, audio]), columns=video_names + audio_names)
    subjects = np.arange(len(frame)) if subject is None else subject
    return frame.assign(status=np.asarray(status).astype(str), subject=np.asarray(subjects).astype(str))


def standardise(X: Array) -> Array:
    spread = X.std(axis=0)
    return (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def cut(
    name: str,
    video: Array,
    audio: Array,
    status: Array,
    subject: Array | None = None,
    *,
    rows: int | None = None,
    noise: float = 0.0,
    noise_columns: tuple[int, int] = (0, 0),
) -> pd.DataFrame:
    """Select rows (of whole subjects), add noise to the values, and append columns of noise to each block."""
    rng = make_rng(name)
    status = np.asarray(status).astype(str)
    subject = np.arange(len(status)) if subject is None else np.asarray(subject)
    order = rng.permutation(np.unique(subject))
    rank = np.argsort(np.argsort([np.flatnonzero(order == s)[0] for s in subject], kind="stable"), kind="stable")
    chosen = np.sort(np.flatnonzero(rank < (len(status) if rows is None else rows)))
    blocks = []
    for block, n_noise in zip((video, audio), noise_columns, strict=True):
        values = standardise(np.asarray(block, dtype=float)[chosen])
        values = values + noise * rng.normal(size=values.shape)
        blocks.append(np.hstack([values, rng.normal(size=(len(chosen), n_noise))]))
    return make_frame(blocks[0], blocks[1], status[chosen], subject[chosen])


def deal(name: str, X: Array, share: float = 0.3) -> tuple[Array, Array]:
    """Deal columns to two blocks at random."""
    order = make_rng(name + " columns").permutation(X.shape[1])
    n_first = max(round(share * X.shape[1]), 1)
    return X[:, np.sort(order[:n_first])], X[:, np.sort(order[n_first:])]


def above_median(values: Array) -> Array:
    return np.where(values > np.median(values), "high", "low")


# ------------------------------------------------------------------------------------------------- series


def read_ts(*paths: Path) -> tuple[list[Array], Array]:
    """Return the series, shape [channels, time], and the labels of .ts files."""
    series, labels = [], []
    for path in paths:
        in_data = False
        for line in path.read_text().splitlines():
            if in_data and line.strip():
                *channels, label = line.split(":")
                series.append(np.array([np.array(values.split(","), dtype=float) for values in channels]))
                labels.append(label.strip())
            in_data |= line.strip().lower() == "@data"
    return series, np.array(labels)


def summarise(series: list[Array]) -> Array:
    """Return means, standard deviations, quantiles and velocities of each channel, shape [n, F]."""

    def row(x: Array) -> Array:
        velocity = np.diff(x, axis=1)
        parts = [x.mean(1), x.std(1), *np.quantile(x, (0.05, 0.25, 0.5, 0.75, 0.95), axis=1)]
        parts += [np.abs(velocity).mean(1), velocity.std(1), x.argmax(1) / x.shape[1]]
        return np.concatenate(parts)

    return np.array([row(x) for x in series])


def resample(series: list[Array], length: int) -> Array:
    """Return every channel at `length` equidistant times, shape [n, channels x length]."""

    def row(x: Array) -> Array:
        times = np.linspace(0, x.shape[1] - 1, length)
        return np.concatenate([np.interp(times, np.arange(x.shape[1]), channel) for channel in x])

    return np.array([row(x) for x in series])


def spectrum(series: list[Array], length: int) -> Array:
    """Return the log spectrum of each channel in `length` bands, shape [n, channels x length]."""

    def bands(channel: Array) -> Array:
        power = np.abs(np.fft.rfft(channel - channel.mean())) ** 2
        edges = np.linspace(1, len(power), length + 1).astype(int)
        return np.log([power[a : max(b, a + 1)].mean() + 1e-9 for a, b in pairwise(edges)])

    return np.array([np.concatenate([bands(channel) for channel in x]) for x in series])


def log_mel(path: Path, n_bands: int = 26) -> Array:
    """Return log energies in mel bands of 25 ms frames, shape [frames, bands]."""
    with wave.open(str(path)) as file:
        rate, n = file.getframerate(), file.getnframes()
        x = np.frombuffer(file.readframes(n), dtype=np.int16) / 32768
    size, step = rate // 40, rate // 100
    x = np.pad(x, (0, max(0, 4 * size - len(x))))
    frames = np.lib.stride_tricks.sliding_window_view(x, size)[::step] * np.hanning(size)
    power = np.abs(np.fft.rfft(frames, 256)) ** 2
    mel = 2595 * np.log10(1 + np.fft.rfftfreq(256, 1 / rate) / 700)
    centres = np.linspace(mel[1], mel[-1], n_bands + 2)
    weight = np.maximum(0, 1 - np.abs(mel - centres[1:-1, None]) / (centres[1] - centres[0]))
    return np.log(power @ weight.T + 1e-8)


# ------------------------------------------------------------------------------------------- tasks by source


def real_tasks() -> Iterator[tuple[str, Callable[[], pd.DataFrame]]]:
    def load_set(name: str) -> pd.DataFrame:
        table = read_table(name)
        return table.features.assign(status=table.status, subject=table.groups)

    for name in SETS:
        yield name, lambda name=name: load_set(name)

    def digits_spoken(name: str, digits: str, label: Callable[[str, str], str], by_speaker: bool) -> pd.DataFrame:
        folder = Path(os.environ["PDMR_REAL_DATA"]) / "fsdd-wav"
        paths = sorted(path for path in folder.glob("*.wav") if path.name[0] in digits)
        energies = [log_mel(path).T for path in paths]
        parts = [path.stem.split("_") for path in paths]
        status = np.array([label(digit, speaker) for digit, speaker, _ in parts])
        subject = np.array([speaker if by_speaker else f"{digit}-{take}" for digit, speaker, take in parts])
        audio = np.hstack([resample(energies, 6)])
        return cut(name, summarise(energies)[:, :52], audio, status, subject, noise=1.5, noise_columns=(10, 100))

    name = "fsdd-digit"
    yield name, lambda: digits_spoken("fsdd-digit", "036", lambda digit, _: digit, by_speaker=True)
    name = "fsdd-speaker"
    yield (
        name,
        lambda: digits_spoken(
            "fsdd-speaker", "147", lambda _, s: "a" if s in ("george", "lucas", "theo") else "b", by_speaker=False
        ),
    )


def sklearn_tasks() -> Iterator[tuple[str, Callable[[], pd.DataFrame]]]:
    def table(name: str, X: Array, y: Array, rows: int, noise: float, columns: tuple[int, int]) -> pd.DataFrame:
        return cut(name, *deal(name, X), y, rows=rows, noise=noise, noise_columns=columns)

    def digits() -> pd.DataFrame:
        X, y = load_digits(return_X_y=True)
        chosen = np.isin(y, [3, 8, 9])
        return table("digits", X[chosen], y[chosen] == 8, 160, 1.0, (0, 0))

    def iris() -> pd.DataFrame:
        X, y = load_iris(return_X_y=True)
        return table("iris", X[y > 0], y[y > 0], 80, 0.7, (20, 100))

    yield "cancer", lambda: table("cancer", *load_breast_cancer(return_X_y=True), 120, 1.0, (0, 0))
    yield "digits", digits
    yield "wine", lambda: table("wine", *load_wine(return_X_y=True), 100, 1.2, (5, 60))
    yield "iris", iris

    def diabetes() -> pd.DataFrame:
        X, y = load_diabetes(return_X_y=True)
        return table("diabetes", X, above_median(y), 220, 0.0, (40, 10))

    yield "diabetes", diabetes


def cut_series(name: str, series: list[Array], audio: Array, status: Array, **options: Any) -> pd.DataFrame:
    return cut(name, summarise(series), audio, status, **options)


def series_tasks(
    packages: Path, make: Callable[..., pd.DataFrame] = cut_series
) -> Iterator[tuple[str, Callable[[], pd.DataFrame]]]:
    """Yield tasks; `make` turns series, the other block and labels into a table."""

    def series_task(
        name: str,
        label: Callable[[str], str | None],
        *,
        folder: str = "aeon/datasets/data",
        file: str | None = None,
        rows: int,
        length: int,
        noise: float,
        noise_columns: tuple[int, int],
        spectral: bool = False,
    ) -> pd.DataFrame:
        file = file or name
        base = packages / folder / file.removesuffix("_eq") / file
        series, labels = read_ts(*(base.with_name(f"{base.name}_{part}.ts") for part in ("TRAIN", "TEST")))
        new_labels = [label(old) for old in labels]
        chosen = [k for k, new in enumerate(new_labels) if new is not None]
        series = [series[k] for k in chosen]
        status = np.array([new_labels[k] for k in chosen])
        audio = (spectrum if spectral else resample)(series, length)
        return make(name, series, audio, status, rows=rows, noise=noise, noise_columns=noise_columns)

    def regression_task(name: str, folder: str, rows: int, noise: float, columns: tuple[int, int]) -> pd.DataFrame:
        base = packages / folder / name / name
        series, labels = read_ts(*(base.with_name(f"{name}_{part}.ts") for part in ("TRAIN", "TEST")))
        status = above_median(labels.astype(float))
        return make(name, series, resample(series, 50), status, rows=rows, noise=noise, noise_columns=columns)

    def trace() -> pd.DataFrame:
        with np.load(packages / "tslearn/.cached_datasets/Trace.npz") as file:
            X, y = (np.concatenate([file[f"{kind}_{part}"] for part in ("train", "test")]) for kind in "Xy")
        series = [row.reshape(len(row), -1).T for row in X]
        # The first two classes differ only by a small oscillation.
        chosen = np.flatnonzero(np.isin(y, [1, 2]))
        series = [series[k] for k in chosen]
        return make("Trace", series, resample(series, 60), y[chosen], noise=2.5, noise_columns=(20, 100))

    def pick(*names: str) -> Callable[[str], str | None]:
        return lambda label: label if label in names else None

    def halves(*first: str) -> Callable[[str], str | None]:
        return lambda label: "a" if label in first else "b"

    tasks: dict[str, Callable[[], pd.DataFrame]] = {
        "JapaneseVowels": lambda: series_task(
            "JapaneseVowels", pick("1", "3", "8"), rows=150, length=7, noise=2.0, noise_columns=(0, 150)
        ),
        "BasicMotions": lambda: series_task(
            "BasicMotions", lambda label: label, rows=80, length=12, noise=2.0, noise_columns=(20, 150), spectral=True
        ),
        "ArrowHead": lambda: series_task(
            "ArrowHead", lambda label: label, rows=150, length=60, noise=0.5, noise_columns=(30, 60)
        ),
        "GunPoint": lambda: series_task(
            "GunPoint", lambda label: label, rows=100, length=50, noise=0.7, noise_columns=(10, 60)
        ),
        "ItalyPowerDemand": lambda: series_task(
            "ItalyPowerDemand", lambda label: label, rows=120, length=24, noise=1.0, noise_columns=(10, 100)
        ),
        "ACSF1": lambda: series_task(
            "ACSF1",
            halves("0", "1", "2", "3", "4"),
            rows=120,
            length=80,
            noise=0.7,
            noise_columns=(0, 0),
            spectral=True,
        ),
        "OSULeaf": lambda: series_task(
            "OSULeaf", halves("1", "2", "3"), rows=240, length=60, noise=0.5, noise_columns=(0, 40), spectral=True
        ),
        "PickupGesture": lambda: series_task(
            "PickupGesture",
            halves("1", "2", "3", "4", "5"),
            file="PickupGestureWiimoteZ_eq",
            rows=100,
            length=60,
            noise=0.3,
            noise_columns=(0, 0),
        ),
        "PLAID": lambda: series_task(
            "PLAID",
            halves("0", "1", "2", "5", "7"),
            folder="sktime/datasets/data",
            rows=200,
            length=40,
            noise=1.0,
            noise_columns=(20, 100),
            spectral=True,
        ),
        "Covid3Month": lambda: regression_task("Covid3Month", "aeon/datasets/data", 160, 0.3, (10, 60)),
        "Tecator": lambda: regression_task("Tecator", "sktime/datasets/data", 150, 0.3, (10, 60)),
        "Trace": trace,
    }
    yield from tasks.items()


def statsmodels_tasks(packages: Path) -> Iterator[tuple[str, Callable[[], pd.DataFrame]]]:
    base = packages / "statsmodels"

    def anes() -> pd.DataFrame:
        table = pd.read_csv(base / "datasets/anes96/anes96.csv", sep="\t", quotechar="'")
        X = table.drop(columns=["vote", "PID", "ClinLR", "DoleLR"]).to_numpy(dtype=float)
        return cut("anes96", *deal("anes96", X), table["vote"], rows=250, noise=0.3, noise_columns=(20, 5))

    def fair() -> pd.DataFrame:
        table = pd.read_csv(base / "datasets/fair/fair.csv")
        X = table.drop(columns="affairs").to_numpy(dtype=float)
        return cut("fair", *deal("fair", X), table["affairs"] > 0, rows=300, noise_columns=(2, 30))

    def modes() -> pd.DataFrame:
        table = pd.read_csv(base / "datasets/modechoice/modechoice.csv", sep=";")
        chosen = table["mode"].isin([1, 2])
        table = table[chosen]
        X = table.drop(columns=["individual", "choice", "mode"]).to_numpy(dtype=float)
        options = {"rows": 240, "noise": 0.3, "noise_columns": (5, 30)}
        return cut("modechoice", *deal("modechoice", X), table["choice"], table["individual"], **options)

    def seizures() -> pd.DataFrame:
        table = pd.read_csv(base / "genmod/tests/results/epil.csv")
        X = table[["age", "V4", "period", "lbase"]].assign(trt=table["trt"] == "placebo").to_numpy(dtype=float)
        options = {"noise": 0.7, "noise_columns": (30, 10)}
        return cut("epil", *deal("epil", X), above_median(table["y"].to_numpy()), table["subject"], **options)

    def schools() -> pd.DataFrame:
        table = pd.read_csv(base / "datasets/star98/star98.csv")
        X = table.drop(columns=["MATHTOT", "PR50M"]).to_numpy(dtype=float)
        status = above_median((table["PR50M"] / table["MATHTOT"]).to_numpy())
        return cut("star98", *deal("star98", X), status, rows=150, noise=0.5, noise_columns=(60, 0))

    def births() -> pd.DataFrame:
        table = pd.read_csv(base / "treatment/tests/results/cataneo2.csv").iloc[::10]
        columns = ["mage", "medu", "fage", "fedu", "nprenatal", "monthslb", "order", "mmarried_", "fbaby_", "alcohol"]
        X = table[columns].to_numpy(dtype=float)
        status = (table["mbsmoke_"] > 0).to_numpy()
        return cut("births", *deal("births", X), status, rows=400, noise_columns=(10, 60))

    yield from {
        "anes96": anes,
        "fair": fair,
        "modechoice": modes,
        "epil": seizures,
        "star98": schools,
        "births": births,
    }.items()


# ------------------------------------------------------------------------------------------------ synthetic


def generate(kind: str, seed: int) -> pd.DataFrame:
    """Return a synthetic task; rows of one subject share their label and half of their noise."""
    rng = np.random.default_rng([seed, len(kind), *kind.encode()])
    n_subjects, n_rows = {"few-subjects": (16, 8), "kernel": (200, 1), "many-noise": (120, 1)}.get(kind, (75, 2))
    widths = {"many-noise": (500, 100), "one-block": (200, 60), "linear": (60, 200)}.get(kind, (60, 120))
    subject = np.repeat(np.arange(n_subjects), n_rows)
    y = rng.permutation(np.arange(n_subjects) % 2)[subject]
    blocks = [
        np.sqrt(0.5) * (rng.normal(size=(len(y), width)) + rng.normal(size=(n_subjects, width))[subject])
        for width in widths
    ]
    video, audio = blocks
    if kind == "one-block":  # weak, and in the narrower block
        audio[:, :8] += 0.45 * (y[:, None] - 0.5)
    elif kind == "both-blocks":
        video[:, :6] += 0.6 * (y[:, None] - 0.5)
        audio[:, :12] += 0.5 * (y[:, None] - 0.5)
    elif kind == "kernel":  # the classes have the same mean and differ in the spread of correlated columns
        factor = rng.normal(size=(len(y), 3)) * np.where(y, 1.6, 0.4)[:, None]
        audio += factor @ rng.normal(size=(3, audio.shape[1]))
    elif kind == "linear":
        audio += 0.16 * np.outer(y - 0.5, rng.choice([-1.0, 1.0], audio.shape[1]))
        video[:, :20] += 0.2 * (y[:, None] - 0.5)
    elif kind == "many-noise":
        video[:, :4] += 1.0 * (y[:, None] - 0.5)
        audio[:, :2] += 0.8 * (y[:, None] - 0.5)
    elif kind == "few-subjects":
        video[:, :15] += 1.2 * (y[:, None] - 0.5)
        audio[:, :10] += 0.8 * (y[:, None] - 0.5)
    return make_frame(video, audio, np.where(y, "yes", "no"), subject)


GENERATORS = ("one-block", "both-blocks", "kernel", "linear", "many-noise", "few-subjects")


def synthetic_tasks() -> Iterator[tuple[str, Callable[[], pd.DataFrame]]]:
    for kind in GENERATORS:
        for seed in (0, 1):
            yield f"{kind}-{seed}", lambda kind=kind, seed=seed: generate(kind, seed)


# ---------------------------------------------------------------------------------------------------- split


def all_tasks(packages: Path) -> dict[str, Callable[[], pd.DataFrame]]:
    sources = (real_tasks(), sklearn_tasks(), series_tasks(packages), statsmodels_tasks(packages), synthetic_tasks())
    return {name: make for source in sources for name, make in source}


def split(names: list[str]) -> dict[str, str]:
    """Return "design" or "exam" for each task."""
    fresh = [name for name in names if name not in USED_BEFORE and name[:-2] not in GENERATORS]
    order = sorted(fresh, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    parts = dict.fromkeys(USED_BEFORE, "design") | {name: ("design", "exam")[k % 2] for k, name in enumerate(order)}
    parts |= {f"{kind}-{seed}": ("design", "exam")[seed] for kind in GENERATORS for seed in (0, 1)}
    return {name: parts[name] for name in names}


def read_tasks(folder: Path, part: str) -> dict[str, pd.DataFrame]:
    """Return the tables of one part."""
    parts = split(sorted(path.stem for path in folder.glob("*.parquet")))
    return {name: pd.read_parquet(folder / f"{name}.parquet") for name, which in parts.items() if which == part}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    tasks = all_tasks(arguments.packages)
    parts = split(list(tasks))
    for name, make in tasks.items():
        frame = make()
        frame.to_parquet(arguments.out / f"{name}.parquet")
        n_video, n_audio = (sum(column.startswith(kind) for column in frame) for kind in ("video__", "audio__"))
        about = f"{len(frame)} rows, {frame['subject'].nunique()} subjects, {frame['status'].nunique()} classes"
        print(f"{parts[name]:<7}{name:<18}{about}, {n_video} + {n_audio} columns", flush=True)


if __name__ == "__main__":
    main()
