"""Tables of learning.py: every peer beside pdmr-classic, on the folds that both have."""

from __future__ import annotations

import numpy as np
from learning_scores import Difference, TaskResults, nan_mean


def number(value: float, width: int = 6, digits: int = 3) -> str:
    """Return a number without the zero before the point, or a dash for NaN."""
    if np.isnan(value):
        return "-".rjust(width)
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1).rjust(width) if abs(value) < 1 and digits else text.rjust(width)


def interval(difference: Difference) -> str:
    """Return the difference and its interval, marked if it is entirely above 0."""

    def signed(value: float) -> str:
        return f"{value:+.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:+.2f}"

    if np.isnan(difference.value):
        return "-".rjust(18)
    mark = "*" if difference.low > 0 else " "
    return f"{signed(difference.value)} ({signed(difference.low)}, {signed(difference.high)}){mark}"


def count_folds(folds: list) -> str:
    return "1 fold" if len(folds) == 1 else f"{len(folds)} folds"


def list_peers(tasks: list[TaskResults], own: str) -> list[str]:
    """Return peers that share a fold with `own`, by mean AUC difference, best first."""
    names = {name for task in tasks for name in task.results if name != own and task.shared_folds(name, own)}

    def mean_difference(name: str) -> float:
        shared = [(task, task.shared_folds(name, own)) for task in tasks]
        values = [task.mean("AUC", name, f) - task.mean("AUC", own, f) for task, f in shared if f]
        return float(nan_mean(np.array(values)))

    return sorted(names, key=lambda name: -mean_difference(name))


def print_means(tasks: list[TaskResults], peers: list[str], own: str) -> None:
    print("Means over tasks of each peer, on the folds that pdmr-classic (own) shares\n")
    print(
        f"{'':<20}{'tasks':>5}{'folds':>6}{'AUC':>6}{'own':>6}{'F1':>6}{'own':>6}{'loss':>6}{'own':>6}{'s':>6}{'own':>6}"
    )
    for name in peers:
        shared = [(task, folds) for task in tasks if (folds := task.shared_folds(name, own))]
        line = f"{name:<20}{len(shared):5d}{sum(len(folds) for _, folds in shared):6d}"
        for score in ("AUC", "F1", "log loss", "seconds"):
            pairs = np.array([[task.mean(score, method, folds) for method in (name, own)] for task, folds in shared])
            # Tasks on which one of the two has no score do not count for the other.
            both = pairs[~np.isnan(pairs).any(axis=1)]
            for value in both.mean(axis=0) if len(both) else (np.nan, np.nan):
                line += number(value, 6, 1 if score == "seconds" else 3)
        print(line)


def print_differences(tasks: list[TaskResults], peers: list[str], own: str) -> None:
    print("\nPeer minus pdmr-classic, with 95% subject bootstrap interval (* entirely above 0)")
    above = {"AUC": [], "F1": []}
    n_intervals = 0
    for task in tasks:
        all_folds = sorted(task.results.get(own, {}))
        if not all_folds:
            continue
        kind = f"F1 of {task.classes[1]}" if len(task.classes) == 2 else "macro F1"
        means = ", ".join(f"{score} {number(task.mean(score, own, all_folds), 0)}" for score in ("AUC", "F1"))
        print(f"\n{task.name}: {len(task.y)} rows, {len(set(task.groups))} subjects, {len(task.classes)} classes")
        print(f"  {own} on {count_folds(all_folds)}: {means} ({kind})")
        print(f"  {'':<18}{'folds':>6}  {'AUC':<24}  {'F1':<24}")
        for name in peers:
            folds = task.shared_folds(name, own)
            if not folds:
                continue
            differences = {score: task.difference(score, name, own) for score in ("AUC", "F1")}
            n_intervals += 1
            for score, difference in differences.items():
                if difference.low > 0:
                    above[score].append(f"{name} on {task.name}")
            print(f"  {name:<18}{len(folds):6d}  {interval(differences['AUC']):<24}  {interval(differences['F1']):<24}")
    for score, pairs in above.items():
        print(f"\n{score}: {len(pairs)} of {n_intervals} intervals are entirely above 0")
        for pair in pairs:
            print(f"  {pair}")


def find_best(task: TaskResults, peers: list[str], own: str, score: str, sign: int) -> tuple[float, str, list] | None:
    """Return the largest advantage of a peer over `own`, the peer, and the folds that both have."""
    shared = {name: folds for name in peers if (folds := task.shared_folds(name, own))}
    advantages = [
        (sign * (task.mean(score, name, folds) - task.mean(score, own, folds)), name, folds)
        for name, folds in shared.items()
    ]
    return max((option for option in advantages if not np.isnan(option[0])), default=None)


def print_best_auc(tasks: list[TaskResults], peers: list[str], own: str) -> None:
    print("\nBest peer of each task by AUC, on the folds that pdmr-classic (own) shares\n")
    print(f"{'':<18}{'AUC':>6}{'own':>6}{'peer - own':>12}{'folds':>7}  peer")
    losses = {}
    for task in tasks:
        if best := find_best(task, peers, own, "AUC", 1):
            advantage, name, folds = best
            losses[task.name] = advantage
            line = "".join(number(task.mean("AUC", method, folds)) for method in (name, own))
            print(f"{task.name:<18}{line}{number(advantage, 12)}{len(folds):7d}  {name}")
    worst = max(losses, key=lambda name: losses[name])
    print(f"\nWorst AUC loss of {own} to the best peer of a task: {number(losses[worst], 0)} on {worst}")
    print("The best of many peers is chosen on the folds that score it: part is chance.")


def print_best_loss(tasks: list[TaskResults], peers: list[str], own: str) -> None:
    print("\nBest peer of each task by log loss, and calibration slopes (two classes only)\n")
    print(f"{'':<18}{'loss':>6}{'own':>6}{'slope':>8}{'own':>6}{'folds':>7}  peer")
    for task in tasks:
        if best := find_best(task, peers, own, "log loss", -1):
            _, name, folds = best
            loss = "".join(number(task.mean("log loss", method, folds)) for method in (name, own))
            slopes = [number(task.mean("slope", method, folds), digits=2) for method in (name, own)]
            print(f"{task.name:<18}{loss}{slopes[0]:>8}{slopes[1]}{len(folds):7d}  {name}")


def print_slopes(tasks: list[TaskResults], peers: list[str], own: str) -> None:
    print("\nCalibration slopes of tasks with two classes (below 1: predictions too extreme)\n")
    print(f"{'':<20}{'tasks':>5}{'median':>8}{'smallest':>10}{'largest':>9}")
    for name in (own, *peers):
        slopes = [task.mean("slope", name, folds) for task in tasks if (folds := task.shared_folds(name, own))]
        known = [slope for slope in slopes if not np.isnan(slope)]
        if known:
            print(f"{name:<20}{len(known):5d}{np.median(known):8.2f}{min(known):10.2f}{max(known):9.2f}")


def print_report(tasks: list[TaskResults], own: str) -> None:
    peers = list_peers(tasks, own)
    if not peers:
        raise SystemExit(f"no fold has results of both {own} and a peer")
    print_means(tasks, peers, own)
    print_differences(tasks, peers, own)
    print_best_auc(tasks, peers, own)
    print_best_loss(tasks, peers, own)
    print_slopes(tasks, peers, own)
