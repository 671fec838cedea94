"""Known and new people: leave-session-out against leave-subject-out, and what the change from baseline adds.

    PDMR_REAL_DATA=../shared/data python benchmarks/sessions.py real
    python benchmarks/sessions.py synthetic --seeds 20

`real`: the same features and learners, once with each session held out (the same people's other sessions are trained
on), once with each subject held out, and once with both held out, which trains on fewer recordings. Sessions are the
number of the recording within subject and class. Differences of the accuracy are paired over subjects, with a 95% t
interval. fsdd-wav is described by the mean and SD of 40 log-Mel bands.

`synthetic`: feature tables of 40 training and 200 new subjects, with an offset of each subject, two baseline recordings
and four later ones. "state": the label changes from recording to recording. "trend": the label is the subject's, and
its effect grows with the session. "no offsets": as state, without offsets between subjects, so that the change from
baseline only adds noise. AUC is that of the later recordings of new subjects.
"""

from __future__ import annotations

import argparse
import os
import time
import wave
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import roc_auc_score

from pdmr_classic import DepressionModel, Settings, load_dataset
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.evaluation.predictions import make_pseudonyms, read_predictions
from pdmr_classic.features._baseline_change import compute_change
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.progress import CollectingReporter

QUICK = Settings().override(
    {
        "learning.learners": ("linear", "svm"),
        "learning.trials": 2,
        "learning.repeats": 1,
        "learning.folds": 3,
        "learning.importance": False,
        "evaluation.stress": False,
    }
)
N_BANDS, FRAME, STEP = 40, 256, 80
N_TRAIN, N_NEW, N_BASELINE, N_LATER, N_FEATURES, N_MARKERS = 40, 200, 2, 4, 30, 3
SCENARIOS = {"state": (3.0, False), "trend": (3.0, True), "no offsets": (0.0, False)}


def describe_wav(path: Path) -> dict[str, float]:
    """Return mean and SD over time of the log energies in Mel bands."""
    with wave.open(str(path)) as file:
        rate, signal = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16) / 32768
    signal = np.pad(signal, (0, max(FRAME - len(signal), 0)))
    frames = np.lib.stride_tricks.sliding_window_view(signal, FRAME)[::STEP] * np.hanning(FRAME)
    power = np.abs(np.fft.rfft(frames)) ** 2
    log_energy = np.log(power @ make_mel_filters(rate).T + 1e-8)
    return {
        **{f"audio__mel__mean_{band:02d}": value for band, value in enumerate(log_energy.mean(axis=0))},
        **{f"audio__mel__sd_{band:02d}": value for band, value in enumerate(log_energy.std(axis=0))},
    }


def make_mel_filters(rate: int) -> np.ndarray:
    """Return triangular filters, equally spaced on the Mel scale, shape [bands, frequencies]."""
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + rate / 1400), N_BANDS + 2) / 2595) - 1)
    frequencies = np.fft.rfftfreq(FRAME, 1 / rate)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.clip(np.minimum((frequencies - low) / (centre - low), (high - frequencies) / (high - centre)), 0, None)


def number_sessions(status: pd.Series, groups: pd.Series) -> pd.Series:
    """Return the number of each recording within its subject and class, as text."""
    return (status.groupby([status, groups]).cumcount() + 1).astype(str).rename("session")


def load_watch(folder: Path) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    data = load_dataset(folder / "watch-exercise" / "train")
    assert data.labels is not None
    assert data.groups is not None
    settings = Settings().override({"features.families": ("distribution",)})
    return FeatureExtractor(settings).transform(data), data.labels["status"], data.groups


def load_digits(folder: Path) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    paths = sorted((folder / "fsdd-wav").glob("*.wav"))
    index = pd.Index([path.stem for path in paths], name="data_id")
    parts = index.str.split("_")
    return (
        pd.DataFrame([describe_wav(path) for path in paths], index=index),
        pd.Series(parts.str[0], index=index, dtype=object),
        pd.Series(parts.str[1], index=index, dtype=object),
    )


def score_subjects(evaluation: dict[str, object], status: pd.Series, groups: pd.Series) -> pd.Series:
    """Return the accuracy of each subject."""
    predictions = read_predictions(evaluation)
    names = {pseudonym: data_id for data_id, pseudonym in make_pseudonyms(status, groups).items()}
    subjects = [groups[names[pseudonym]] for pseudonym in predictions.recording]
    return pd.Series(predictions.truth == predictions.predicted).groupby(subjects).mean()


def compare_designs(name: str, features: pd.DataFrame, status: pd.Series, groups: pd.Series) -> None:
    labels = pd.DataFrame({"session": number_sessions(status, groups)})
    accuracies = {}
    for leave in ("session", "subject_id"):
        started = time.perf_counter()
        evaluation = evaluate_features(
            features, status, groups, labels=labels, settings=QUICK, leave=leave, reporter=CollectingReporter()
        )
        accuracies[leave] = score_subjects(evaluation, status, groups)
        score, sizes = evaluation["scores"]["macro_f1"], evaluation["outer_folds"]["sizes"]
        print(
            f"{name}, --leave {leave} ({evaluation['held_out']}; {len(sizes)} folds, "
            f"trained on {sizes[0]['n_train']}): "
            f"macro F1 {score['mean']:.3f} ({score['low']:.3f} to {score['high']:.3f}), "
            f"accuracy {accuracies[leave].mean():.3f}; {time.perf_counter() - started:.0f} s",
            flush=True,
        )
    difference = accuracies["session"] - accuracies["subject_id"]
    print(f"{name}, accuracy of known minus new people: {format_interval(difference.to_numpy())}")
    print(f"  by subject: {', '.join(f'{value:+.2f}' for value in difference)}")
    matched = score_matched(features, status, groups, labels["session"])
    print(
        f"{name}, new people, also without the session: accuracy {matched.mean():.3f}; known minus new people: ", end=""
    )
    print(format_interval(accuracies["session"].to_numpy() - matched.to_numpy()), flush=True)


def score_matched(features: pd.DataFrame, status: pd.Series, groups: pd.Series, session: pd.Series) -> pd.Series:
    """Return the accuracy of each subject by models that saw neither the subject nor the session."""
    predicted = pd.Series("", index=status.index, dtype=object)
    for subject, number in sorted(set(zip(groups, session, strict=True))):
        test, train = (groups == subject) & (session == number), (groups != subject) & (session != number)
        model = DepressionModel(QUICK).fit(features[train], status[train], groups[train], reporter=CollectingReporter())
        predicted[test] = model.predict_features(features[test], reporter=CollectingReporter())["status"]
    return (predicted == status).groupby(groups).mean()


def format_interval(values: np.ndarray) -> str:
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return (
        f"{values.mean():+.3f} (95% CI {values.mean() - half:+.3f} to {values.mean() + half:+.3f}, n = {len(values)})"
    )


def make_table(scenario: str, seed: int) -> tuple[pd.DataFrame, pd.Series, pd.Series, np.ndarray]:
    """Return features, labels and subjects, and which recordings are baselines."""
    offset_sd, is_trend = SCENARIOS[scenario]
    rng = np.random.default_rng([seed, list(SCENARIOS).index(scenario)])
    n_subjects, n_each = N_TRAIN + N_NEW, N_BASELINE + N_LATER
    subject = np.repeat(np.arange(n_subjects), n_each)
    session = np.tile(np.r_[[0] * N_BASELINE, 1 : N_LATER + 1], n_subjects)
    trait = rng.permutation(n_subjects) % 2
    state = trait[subject] if is_trend else rng.integers(0, 2, len(subject))
    effect = state * session / 2 if is_trend else state
    values = (
        rng.normal(size=(len(subject), N_FEATURES)) + offset_sd * rng.normal(size=(n_subjects, N_FEATURES))[subject]
    )
    values[:, :N_MARKERS] += effect[:, None]
    index = pd.Index([f"r{row:05d}" for row in range(len(subject))], name="data_id")
    return (
        pd.DataFrame(values, index=index, columns=[f"video__ch{k:02d}__mean" for k in range(N_FEATURES)]),
        pd.Series(np.where(state == 1, "Depression", "Normal"), index=index, dtype=object),
        pd.Series([f"S{number:03d}" for number in subject], index=index, dtype=object),
        session == 0,
    )


def score_new_subjects(features: pd.DataFrame, status: pd.Series, groups: pd.Series, is_later: np.ndarray) -> float:
    is_new = (groups >= f"S{N_TRAIN:03d}").to_numpy()
    model = DepressionModel(QUICK).fit(
        features[~is_new], status[~is_new], groups[~is_new], reporter=CollectingReporter()
    )
    rows = is_new & is_later
    p = model.predict_features(features[rows], reporter=CollectingReporter())["probability"]
    return float(roc_auc_score(status[rows] == "Depression", p))


def compare_change(scenario: str, seeds: range) -> None:
    aucs = []
    for seed in seeds:
        features, status, groups, is_baseline = make_table(scenario, seed)
        change = compute_change(features, groups, is_baseline, ~is_baseline)
        aucs.append(
            [score_new_subjects(table, status, groups, ~is_baseline) for table in (features, features.join(change))]
        )
    level, both = np.array(aucs).T
    print(
        f"{scenario}: AUC {level.mean():.3f} of the level, {both.mean():.3f} with the change from baseline; "
        f"difference {format_interval(both - level)}, {np.sum(both > level)} of {len(level)} seeds higher",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("real", "synthetic"))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    options = parser.parse_args()
    if options.part == "synthetic":
        for scenario in SCENARIOS:
            compare_change(scenario, range(options.first, options.first + options.seeds))
        return
    folder = Path(os.environ["PDMR_REAL_DATA"])
    compare_designs("watch-exercise", *load_watch(folder))
    compare_designs("fsdd-wav", *load_digits(folder))


if __name__ == "__main__":
    main()
