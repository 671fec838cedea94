"""Ways to join base learners into one probability, compared on held-out people of the design tasks.

    python benchmarks/joining.py --cache FOLDER

reads the scores that members.py cached. Each rule gets calibrated out-of-fold log-odds of the members and returns
their weights; the weighted mean is calibrated once more. Members: every learner on every view. Scores on held-out
people: AUC (several classes: one vs rest, averaged), log loss, and F1 at the threshold that `fit` would choose (several
classes: macro F1 of the most probable class). Differences are to the plain average of the four default learners.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd
from members import INNER_FOLDS, INNER_REPEATS, PLAIN_SVM
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss, roc_auc_score

from pdmr_classic import GroupedFolds
from pdmr_classic.models.decision.threshold import choose_threshold
from pdmr_classic.models.learners.learners import count_votes
from pdmr_classic.models.learners.member import Member

Array = np.ndarray
N_BOOTSTRAPS = 400
RIDGE = 8.0
DEFAULT = ("lightgbm", "xgboost", "svm", "linear")


# --------------------------------------------------------------------------------------------- calibration


def smooth_targets(y: Array, n_classes: int, weights: Array) -> Array:
    """Return targets [n, K] as if each class had one more recording, and one of another class (Platt 1999)."""
    other = 1 / (np.bincount(y, weights, n_classes)[y][:, None] + 2)
    return np.where(np.eye(n_classes, dtype=bool)[y], 1 - other, other / (n_classes - 1))


def count_evidence(y: Array, groups: Array, unit: str) -> int:
    """Return the number of rows, of subjects, or of pairs of a subject and a class."""
    pairs = set(zip(groups.tolist(), y.tolist(), strict=True))
    return {"rows": len(y), "subjects": len(np.unique(groups)), "pairs": len(pairs)}[unit]


def fit_softmax(scores: Array, targets: Array, weights: Array, start: Array, penalty: Array) -> Array:
    """Return slope and biases [1 + S] that minimise the log loss, shrunk towards `start`; the slope is not negative."""

    def loss(parameters: Array) -> tuple[float, Array]:
        joined = parameters[0] * scores + parameters[1:]
        log_p = log_softmax(np.hstack([np.zeros_like(joined), joined]) if joined.shape[1] == 1 else joined, axis=-1)
        residual = (weights[:, None] * (np.exp(log_p) - targets))[:, -joined.shape[1] :]
        deviation = parameters - start
        value = -(weights @ (log_p * targets).sum(axis=1)) + 0.5 * penalty @ deviation**2
        return value, np.r_[(residual * scores).sum(), residual.sum(axis=0)] + penalty * deviation

    bounds = [(0.0, None)] + [(None, None)] * scores.shape[1]
    return minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x


@dataclass(frozen=True)
class Method:
    """How scores become probabilities.

    Attributes
    ----------
    softmax : bool
        A full softmax regression for several classes, instead of one temperature and shrunken biases.
    evidence : str
        What counts as independent evidence: "rows", "subjects", or "pairs" of a subject and a class.
    smooth : bool
        Smooth the targets.
    final : float
        Ridge penalty that shrinks the last slope towards 1 and the last intercept towards 0.
    """

    softmax: bool = False
    evidence: str = "pairs"
    smooth: bool = False
    final: float = 4.0


class Calibration:
    """Maps scores to log-probabilities."""

    def __init__(self, method: Method, is_final: bool = False) -> None:
        self.method, self.is_final = method, is_final

    def fit(self, scores: Array, y: Array, groups: Array) -> Calibration:
        width = scores.shape[1]
        n_classes = 2 if width == 1 else width
        self.centre, self.spread = scores.mean(axis=0), np.maximum(scores.std(axis=0), 1e-12)
        if width > 1 and self.method.softmax:
            self.model = LogisticRegression(C=100.0, max_iter=1000).fit((scores - self.centre) / self.spread, y)
            return self
        targets = np.eye(n_classes)[y]
        weights = np.full(len(y), count_evidence(y, groups, self.method.evidence) / len(y))
        if self.method.smooth:
            targets = smooth_targets(y, n_classes, weights)
        bias_penalty = 1e-6 if width == 1 else 1.0
        if self.is_final and self.method.final:
            self.centre, self.spread = np.zeros(width), np.ones(width)
            start, penalty = np.r_[1.0, np.zeros(width)], np.full(1 + width, self.method.final)
        else:
            self.centre = self.centre if width == 1 else np.zeros(width)
            self.spread = np.full(width, max(float(scores.std()), 1e-12))
            start, penalty = np.zeros(1 + width), np.r_[0.01, np.full(width, bias_penalty)]
        self.parameters = fit_softmax((scores - self.centre) / self.spread, targets, weights, start, penalty)
        return self

    def log_probability(self, scores: Array) -> Array:
        scaled = (scores - self.centre) / self.spread
        if scores.shape[1] > 1 and self.method.softmax:
            return np.log(np.maximum(self.model.predict_proba(scaled), 1e-12))
        joined = self.parameters[0] * scaled + self.parameters[1:]
        return log_softmax(np.hstack([np.zeros_like(joined), joined]) if joined.shape[1] == 1 else joined, axis=-1)


def to_scores(log_p: Array) -> Array:
    return log_p[:, 1:] - log_p[:, :1] if log_p.shape[1] == 2 else log_p


# --------------------------------------------------------------------------------------------------- rules


@dataclass
class Inner:
    """What a rule may look at: calibrated scores [m, n, S], cross-fitted losses [m, n], classes and subjects."""

    scores: Array
    losses: Array
    y: Array
    groups: Array
    names: list[str]
    folds: list[tuple[Array, Array]]
    method: Method

    @property
    def equal(self) -> Array:
        return np.full(len(self.names), 1 / len(self.names))

    def subject_sums(self) -> tuple[Array, Array]:
        _, group = np.unique(self.groups, return_inverse=True)
        one_hot = np.eye(group.max() + 1)[group]
        return self.losses @ one_hot, one_hot.sum(axis=0)

    def subset(self, rows: Array) -> Inner:
        parts = self.scores[:, rows], self.losses[:, rows], self.y[rows], self.groups[rows]
        return Inner(*parts, self.names, [], self.method)

    def cross_fitted_losses(self, rule: Rule) -> Array:
        """Return the loss of each row if weights and calibration come from the other inner folds, shape [n]."""
        total = np.zeros(len(self.y))
        for train, test in self.folds:
            weights = rule(self.subset(train))
            joined = np.einsum("mns,m->ns", self.scores, weights)
            model = Calibration(self.method, is_final=True).fit(joined[train], self.y[train], self.groups[train])
            log_p = model.log_probability(joined[test])
            total[test] -= log_p[np.arange(len(test)), self.y[test]]
        return total / INNER_REPEATS

    def bootstrap_losses(self, seed: int = 0) -> Array:
        """Return mean losses in Bayesian bootstraps of the subjects, shape [B, m]."""
        sums, counts = self.subject_sums()
        weights = np.random.default_rng(seed).dirichlet(np.ones(len(counts)), N_BOOTSTRAPS)
        return (weights @ sums.T) / (weights @ counts)[:, None]

    def paired_errors(self) -> Array:
        """Return the clustered standard error of each member's loss minus the best, shape [m]."""
        sums, counts = self.subject_sums()
        best = int(np.argmin(self.losses.mean(axis=1)))
        difference = sums - sums[best]
        residual = difference - (difference.sum(axis=1) / counts.sum())[:, None] * counts
        n = len(counts)
        return np.sqrt(n / (n - 1) * (residual**2).sum(axis=1)) / counts.sum()


Rule = Callable[["Inner"], Array]


def average(inner: Inner) -> Array:
    return inner.equal


def single(inner: Inner) -> Array:
    return np.eye(len(inner.names))[np.argmin(inner.losses.mean(axis=1))]


def soft(inner: Inner) -> Array:
    best = np.argmin(inner.bootstrap_losses(), axis=1)
    return np.bincount(best, minlength=len(inner.names)) / N_BOOTSTRAPS


def bma(scale: str) -> Rule:
    def rule(inner: Inner) -> Array:
        n = len(inner.y) if scale == "rows" else len(np.unique(inner.groups))
        z = -n * inner.bootstrap_losses()
        return np.exp(log_softmax(z, axis=-1)).mean(axis=0)

    return rule


def by_error(width: float) -> Rule:
    """Weights fall with the loss above the smallest, in standard errors of the paired difference."""

    def rule(inner: Inner) -> Array:
        loss = inner.losses.mean(axis=1)
        excess = loss - loss.min()
        z = np.divide(excess, width * inner.paired_errors(), out=np.zeros_like(excess), where=excess > 0)
        weights = np.exp(-0.5 * z**2)
        return weights / weights.sum()

    return rule


def ridge(strength: float = RIDGE, prior: Rule = average) -> Rule:
    """Non-negative weights by log loss, with a ridge penalty towards a prior."""

    def rule(inner: Inner) -> Array:
        m, start = len(inner.names), prior(inner)
        k = int(inner.y.max()) + 1
        one_hot = np.eye(k)[inner.y] * (count_evidence(inner.y, inner.groups, inner.method.evidence) / len(inner.y))
        n_effective = one_hot.sum(axis=1, keepdims=True)

        def loss(weights: Array) -> tuple[float, Array]:
            joined = np.einsum("mns,m->ns", inner.scores, weights)
            logits = np.hstack([np.zeros_like(joined), joined]) if joined.shape[1] == 1 else joined
            log_p = log_softmax(logits, axis=-1)
            deviation = weights - start
            residual = (n_effective * np.exp(log_p) - one_hot)[:, -joined.shape[1] :]
            gradient = np.einsum("mns,ns->m", inner.scores, residual) + 2 * strength * m * deviation
            return -(log_p * one_hot).sum() + strength * m * deviation @ deviation, gradient

        weights = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * m).x
        return weights / weights.sum() if weights.sum() > 0 else inner.equal

    return rule


def greedy(steps: int, bags: int) -> Rule:
    """Ensemble selection (Caruana 2004) by log loss, averaged over bootstraps of the subjects."""

    def rule(inner: Inner) -> Array:
        _, group = np.unique(inner.groups, return_inverse=True)
        rng, m = np.random.default_rng(0), len(inner.names)
        total = np.zeros(m)
        for _ in range(bags):
            w = np.bincount(rng.integers(0, group.max() + 1, group.max() + 1), minlength=group.max() + 1)[group]
            joined, counts = np.zeros_like(inner.scores[0]), np.zeros(m)
            for step in range(steps):
                candidates = (joined + inner.scores) / (step + 1)
                if candidates.shape[2] == 1:
                    losses = np.logaddexp(0, np.where(inner.y, -1, 1) * candidates[:, :, 0])
                else:
                    losses = -np.take_along_axis(log_softmax(candidates, axis=-1), inner.y[None, :, None], 2)[:, :, 0]
                best = int(np.argmin(losses @ w))
                joined, counts[best] = joined + inner.scores[best], counts[best] + 1
            total += counts / steps
        return total / bags

    return rule


def by_family(inner: Inner) -> Array:
    """Equal weights, except that the two boosters share one."""
    weights = np.array([0.5 if name.endswith(("lightgbm", "xgboost")) else 1.0 for name in inner.names])
    return weights / weights.sum()


def by_votes(inner: Inner) -> Array:
    """The votes of the package: more for kernels and forests."""
    pairs = [name.removesuffix("_half").removesuffix("_balanced").split("/") for name in inner.names]
    votes = np.array(count_votes([Member(view, learner.removeprefix("rank_")) for view, learner in pairs]))
    return votes / votes.sum()


def blend(*rules: Rule) -> Rule:
    return lambda inner: np.mean([rule(inner) for rule in rules], axis=0)


def drop_weak(width: float) -> Rule:
    """Average of the members whose loss exceeds the smallest by at most `width` standard errors."""

    def rule(inner: Inner) -> Array:
        loss = inner.losses.mean(axis=1)
        kept = loss - loss.min() <= width * inner.paired_errors()
        return kept / kept.sum()

    return rule


def former_weights(inner: Inner) -> Array:
    """Leave out members that worsen the average by more than half a standard error, then ridge weights."""
    order = np.argsort(inner.losses.mean(axis=1), kind="stable")

    def losses(members: Array) -> Array:
        joined = inner.scores[members].mean(axis=0)
        log_p = Calibration(inner.method).fit(joined, inner.y, inner.groups).log_probability(joined)
        return -log_p[np.arange(len(inner.y)), inner.y]

    while len(order) > 1:
        pair = replace(inner, losses=np.stack([losses(order), losses(order[:-1])]))
        gain = float(np.mean(pair.losses[0] - pair.losses[1]))
        if gain <= 0.5 * pair.paired_errors().max():
            break
        order = order[:-1]
    weights = np.zeros(len(inner.names))
    names = [inner.names[k] for k in order]
    weights[order] = ridge()(replace(inner, scores=inner.scores[order], losses=inner.losses[order], names=names))
    return weights


def former(inner: Inner) -> Array:
    """The simplest of average, best member and weights within one standard error of the best, as before."""
    rules = (average, single, former_weights)
    losses = np.stack([inner.cross_fitted_losses(average), inner.losses.min(axis=0), np.zeros(len(inner.y))])
    losses[1] = inner.losses[np.argmin(inner.losses.mean(axis=1))]
    losses[2] = inner.cross_fitted_losses(former_weights)
    candidates = replace(inner, losses=losses)
    means = losses.mean(axis=1)
    within = means <= means.min() + candidates.paired_errors()
    return rules[int(np.argmax(within))](inner)


def views_first(inner_rule: Rule) -> Rule:
    """Average the learners of each view by a rule, then the views by the same rule on the joined scores."""

    def rule(inner: Inner) -> Array:
        views = np.array([name.split("/")[0] for name in inner.names])
        weights = np.zeros(len(views))
        for view in np.unique(views):
            chosen = np.flatnonzero(views == view)
            names = views[chosen].tolist()
            part = replace(inner, scores=inner.scores[chosen], losses=inner.losses[chosen], names=names)
            weights[chosen] = inner_rule(part) / len(np.unique(views))
        return weights

    return rule


RULES: dict[str, Rule] = {
    "former rule": former,
    "average": average,
    "family average": by_family,
    "best single": single,
    "ridge 8": ridge(),
    "ridge 4": ridge(4.0),
    "ridge 2": ridge(2.0),
    "ridge 1": ridge(1.0),
    "ridge 0.5": ridge(0.5),
    "ridge 4 to family": ridge(4.0, by_family),
    "ridge 2 to family": ridge(2.0, by_family),
    "votes": by_votes,
    "ridge 2 to votes": ridge(2.0, by_votes),  # the rule of the package
    "ridge 1 to family": ridge(1.0, by_family),
    "soft choice": soft,
    "soft + average": blend(soft, average),
    "soft + family": blend(soft, by_family),
    "BMA subjects": bma("subjects"),
    "BMA subjects + average": blend(bma("subjects"), average),
    "BMA subjects + family": blend(bma("subjects"), by_family),
    "by error 1": by_error(1.0),
    "by error 1 + family": blend(by_error(1.0), by_family),
    "within 1 se": drop_weak(1.0),
    "greedy 20x15": greedy(15, 20),
    "greedy + average": blend(greedy(15, 20), average),
    "greedy + 2 average": blend(greedy(15, 20), average, average),
    "greedy + within 1 se": blend(greedy(15, 20), drop_weak(1.0)),
    "greedy + within 2 se": blend(greedy(15, 20), drop_weak(2.0)),
    "greedy + within 3 se": blend(greedy(15, 20), drop_weak(3.0)),
    "greedy + by error 2": blend(greedy(15, 20), by_error(2.0)),
    "greedy + average + by error 1": blend(greedy(15, 20), average, by_error(1.0)),
    "greedy + family": blend(greedy(15, 20), by_family),
    "greedy + ridge 2": blend(greedy(15, 20), ridge(2.0)),
    "ridge 2 to soft + family": ridge(2.0, blend(soft, by_family)),
    "views, soft + average": views_first(blend(soft, average)),
}


# -------------------------------------------------------------------------------------------------- folds


class CachedFold:
    """The cached scores of one outer fold, calibrated."""

    def __init__(self, path: Path, method: Method, with_f1: bool = True) -> None:
        self.with_f1 = with_f1
        with np.load(path) as file:
            data = {key: file[key] for key in file.files}
        self.y, self.y_test, self.method = data["y"], data["y_test"], method
        self.groups, self.groups_test = data["groups"], data["groups_test"]
        splitter = GroupedFolds(INNER_FOLDS, n_repeats=INNER_REPEATS, random_state=0)
        self.folds = list(splitter.split(self.y, self.y, self.groups))
        self.oof, self.test, self.losses = {}, {}, {}
        self.columns = {key.removeprefix("oof "): value.mean(axis=0) for key, value in data.items() if key[:3] == "oof"}
        for name, column in self.columns.items():
            model = Calibration(method).fit(column, self.y, self.groups)
            self.oof[name] = to_scores(model.log_probability(column))
            self.test[name] = to_scores(model.log_probability(data[f"test {name}"]))
            self.losses[name] = self.cross_fitted_losses(column)
        self.raw_test = {name: data[f"test {name}"] for name in self.columns}

    def cross_fitted_losses(self, column: Array) -> Array:
        total = np.zeros(len(self.y))
        for train, test in self.folds:
            model = Calibration(self.method).fit(column[train], self.y[train], self.groups[train])
            log_p = model.log_probability(column[test])
            total[test] -= log_p[np.arange(len(test)), self.y[test]]
        return total / INNER_REPEATS

    def select(self, learners: dict[str, str]) -> list[str]:
        """Return members by name; `learners` maps each learner to its form in the joint view."""
        views = list(dict.fromkeys(name.split("/")[0] for name in self.oof if name != PLAIN_SVM))
        names = []
        for view in views:
            for learner, joint in learners.items():
                form = joint if view == "both" else learner
                names.append(f"{view}/{form}")
        return names

    def inner(self, names: list[str]) -> Inner:
        scores = np.stack([self.oof[name] for name in names])
        losses = np.stack([self.losses[name] for name in names])
        return Inner(scores, losses, self.y, self.groups, names, self.folds, self.method)

    def predict(self, names: list[str], weights: Array) -> tuple[Array, Array]:
        """Return out-of-fold and held-out probabilities, [n, K] and [m, K]."""
        joined = np.einsum("mns,m->ns", np.stack([self.oof[name] for name in names]), weights)
        held_out = np.einsum("mns,m->ns", np.stack([self.test[name] for name in names]), weights)
        model = Calibration(self.method, is_final=True).fit(joined, self.y, self.groups)
        return np.exp(model.log_probability(joined)), np.exp(model.log_probability(held_out))

    def evaluate(self, names: list[str], weights: Array) -> dict[str, float]:
        return self.score(*self.predict(names, weights))

    def score(self, oof: Array, p: Array) -> dict[str, float]:
        """Return AUC, log loss and F1 on the held-out people."""
        is_class = np.eye(p.shape[1], dtype=bool)[self.y_test]
        mixed = [k for k in range(p.shape[1]) if 0 < is_class[:, k].sum() < len(p)]
        auc = np.mean([roc_auc_score(is_class[:, k], p[:, k]) for k in mixed]) if mixed else np.nan
        if not self.with_f1:
            f1 = np.nan
        elif p.shape[1] == 2:
            threshold = choose_threshold(oof[:, 1], self.y == 1, self.groups)
            f1 = f1_score(self.y_test == 1, p[:, 1] >= threshold, zero_division=0)
        else:
            f1 = f1_score(self.y_test, p.argmax(axis=1), average="macro")
        return {"AUC": float(auc), "loss": float(log_loss(self.y_test, p, labels=range(p.shape[1]))), "F1": float(f1)}

    def score_plain_svm(self) -> dict[str, float]:
        scores = self.evaluate([PLAIN_SVM], np.ones(1))
        if len(np.unique(self.y)) == 2:
            scores["F1"] = float(f1_score(self.y_test == 1, self.raw_test[PLAIN_SVM][:, 0] > 0, zero_division=0))
        return scores


def plain(*learners: str) -> dict[str, str]:
    return {learner: learner for learner in learners}


BALANCED = {"svm": "svm_balanced", "linear": "linear_balanced"}
HALF = {"svm": "svm_half", "linear": "linear_half"}
MEMBERS: dict[str, dict[str, str]] = {
    "four": plain(*DEFAULT),
    "four, half": plain(*DEFAULT) | HALF,
    "five": plain(*DEFAULT, "extra_trees"),
    "five, balanced": plain(*DEFAULT, "extra_trees") | BALANCED,
    "five, half": plain(*DEFAULT, "extra_trees") | HALF,
    "five + rank SVM, half": plain(*DEFAULT, "extra_trees", "rank_svm") | HALF,
    "without XGBoost, half": plain("lightgbm", "svm", "linear", "extra_trees") | HALF,
    "without boosters, half": plain("svm", "linear", "extra_trees") | HALF,
}


def evaluate_fold(
    path: Path, method: Method, sets: Iterable[str], rules: Iterable[str], with_f1: bool
) -> Iterator[dict[str, object]]:
    name, seed, k = path.stem.rsplit("-", 2)
    fold = CachedFold(path, method, with_f1)
    about = {"task": name, "seed": int(seed), "fold": int(k), "n_test": len(fold.y_test)}
    yield about | {"members": "plain RBF SVM", "rule": ""} | fold.score_plain_svm()
    for label in sets:
        names = fold.select(MEMBERS[label])
        inner = fold.inner(names)
        for rule in rules:
            yield about | {"members": label, "rule": rule} | fold.evaluate(names, RULES[rule](inner))
    for member in fold.oof:
        yield about | {"members": "single", "rule": member} | fold.evaluate([member], np.ones(1))


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Return means over tasks, and differences to the plain average of the default members in the lower tail."""
    keys = ["task", "seed", "fold"]
    reference = rows[(rows["members"] == "four") & (rows["rule"] == "average")].set_index(keys)
    table = {}
    for (members, rule), part in rows[rows["members"] != "single"].groupby(["members", "rule"], sort=False):
        part = part.set_index(keys)
        difference = part[["AUC", "loss", "F1"]] - reference.loc[part.index, ["AUC", "loss", "F1"]]
        by_task = difference.groupby("task").mean()
        means = part.groupby("task")[["AUC", "loss", "F1"]].mean().mean()
        table[members, rule] = {
            "AUC": means["AUC"],
            "loss": means["loss"],
            "F1": means["F1"],
            "dAUC": by_task["AUC"].mean(),
            "se": by_task["AUC"].std() / np.sqrt(len(by_task)),
            "worst task": by_task["AUC"].min(),
            "2nd": by_task["AUC"].nsmallest(2).iloc[-1],
            "5% of folds": difference["AUC"].quantile(0.05),
            "folds < -.01": (difference["AUC"] < -0.01).mean(),
            "best": by_task["AUC"].max(),
            "dloss": by_task["loss"].mean(),
            "worst loss": by_task["loss"].max(),
            "dF1": by_task["F1"].mean(),
            "F1 worst": by_task["F1"].min(),
        }
    return pd.DataFrame(table).T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="folder that members.py wrote")
    parser.add_argument("--softmax", action="store_true", help="full softmax regression for several classes")
    parser.add_argument("--evidence", choices=("rows", "subjects", "pairs"), default="pairs")
    parser.add_argument("--smooth", action="store_true", help="smooth the targets of the calibration")
    parser.add_argument("--final", type=float, default=4.0, help="shrinks the last calibration; 0: as the others")
    parser.add_argument("--members", nargs="+", choices=MEMBERS, default=list(MEMBERS))
    parser.add_argument("--rules", nargs="+", choices=RULES, default=list(RULES))
    parser.add_argument("--no-f1", action="store_true", help="leave out F1, whose thresholds take most of the time")
    parser.add_argument("--rows", type=Path, help="write the scores of all folds to this parquet file")
    arguments = parser.parse_args()
    method = Method(arguments.softmax, arguments.evidence, arguments.smooth, arguments.final)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paths = sorted(arguments.cache.glob("*.npz"))
        options = arguments.members, arguments.rules, not arguments.no_f1
        rows = pd.DataFrame([row for path in paths for row in evaluate_fold(path, method, *options)])
    if arguments.rows:
        rows.to_parquet(arguments.rows)
    print(f"{rows['task'].nunique()} tasks, {len(paths)} folds")
    with pd.option_context("display.width", 250, "display.max_rows", None, "display.max_columns", None):
        print(summarise(rows).round(3).to_string())


if __name__ == "__main__":
    main()
