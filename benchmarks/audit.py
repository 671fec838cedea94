"""Identity audits of real and synthetic sets, and the coverage of their intervals in simulated studies.

PDMR_REAL_DATA=../shared/data python benchmarks/audit.py sets
python benchmarks/audit.py studies [--seeds 20]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.io import wavfile
from scipy.signal import stft

from pdmr_classic import Settings, load_dataset, make_synthetic
from pdmr_classic.evaluation.identity.audit import audit
from pdmr_classic.evaluation.identity.audit_features import audit_features

RATE, BANDS = 8000, 48


def mel_filters(n_bins: int) -> np.ndarray:
    """Return triangular filters that are equally wide in mel, shape [BANDS, n_bins]."""
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, BANDS + 2) / 2595) - 1)
    bins = np.linspace(0, RATE / 2, n_bins)
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(np.minimum(rise, fall), 0.0)


def log_mel_vector(path: Path) -> np.ndarray:
    """Return mean and standard deviation over time of each log-Mel band, shape [2 x BANDS]."""
    _, samples = wavfile.read(path)
    _, _, spectrum = stft(samples / 32768, RATE, nperseg=256, noverlap=176, nfft=512)
    bands = np.log(mel_filters(spectrum.shape[0]) @ np.abs(spectrum) ** 2 + 1e-10)
    return np.concatenate([bands.mean(axis=1), bands.std(axis=1)])


def spoken_digits(folder: Path) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Return the vectors, speakers and digits of fsdd-wav."""
    labels = pd.read_csv(folder / "labels.csv", dtype=str).set_index("data_id")
    vectors = np.stack([log_mel_vector(folder / f"{name}.wav") for name in labels.index])
    names = [f"audio__vector__{k:03d}" for k in range(vectors.shape[1])]
    return pd.DataFrame(vectors, labels.index, names), labels["subject_id"], labels["status"]


def audit_sets(root: Path) -> Iterator[tuple[str, dict[str, Any], float]]:
    """Yield the audit of each set with its duration."""
    for name, positive in (("badrobots-gaze", "Reaction"), ("watch-exercise", None)):
        start = time.perf_counter()
        settings = Settings().override({"data.positive": positive})
        yield name, audit(load_dataset(root / name, split="train"), settings=settings), time.perf_counter() - start
    features, speakers, digits = spoken_digits(root / "fsdd-wav")
    start = time.perf_counter()
    yield "fsdd-wav", audit_features(features, speakers, digits), time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        made = make_synthetic(f"{folder}/set", subjects=60, segments=4, seed=2)
        data = load_dataset(made.out, split="train")
        for label, changes in (
            ("synthetic", {}),
            ("synthetic, --suppress-identity", {"learning.suppress_identity": True}),
        ):
            start = time.perf_counter()
            yield label, audit(data, settings=Settings().override(changes)), time.perf_counter() - start


def show(part: dict[str, Any]) -> str:
    """Return an estimate with its interval."""
    if part["value"] is None:
        return "-"
    return f"{part['value']:.2f} ({part['low']:.2f} to {part['high']:.2f})".replace("0.", ".")


def print_sets() -> None:
    """Print one row for each set and representation, and the other attacks."""
    print("| set | identity in | AUC | EER | top-1 | by chance | gender AUC |\n|---|---|---|---|---|---|---|")
    rest = []
    for name, result, seconds in audit_sets(Path(os.environ["PDMR_REAL_DATA"])):
        for part in result["representations"]:
            verification, found = part["verification"], part["identification"]
            gender = show(part["attributes"]["gender"]) if "gender" in part["attributes"] else "-"
            cells = (
                show(verification["auc"]),
                show(verification["eer"]),
                show(found),
                f"{found['chance']:.2f}",
                gender,
            )
            print(f"| {name} | {part['name']} | {' | '.join(cells)} |", flush=True)
        attacks = {key: show(auc) for key, auc in result["membership"].get("attacks", {}).items()}
        stored = result["stored"]
        rows = f"stored rows {stored['n_rows']:.0f} of {stored['n_training']:.0f}, {show(stored['identification'])}"
        rest.append(
            f"- {name}: {result['n_recordings']} recordings, {result['n_subjects']} subjects; attackers learn from "
            f"{result['attackers_learn_from']}; membership {attacks}; {rows}; {seconds:.0f} s"
        )
    print("\n".join(["", *rest]))


def draw_study(identity: float, n_subjects: int, seed: int) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Return recordings with an effect of the label and a habit of the subject, three each, in 30 features."""
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(n_subjects), 3)
    label = subject % 2
    X = rng.normal(size=(len(subject), 30)) + np.outer(label, rng.normal(size=30))
    X += identity * rng.normal(size=(n_subjects, 30))[subject]
    names = [f"video__c{k}__mean" for k in range(30)]
    return pd.DataFrame(X, columns=names), pd.Series(subject.astype(str)), pd.Series(np.array(["a", "b"])[label])


def print_studies(n_seeds: int) -> None:
    """Print mean and coverage of the raw features' AUC and top-1 rate over simulated studies."""
    settings = Settings().override({"data.positive": "a", "learning.learners": ("svm",)})
    print("| habits (SD) | subjects | mean AUC | SD | interval contains | top-1 | interval contains |")
    print("|---|---|---|---|---|---|---|")
    for identity in (0.0, 0.3, 0.6, 1.0):
        for n_subjects in (16, 40):
            # On other seeds than those that the intervals were chosen on.
            studies = [draw_study(identity, n_subjects, 1000 + seed) for seed in range(n_seeds)]
            raw = [audit_features(*study, settings=settings)["representations"][0] for study in studies]
            cells = []
            for parts in ([part["verification"]["auc"] for part in raw], [part["identification"] for part in raw]):
                values = np.array([part["value"] for part in parts])
                aims = [part["chance"] if identity == 0 else values.mean() for part in parts]
                covered = np.mean([part["low"] <= aim <= part["high"] for part, aim in zip(parts, aims, strict=True)])
                cells += [f"{values.mean():.3f}", f"{values.std(ddof=1):.3f}", f"{covered:.0%}"]
            print(f"| {identity:g} | {n_subjects} | {' | '.join([*cells[:4], cells[5]])} |", flush=True)


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("sets", "studies"))
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    if options.part == "sets":
        print_sets()
    else:
        print_studies(options.seeds)


if __name__ == "__main__":
    main()
