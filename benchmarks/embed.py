"""`embed`: speed, memory, the choice of its normalisation, and digits of unseen speakers.

    PDMR_REAL_DATA=../shared/data python benchmarks/embed.py [--parts speed memory choices codebook digits] [--seeds 3]

speed      seconds of sound per second of CPU time, one process, whole runs: reading twice (codebook exists) or three
           times (codebook fitted), encoding and writing. Synthetic sounds of 10 minutes in several formats.
memory     peak memory of a run on one file of 1 minute and of 2 hours, each in a new process.
choices    normalisation of the frames and threshold of silence: digits of unseen speakers (leave-one-speaker-out) and
           speakers of the recordings (halves), by a standardised RBF SVM (C 10) and logistic regression (C 1).
codebook   digits of an unseen speaker, with codebooks fitted on all recordings and on those of the other speakers only.
digits     `evaluate` with speakers as groups: embedded vectors against mean and standard deviation of each band.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd
import soundfile
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from pdmr_classic import Settings, evaluate, load_dataset
from pdmr_classic.audio import scan as scan_module
from pdmr_classic.audio.embed import embed_sounds
from pdmr_classic.audio.fit_codebook import fit_codebook, frames_per_recording, sample_frames
from pdmr_classic.audio.netvlad import encode_frames
from pdmr_classic.audio.scan import Scan, read_kept_frames, scan_sound
from pdmr_classic.evaluation.compare import compare
from pdmr_classic.progress import CollectingReporter

FORMATS = (
    ("wav, 16 kHz, mono", "wav", "PCM_16", 16_000, 1),
    ("wav, 44.1 kHz, stereo", "wav", "PCM_16", 44_100, 2),
    ("wav, 8 kHz, mono", "wav", "PCM_16", 8_000, 1),
    ("flac, 48 kHz, stereo", "flac", "PCM_16", 48_000, 2),
    ("ogg, 44.1 kHz, stereo", "ogg", "VORBIS", 44_100, 2),
)
MODELS = {"SVM": SVC(C=10), "logistic": LogisticRegression(C=1, max_iter=2000)}
QUICK = {"learning.learners": ("linear", "svm"), "learning.trials": 1, "learning.repeats": 1, "learning.folds": 3}
# VmHWM starts anew with the program; ru_maxrss would be that of its parent.
ONE_RUN = """
import pathlib, re, sys, time
from pdmr_classic.audio.embed import embed_sounds
from pdmr_classic.progress import CollectingReporter
import sklearn.cluster, soundfile, soxr
def peak_mb():
    return int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) // 1024
before, folder, started = peak_mb(), pathlib.Path(sys.argv[1]), time.process_time()
embed_sounds(folder / "wavs", folder / "out/audio", reporter=CollectingReporter())
seconds = time.process_time() - started
print(f"peak {peak_mb()} MB, of which {before} MB after the imports; {seconds:.1f} s of CPU time")
"""
Arrays = Sequence[np.ndarray]


def write_speech_like(path: Path, minutes: float, subtype: str, rate_hz: int, n_channels: int) -> None:
    """Write noise that is filtered and switched on and off at the rate of syllables, one minute after another."""
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", rate_hz, n_channels, subtype=subtype) as file:
        for _ in range(max(round(minutes), 1)):
            noise = rng.standard_normal((60 * rate_hz, n_channels)).astype(np.float32)
            noise[1:] += 0.9 * noise[:-1]
            syllables = np.repeat(rng.uniform(0, 1, 60 * 5) ** 2, rate_hz // 5)[:, None]
            samples = 0.1 * syllables[: len(noise)] * noise[: len(syllables)]
            for second in np.array_split(samples, 60):  # libsndfile crashes on a whole minute of Vorbis
                file.write(second)


# ---------------------------------------------------------------------------------------- speed and memory


def measure_speed(minutes: float = 10) -> None:
    for name, suffix, subtype, rate_hz, n_channels in FORMATS:
        with tempfile.TemporaryDirectory() as text:
            folder = Path(text)
            (folder / "wavs").mkdir()
            write_speech_like(folder / f"wavs/a.{suffix}", minutes, subtype, rate_hz, n_channels)
            ratios = []
            for _ in range(2):  # the first run fits the codebook
                started = time.process_time()
                embed_sounds(folder / "wavs", folder / "out/audio", overwrite=True, reporter=CollectingReporter())
                ratios.append(60 * minutes / (time.process_time() - started))
        print(f"{name}: {ratios[1]:,.0f} x real time; {ratios[0]:,.0f} with fitting the codebook", flush=True)


def measure_memory() -> None:
    for name, suffix, subtype, rate_hz, n_channels in FORMATS[:2]:
        for minutes in (1, 120):
            with tempfile.TemporaryDirectory() as text:
                folder = Path(text)
                (folder / "wavs").mkdir()
                write_speech_like(folder / f"wavs/a.{suffix}", minutes, subtype, rate_hz, n_channels)
                result = subprocess.run(
                    [sys.executable, "-c", ONE_RUN, text], check=True, capture_output=True, text=True
                )
            print(f"{name}, {minutes} min: {result.stdout.strip()}", flush=True)


# --------------------------------------------------------------------------------------------- real digits


def find_digits() -> list[Path]:
    return sorted((Path(os.environ["PDMR_REAL_DATA"]) / "fsdd-wav").glob("*.wav"))


def name_parts(paths: Sequence[Path]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return digit, speaker and number of each recording."""
    parts = np.array([path.stem.split("_") for path in paths])
    return parts[:, 0], parts[:, 1], parts[:, 2].astype(int)


def encode_all(frames: Arrays, scans: Sequence[Scan], train: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
    """Return the vectors of all recordings, with a codebook of all or of the training recordings."""
    chosen = range(len(scans)) if train is None else np.flatnonzero(train)
    codebook = fit_codebook([frames[i] for i in chosen], [scans[i] for i in chosen], seed)
    return np.array([encode_frames([part], codebook) for part in frames])


def make_frames(scans: Sequence[Scan]) -> list[np.ndarray]:
    return [sample_frames(scan, frames_per_recording(len(scans)), 0) for scan in scans]


def score_choice(name: str, X: np.ndarray, paths: Sequence[Path]) -> None:
    digit, speaker, number = name_parts(paths)
    scores = []
    for model in MODELS.values():
        pipeline = make_pipeline(StandardScaler(), model)
        digits = cross_val_predict(pipeline, X, digit, groups=speaker, cv=LeaveOneGroupOut())
        speakers = cross_val_predict(pipeline, X, speaker, groups=number % 2, cv=GroupKFold(2))
        scores += [f"{np.mean(digits == digit):.3f}", f"{np.mean(speakers == speaker):.3f}"]
    print(f"| {name} | {scores[0]} / {scores[2]} | {scores[1]} / {scores[3]} |", flush=True)


NORMALISATIONS: dict[str, Callable[[np.ndarray, Scan], np.ndarray]] = {
    "none": lambda frames, scan: frames + scan.mean,
    "mean of all bands together (gain)": lambda frames, scan: frames + scan.mean - scan.mean.mean(),
    "mean of each band (chosen)": lambda frames, scan: frames,
    "mean and variance of each band": lambda frames, scan: frames / floor_scale(np.sqrt(scan.variance)),
}


def floor_scale(scale: np.ndarray) -> np.ndarray:
    return np.maximum(scale, 0.1 * scale.max())


def choose() -> None:
    paths = find_digits()
    print("accuracy, SVM / logistic regression\n| frames | digits of unseen speakers | speakers |\n|---|---|---|")
    scans = [scan_sound(path) for path in paths]
    frames = make_frames(scans)
    score_choice("mean and SD of bands, no NetVLAD", np.array([mean_sd(scan) for scan in scans]), paths)
    for name, normalise in NORMALISATIONS.items():
        changed = [normalise(part, scan) for part, scan in zip(frames, scans, strict=True)]
        unit = [replace(scan, variance=np.ones(48)) for scan in scans] if "variance" in name else scans
        score_choice(name, encode_all(changed, unit), paths)
    scan_module.MIN_FRAMES = 1  # with a threshold this high, little is left of some digits
    for silence_db in (20.0, 25.0, 40.0, 60.0):
        scan_module.SILENCE_DB = silence_db
        scans = [scan_sound(path) for path in paths]
        score_choice(f"silence {silence_db:g} dB below", encode_all(make_frames(scans), scans), paths)
    scan_module.SILENCE_DB, scan_module.MIN_FRAMES = 30.0, 10


def mean_sd(scan: Scan) -> np.ndarray:
    return np.concatenate([scan.mean, np.sqrt(scan.variance)])


def compare_codebooks(seeds: int) -> None:
    paths = find_digits()
    digit, speaker, _ = name_parts(paths)
    scans = [scan_sound(path) for path in paths]
    frames = [np.concatenate(list(read_kept_frames(scan))) for scan in scans]
    rows = []
    for seed in range(seeds):
        vectors = encode_all(frames, scans, seed=seed)
        for held_out in np.unique(speaker):
            train = speaker != held_out
            inside = encode_all(frames, scans, train, seed)
            for name, model in MODELS.items():
                pipeline = make_pipeline(StandardScaler(), model)
                accuracy = [
                    pipeline.fit(X[train], digit[train]).score(X[~train], digit[~train]) for X in (vectors, inside)
                ]
                rows.append((name, seed, held_out, *accuracy))
    table = pd.DataFrame(rows, columns=["model", "seed", "speaker", "all", "training"])
    print(table.groupby("model")[["all", "training"]].mean().round(3).to_string())
    print(table.groupby(["model", "speaker"])[["all", "training"]].mean().round(3).to_string())
    by_seed = table.groupby(["model", "seed"])[["all", "training"]].mean()
    print("difference all - training by seed:", (by_seed["all"] - by_seed["training"]).round(3).to_dict(), flush=True)


def evaluate_digits(seeds: int) -> None:
    paths = find_digits()
    digit, speaker, _ = name_parts(paths)
    labels = pd.DataFrame({"data_id": [path.stem for path in paths], "status": digit, "subject_id": speaker})
    labels["status"] = "digit " + labels["status"]
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        embed_sounds(paths[0].parent, folder / "embedded/audio", reporter=CollectingReporter())
        (folder / "plain/audio").mkdir(parents=True)
        for path in paths:
            row = ",".join(f"{value:.6f}" for value in mean_sd(scan_sound(path)))
            (folder / f"plain/audio/{path.stem}.csv").write_text(row + "\n")
        for seed in range(seeds):
            settings = Settings().override({**QUICK, "learning.seed": seed, "learning.importance": False})
            results = {}
            for name in ("embedded", "plain"):
                labels.to_csv(folder / name / "labels.csv", index=False)
                data = load_dataset(folder / name)
                results[name] = evaluate(
                    data, settings=settings, folds=6, repeats=1, stress=False, reporter=CollectingReporter()
                )
                print(f"seed {seed}, {name}: {describe(results[name])}", flush=True)
            (pair,) = compare(results["plain"], results["embedded"])["pairs"]
            for key in ("macro_f1", "auc"):
                part = pair["differences"][key]
                interval = f"{part['low']:+.3f} to {part['high']:+.3f}"
                print(f"seed {seed}, embedded - plain, {key}: {part['difference']:+.3f} ({interval})", flush=True)


def describe(result: dict[str, object]) -> str:
    scores = result["scores"]
    return ", ".join(
        f"{key} {scores[key]['mean']:.3f} ({scores[key]['low']:.3f} to {scores[key]['high']:.3f})"
        for key in ("macro_f1", "balanced_accuracy", "auc")
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("speed", "memory", "choices", "codebook", "digits")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    functions: dict[str, Callable[[], None]] = {
        "speed": measure_speed,
        "memory": measure_memory,
        "choices": choose,
        "codebook": lambda: compare_codebooks(arguments.seeds),
        "digits": lambda: evaluate_digits(arguments.seeds),
    }
    for name in arguments.parts:
        print(f"\n{name}", flush=True)
        functions[name]()


if __name__ == "__main__":
    main()
