"""Suppression of personal habits (`fit --suppress-identity`): F1 of new subjects, and how well they are recognised.

    python benchmarks/habits.py --seeds 20
    python benchmarks/habits.py --seeds 10 --parts curve --plot curve.png
    PDMR_REAL_DATA=../shared/data python benchmarks/habits.py --parts real synthetic

Planted tables are those of `pdmr_classic.synthetic.habits`; subjects to test are new. F1 is that of subjects (their
mean probability against the model's threshold). Recognition is the AUC of telling pairs of recordings of one subject
from pairs of two subjects with the same label, from the inputs of a base learner, among test subjects: the best of the
cosine of standardised inputs and of two cosines after a transform learned on the training subjects (whitened by the
scatter within subjects; the same, reduced to 20 discriminant axes). Chance is .5; the best of three is slightly above.
`--first 1000` draws other tables: those on which the method was designed.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd
from scipy.stats import t as student
from sklearn.metrics import f1_score, roc_auc_score

from pdmr_classic import DepressionModel, FeatureExtractor, GroupedFolds, Settings, load_dataset, make_synthetic
from pdmr_classic.models.learners.learners import fit_member, log_odds
from pdmr_classic.models.learners.member import Member
from pdmr_classic.models.learners.search_spaces import default_params
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.synthetic.habits import make_habits

Array = np.ndarray
SUBJECTS, NEW_SUBJECTS = (30, 60, 100, 200, 400), 100
RANKS = (1, 2, 3, 5, 10, 20)
LEARNERS = list(Settings().learning.learners)  # replaced by --learners
NO_AUDIO = np.zeros(0, dtype=np.intp)
PLANTED: dict[str, dict[str, Any]] = {
    "habits overlap the answer": {},
    "habits orthogonal to it": {"overlap": 0.0},
    "weak habits": {"strength": 1.0},
    "no habits": {"rank": 0},
}


def verification_auc(train: Array, train_groups: Array, test: Array, test_groups: Array, labels: Array) -> float:
    """Return how well pairs of recordings of one subject are told from others with the same label; see above."""
    mean, spread = train.mean(axis=0), train.std(axis=0) + 1e-9
    train, test = (train - mean) / spread, (test - mean) / spread
    codes = np.unique(train_groups, return_inverse=True)[1]
    means = np.zeros((codes.max() + 1, train.shape[1]))
    np.add.at(means, codes, train)
    means /= np.bincount(codes)[:, None]
    within = np.cov((train - means[codes]).T)
    values, axes = np.linalg.eigh(within + 0.1 * np.trace(within) / len(within) * np.eye(len(within)))
    whiten = axes / np.sqrt(values)
    leading = np.linalg.svd((means - means.mean(axis=0)) @ whiten, full_matrices=False)[2][:20]
    first, second = np.triu_indices(len(test), 1)
    is_pair = labels[first] == labels[second]
    first, second = first[is_pair], second[is_pair]
    is_same = test_groups[first] == test_groups[second]
    aucs = []
    for vectors in (test, test @ whiten, test @ whiten @ leading.T):
        unit = vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-12)
        aucs.append(roc_auc_score(is_same, (unit @ unit.T)[first, second]))
    return max(aucs)


def subject_f1(status: pd.Series, probability: Array, groups: Array, threshold: float) -> float:
    frame = pd.DataFrame({"y": status.to_numpy() == "Depression", "p": probability, "g": groups})
    subjects = frame.groupby("g").mean()
    return float(f1_score(subjects["y"] > 0.5, subjects["p"] >= threshold))


def fit_model(
    features: pd.DataFrame, status: pd.Series, groups: pd.Series, trials: int, suppress: bool
) -> DepressionModel:
    changes = {"trials": trials, "repeats": 1, "importance": False, "suppress_identity": suppress, "learners": LEARNERS}
    settings = Settings().override({f"learning.{name}": value for name, value in changes.items()})
    if "Reaction" in set(status):
        settings = settings.override({"data.positive": "Reaction"})
    return DepressionModel(settings).fit(features, status, groups, reporter=CollectingReporter())


def recognition(model: DepressionModel, train: tuple[Any, ...], test: tuple[Any, ...]) -> float:
    """Return the largest recognition over the inputs of the base learners of a model with one view."""
    (X, _, train_groups), (Z, status, groups) = train, test
    labels = status.to_numpy(dtype=str)
    (view,) = model.stacker_.views_.values()
    tables = [table.reindex(columns=model.feature_names_).to_numpy()[:, view.columns] for table in (X, Z)]
    seen: dict[tuple[int, ...], float] = {}
    for fitted in model.stacker_.models_.values():
        inputs, held_out = (np.nan_to_num(fitted[:-1].transform(table)) for table in tables)
        key = (held_out.shape[1], round(float(np.abs(held_out).sum()), 6))
        if key not in seen:
            seen[key] = verification_auc(inputs, train_groups.to_numpy(), held_out, groups.to_numpy(), labels)
    return max(seen.values())


def split_planted(seed: int, subjects: int, **planted: Any) -> list[tuple[pd.DataFrame, pd.Series, pd.Series]]:
    """Return features, status and subjects of the training recordings, and of those of new subjects."""
    table = make_habits(subjects + NEW_SUBJECTS, seed=seed, **planted)
    number = np.unique(table.groups, return_inverse=True)[1]
    return [
        (table.features[rows], table.status[rows], table.groups[rows])
        for rows in (number < subjects, number >= subjects)
    ]


def interval(values: Iterable[float]) -> str:
    """Return mean and 95% interval over seeds (Student)."""
    x = np.asarray(list(values))
    half = student.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x)) if len(x) > 1 else np.nan
    return f"{x.mean():+.3f} ({x.mean() - half:+.3f} to {x.mean() + half:+.3f})"


def print_header(first: str) -> None:
    print(f"\n| {first} | F1 without | F1 with | difference | recognition without | with | directions |")
    print("|---|---|---|---|---|---|---|", flush=True)


def print_row(name: str, results: list[tuple[float, ...]]) -> None:
    without, suppressed, id_without, id_with, directions = np.array(results).T
    print(
        f"| {name} | {without.mean():.3f} | {suppressed.mean():.3f} | {interval(suppressed - without)} "
        f"| {id_without.mean():.3f} | {id_with.mean():.3f} (largest {id_with.max():.3f}) "
        f"| {directions.mean():.1f} ({directions.min():.0f} to {directions.max():.0f}) |",
        flush=True,
    )


def compare_models(train: tuple[Any, ...], test: tuple[Any, ...], trials: int) -> tuple[float, ...]:
    """Return F1 without and with suppression, recognition without and with, and the mean number of directions."""
    f1, known, directions = [], [], 0.0
    for suppress in (False, True):
        model = fit_model(*train, trials, suppress)
        probability = model.predict_features(test[0], reporter=CollectingReporter())["probability"].to_numpy()
        f1.append(subject_f1(test[1], probability, test[2].to_numpy(), model.metadata_["threshold"]))
        known.append(recognition(model, train, test) if len(model.stacker_.views_) == 1 else np.nan)
        removed = [member["directions"] for member in model.metadata_.get("suppression", {}).values()]
        directions = float(np.mean(removed)) if removed else 0.0
    return (*f1, *known, directions)


def run_planted(seeds: list[int], trials: int, plot: Path | None) -> None:
    print_header(f"the whole stack, 200 subjects x 4, rank 5, {len(seeds)} tables, {trials} trials")
    for name, planted in PLANTED.items():
        print_row(name, [compare_models(*split_planted(seed, 200, **planted), trials) for seed in seeds])


def compare_linear(train: tuple[Any, ...], test: tuple[Any, ...]) -> tuple[float, ...]:
    """Return the same as `compare_models`, of a single logistic regression with default hyperparameters."""
    (X, status, groups), (Z, test_status, test_groups) = train, test
    y, subjects = (status == "Depression").to_numpy().astype(int), groups.to_numpy()
    f1, known, directions = [], [], 0
    for suppress in (False, True):
        member = Member("video", "linear", default_params("linear", False, suppresses=suppress))
        model = fit_member(member, X.to_numpy(), y, NO_AUDIO, 0, None, subjects)
        probability = model.predict_proba(Z.to_numpy())[:, 1]
        f1.append(
            subject_f1(
                test_status,
                log_odds(np.column_stack([1 - probability, probability]))[:, 0],
                test_groups.to_numpy(),
                0.0,
            )
        )
        inputs = [model[:-1].transform(table.to_numpy()) for table in (X, Z)]
        known.append(
            verification_auc(inputs[0], subjects, inputs[1], test_groups.to_numpy(), test_status.to_numpy(dtype=str))
        )
        directions = model[-3].axes_.shape[1] if suppress else 0
    return (*f1, *known, directions)


def run_linear(seeds: list[int], trials: int, plot: Path | None) -> None:
    print_header(f"logistic regression, 200 subjects x 4, rank 5, {len(seeds)} tables")
    for name, planted in PLANTED.items():
        print_row(name, [compare_linear(*split_planted(seed, 200, **planted)) for seed in seeds])


def run_curve(seeds: list[int], trials: int, plot: Path | None) -> None:
    print_header(f"logistic regression: training subjects x 4, rank; {len(seeds)} tables")
    cells = {}
    for subjects in SUBJECTS:
        for rank in RANKS:
            results = [compare_linear(*split_planted(seed, subjects, rank=rank)) for seed in seeds]
            cells[subjects, rank] = np.array(results).mean(axis=0)
            print_row(f"{subjects}, rank {rank}", results)
    if plot is not None:
        draw(cells, plot)


def draw(cells: dict[tuple[int, int], Array], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for rank in RANKS:
        values = np.array([cells[subjects, rank] for subjects in SUBJECTS])
        (line,) = left.plot(SUBJECTS, values[:, 3], marker="o", label=f"rank {rank}")
        left.plot(SUBJECTS, values[:, 2], linestyle=":", color=line.get_color())
        right.plot(SUBJECTS, values[:, 1] - values[:, 0], marker="o", color=line.get_color())
    left.axhline(0.55, color="grey", linewidth=0.8)
    right.axhline(0.0, color="grey", linewidth=0.8)
    left.set(ylabel="recognition, AUC", title="Who is it? Dotted: without suppression")
    right.set(ylabel="change of subject-wise F1", title="Depression")
    for axis in (left, right):
        axis.set(xscale="log", xlabel="training subjects")
        axis.set_xticks(SUBJECTS, map(str, SUBJECTS))
        axis.minorticks_off()
        axis.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right center", frameon=False)
    figure.savefig(path, dpi=80)


def run_synthetic(seeds: list[int], trials: int, plot: Path | None) -> None:
    print_header(f"make_synthetic, 60 subjects x 3, {len(seeds)} sets")
    results = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            root = make_synthetic(f"{folder}/set", subjects=60, segments=3, seed=seed, seconds=(10, 14)).out
            parts = []
            for split in ("train", "test"):
                data = load_dataset(root, split=split).select_labelled()
                features = FeatureExtractor(reporter=CollectingReporter()).transform(data)
                parts.append((features, data.status, data.groups))
        results.append(compare_models(parts[0], parts[1], trials))
    print_row("video, audio and both", results)


def read_real(name: str, splits: Iterable[str]) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    parts = []
    for split in splits:
        data = load_dataset(Path(os.environ["PDMR_REAL_DATA"]) / name / split).select_labelled()
        features = FeatureExtractor(reporter=CollectingReporter()).transform(data)
        parts.append((features, data.status, data.groups))
    tables = pd.concat([part[0] for part in parts])
    return tables, *(pd.concat([part[k] for part in parts]) for k in (1, 2))


def run_real(seeds: list[int], trials: int, plot: Path | None) -> None:
    print_header("real sets, five grouped folds; F1 of recordings, macro; per repeat")
    for name, splits in (("badrobots-gaze", ("train", "test")), ("watch-exercise", ("train",))):
        X, status, groups = read_real(name, splits)
        results = []
        for seed in seeds[:3]:
            outcome: list[list[float]] = []
            predicted = {suppress: status.astype(object).copy() for suppress in (False, True)}
            for train, test in GroupedFolds(5, random_state=seed).split(X, status, groups):
                known, directions = [], 0.0
                for suppress in (False, True):
                    model = fit_model(X.iloc[train], status.iloc[train], groups.iloc[train], trials, suppress)
                    frame = model.predict_features(X.iloc[test], reporter=CollectingReporter())
                    predicted[suppress].iloc[test] = frame["status"].to_numpy()
                    rows = [(X.iloc[part], status.iloc[part], groups.iloc[part]) for part in (train, test)]
                    known.append(recognition(model, *rows))
                    removed = [member["directions"] for member in model.metadata_.get("suppression", {}).values()]
                    directions = float(np.mean(removed)) if removed else 0.0
                outcome.append([*known, directions])
            f1 = [f1_score(status, predicted[suppress], average="macro") for suppress in (False, True)]
            results.append((*f1, *np.mean(outcome, axis=0)))
        print_row(name, results)


PARTS: dict[str, Callable[[list[int], int, Path | None], None]] = {
    "linear": run_linear,
    "planted": run_planted,
    "curve": run_curve,
    "synthetic": run_synthetic,
    "real": run_real,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--trials", type=int, default=1, help="of each study; 1: default hyperparameters")
    parser.add_argument("--plot", type=Path, help="file for the figure of the curve")
    parser.add_argument("--learners", nargs="+", default=list(LEARNERS), help="of the stack")
    arguments = parser.parse_args()
    LEARNERS[:] = arguments.learners
    for part in arguments.parts:
        PARTS[part](list(range(arguments.first, arguments.first + arguments.seeds)), arguments.trials, arguments.plot)


if __name__ == "__main__":
    main()
