"""Choice and weight of columns, compared on held-out people of design tasks.

    python benchmarks/columns.py --tasks TASKS WIDE --cache FOLDER --parts boosted --seeds 5 6 7
    python benchmarks/columns.py --tasks TASKS WIDE --cache FOLDER --parts scaled --seeds 5 6

TASKS and WIDE are the folders that tasks.py and wide.py wrote; only design tasks are read. Learners have their default
hyperparameters. AUC (several classes: one vs rest, averaged), and log loss after calibration on inner folds.

- *Boosting* on the 300 columns with the largest F ratio, Welch's F (variances are at least a hundredth of the total), F
  ratio of ranks (the order of |AUC - .5|, or of Kruskal-Wallis H), or F ratio of normal scores.
- *SVM and linear model* on columns chosen by the same scores, and with ways to treat near-duplicates. All have the same
  total squared distance. In the joint view, each block is treated separately, and its share is in proportion to the
  square root of the sum of its weights (components: of its columns); for all columns, also to the sum, equal, or by
  kernel alignment.

One file per task and seed is cached; the differences in the tables are to the F ratio, and to all columns.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd
from column_choices import CHOICES, PROJECTIONS, SCORES, VIDEO_ONLY, Array, Block, Part, align, keep_all
from joining import Calibration, Method
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.svm import SVC
from tasks import read_tasks

from pdmr_classic import GroupedFolds
from pdmr_classic.models.learners.learners import LEARNERS, log_odds
from pdmr_classic.models.learners.preprocessing import DropUninformative
from pdmr_classic.models.learners.search_spaces import default_params

KEYS = ("view", "learner", "choice", "share")
Scores = dict[tuple[str, ...], Array]
N_BOOSTED, MIN_COLUMNS = 300, 320
MIN_VIDEO, WIDE = 30, 150
REAL = ("badrobots", "youtubepd", "watch", "fsdd")


def svm(products: Array, mixed: Array, lengths: Array, y: Array) -> Array:
    """Fit an RBF SVM to scalar products of the training rows; return scores of other rows."""
    own = np.diag(products)
    kernel = np.exp(2 * products - own[:, None] - own)
    model = SVC(C=2.0, kernel="precomputed", class_weight="balanced").fit(kernel, y)
    return model.decision_function(np.exp(2 * mixed - lengths[:, None] - own))


def linear(products: Array, mixed: Array, lengths: Array, y: Array) -> Array:
    """Fit a ridge logistic regression to the principal components of the training rows."""
    variances, axes = np.linalg.eigh(products)
    axes, variances = (part[..., variances > 1e-7 * variances[-1]] for part in (axes, variances))
    model = LogisticRegression(C=3.0, max_iter=300, tol=1e-3).fit(axes * np.sqrt(variances), y)
    return model.decision_function(mixed @ axes / np.sqrt(variances))


def fit_weighted(parts: list[Part], shares: Array, y: Array) -> dict[str, Array]:
    weights = [share / total for share, (_, _, total) in zip(shares, parts, strict=True)]
    pairs = list(zip(weights, parts, strict=True))
    products = sum(weight * (A @ A.T) for weight, (A, _, _) in pairs)
    mixed = sum(weight * (B @ A.T) for weight, (A, B, _) in pairs)
    lengths = sum(weight * (B**2).sum(axis=1) for weight, (_, B, _) in pairs)
    return {fit.__name__: fit(products, mixed, lengths, y).reshape(len(mixed), -1) for fit in (svm, linear)}


def scaled_scores(X: Array, Z: Array, y: Array, names: Array, is_audio: Array) -> Scores:
    """Return the scores of other rows, by SVM and linear model."""
    blocks = {
        view: Block(X[:, chosen], Z[:, chosen], names[chosen], y)
        for view, chosen in (("video", ~is_audio), ("audio", is_audio))
        if chosen.any()
    }
    scores: Scores = {}

    def add(view: str, choice: str, share: str, parts: list[Part], shares: Array) -> None:
        for learner, values in fit_weighted(parts, shares, y).items():
            scores[view, learner, choice, share] = values

    for choice, treat in CHOICES.items():
        parts = {v: keep_all(b) if v == "audio" and choice in VIDEO_ONLY else treat(b) for v, b in blocks.items()}
        for view, part in parts.items():
            if view == "video" or choice not in VIDEO_ONLY:
                add(view, choice, "", [part], np.ones(1))
        if len(parts) < 2:
            continue
        both = list(parts.values())
        # Components have variances instead of weights.
        counted = [keep_all(block) for block in blocks.values()] if choice in PROJECTIONS else both
        sums = np.array([total for _, _, total in counted])
        add("both", choice, "sqrt", both, np.sqrt(sums) / np.sqrt(sums).sum())
        if choice == "all":
            add("both", choice, "columns", both, sums / sums.sum())
            add("both", choice, "equal", both, np.full(2, 0.5))
            add("both", choice, "alignment", both, align(both, y))
    return scores


def boosted_scores(X: Array, Z: Array, y: Array, names: Array, is_audio: Array) -> Scores:
    """Return the scores of other rows by boosting, on views in which there is a choice."""
    scores: Scores = {}
    views = {"video": ~is_audio, "audio": is_audio, "both": np.full(len(names), 0 < is_audio.sum() < len(names))}
    for view, chosen in views.items():
        if chosen.sum() <= MIN_COLUMNS:
            continue
        informative = np.flatnonzero(chosen)[DropUninformative().fit(X[:, chosen]).get_support()]
        for score, rank in SCORES.items():
            columns = informative[np.sort(np.argsort(-rank(X[:, informative], y), kind="stable")[:N_BOOSTED])]
            for learner in ("lightgbm", "xgboost"):
                model = LEARNERS[learner].build(default_params(learner, has_audio=False), 0).fit(X[:, columns], y)
                scores[view, learner, score, ""] = log_odds(model.predict_proba(Z[:, columns]))
    return scores


# How scores are computed, number of inner folds, and the choice that others are compared with.
PARTS: dict[str, tuple[Callable[..., Scores], int, str]] = {
    "boosted": (boosted_scores, 3, "F"),
    "scaled": (scaled_scores, 5, "all"),
}


def evaluate(frame: pd.DataFrame, seed: int, run: Callable[..., Scores], n_inner: int) -> pd.DataFrame:
    """Return AUC and log loss of each method in each outer fold."""
    features = frame.drop(columns=["status", "subject"])
    X, names = features.to_numpy(dtype=float), np.array(features.columns, dtype=str)
    y, groups = np.unique(frame["status"], return_inverse=True)[1], frame["subject"].to_numpy(dtype=str)
    blocks = names, np.char.startswith(names, "audio")
    rows = []
    for fold, (train, test) in enumerate(GroupedFolds(5, random_state=seed).split(y, y, groups)):
        held_out = run(X[train], X[test], y[train], *blocks)
        oof = {key: np.zeros((len(train), values.shape[1])) for key, values in held_out.items()}
        splitter = GroupedFolds(min(n_inner, len(np.unique(groups[train]))), random_state=0)
        for a, b in splitter.split(y[train], y[train], groups[train]):
            for key, values in run(X[train][a], X[train][b], y[train][a], *blocks).items():
                oof[key][b] = values
        for key, values in held_out.items():
            model = Calibration(Method()).fit(oof[key], y[train], groups[train])
            p = np.exp(model.log_probability(values))
            is_class = np.eye(p.shape[1], dtype=bool)[y[test]]
            mixed = [k for k in range(p.shape[1]) if 0 < is_class[:, k].sum() < len(p)]
            ranked = np.hstack([-values, values]) if p.shape[1] == 2 else p  # calibration can flatten scores
            auc = np.mean([roc_auc_score(is_class[:, k], ranked[:, k]) for k in mixed]) if mixed else np.nan
            loss = log_loss(y[test], p, labels=range(p.shape[1]))
            rows.append(dict(zip(KEYS, key, strict=True)) | {"fold": fold, "AUC": auc, "loss": loss})
    return pd.DataFrame(rows, columns=[*KEYS, "fold", "AUC", "loss"])


def summarise(rows: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Return mean differences to the reference over tasks, and the lower tail."""
    means = rows.groupby([*KEYS, "task"])[["AUC", "loss"]].mean()
    table = {}
    for key, part in means.groupby(level=list(KEYS)):
        view, learner, _, share = key
        base = means.loc[(view, learner, reference, share and "sqrt")].reindex(part.index.get_level_values("task"))
        difference = (part.droplevel(list(KEYS)) - base).dropna()
        table[key] = {
            "tasks": len(difference),
            "AUC": part["AUC"].mean(),
            "dAUC": difference["AUC"].mean(),
            "se": difference["AUC"].sem(),
            "worst": difference["AUC"].min(),
            "2nd": difference["AUC"].nsmallest(2).iloc[-1],
            "best": difference["AUC"].max(),
            "dloss": difference["loss"].mean(),
            "se loss": difference["loss"].sem(),
            "worst loss": difference["loss"].max(),
        }
    return pd.DataFrame(table).T.rename_axis(KEYS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=Path, nargs="+", required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[5, 6, 7])
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    tasks = read_tasks(arguments.tasks[0], "design")
    tasks |= {path.stem: pd.read_parquet(path) for folder in arguments.tasks[1:] for path in folder.glob("*.parquet")}
    warnings.simplefilter("ignore")
    for part in arguments.parts:
        run, n_inner, reference = PARTS[part]
        rows = []
        for name, frame in tasks.items():
            n_video = sum(column.startswith("video__") for column in frame)
            if 0 < n_video < MIN_VIDEO:
                continue
            for seed in arguments.seeds:
                path = arguments.cache / f"{part}-{name}-{seed}.parquet"
                if not path.exists():
                    evaluate(frame, seed, run, n_inner).to_parquet(path)
                rows.append(pd.read_parquet(path).assign(task=name, seed=seed, n_video=n_video))
        table = pd.concat([fold for fold in rows if len(fold)])
        # Three wide tasks have the video columns of badrobots-gaze.
        table = table[(table["view"] != "video") | ~table["task"].str.startswith("w-badrobots")]
        if part == "boosted":
            table = pd.concat([table, table.assign(view="mean")])
        is_real = table["task"].str.removeprefix("w-").str.startswith(REAL)
        for label, chosen in (("all", table["n_video"] >= 0), ("wide", table["n_video"] >= WIDE), ("real", is_real)):
            print(f"\n{part}, {label} tasks")
            print(summarise(table[chosen], reference).round(4).to_string())


if __name__ == "__main__":
    main()
