from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulated import simulate_predictions

from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.evaluation._winner import describe_winners
from pdmr_classic.evaluation.compare import compare, compare_files
from pdmr_classic.evaluation.predictions import SCHEMA, Predictions, read_predictions
from pdmr_classic.evaluation.stored_systems import store_systems
from pdmr_classic.reporting.comparison_plot import plot_comparison, save_plot


def evaluation(predictions: Predictions) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "synthetic": False,
        "positive": predictions.positive,
        "data": {"classes": dict.fromkeys(predictions.classes, 1)},
        "predictions": predictions.to_records(),
        "systems": {},
    }


def differences(*evaluations: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return the differences between two evaluations."""
    (pair,) = compare(*evaluations)["pairs"]
    return dict(pair["differences"])


def improve(predictions: Predictions) -> Predictions:
    """Return predictions that are closer to the truth."""
    return replace(
        predictions,
        probability=(predictions.probability + np.eye(2)[predictions.truth]) / 2,
        predicted=predictions.truth,
    )


A = simulate_predictions(1.0, repeats=2)


def test_predictions_survive_a_round_trip_through_json() -> None:
    restored = read_predictions(json.loads(json.dumps(evaluation(A))))
    assert restored.to_records() == A.to_records()


def test_an_evaluation_of_the_version_before_scores_is_still_read() -> None:
    old = {**evaluation(A), "schema": "pdmr-classic/evaluation/4"}
    assert compare(old, evaluation(A)) == compare(evaluation(A), evaluation(A))


def test_an_evaluation_does_not_differ_from_itself() -> None:
    comparison = differences(evaluation(A), evaluation(A))
    assert list(comparison) == ["f1", "macro_f1", "auc", "brier"]
    for part in comparison.values():
        assert (part["difference"], part["low"], part["high"]) == (0, None, None)  # no spread


def test_the_difference_is_b_minus_a_and_lies_within_its_interval() -> None:
    comparison = differences(evaluation(A), evaluation(improve(A)))
    f1 = compare(evaluation(A), evaluation(improve(A)))["systems"]["A"]["f1"]["mean"]
    assert comparison["f1"]["difference"] == pytest.approx(1 - f1)
    assert comparison["f1"]["low"] > 0
    assert comparison["brier"]["high"] < 0
    assert comparison["auc"]["low"] < comparison["auc"]["difference"] < comparison["auc"]["high"]


def test_the_order_of_rows_does_not_matter() -> None:
    reversed_rows = evaluation(improve(A))
    reversed_rows["predictions"] = reversed_rows["predictions"][::-1]
    assert compare(evaluation(A), reversed_rows) == compare(evaluation(A), evaluation(improve(A)))


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (A.subset(np.flatnonzero(A.recording != "r007")), "recordings"),
        (simulate_predictions(1.0, repeats=3), "repeats"),
        (simulate_predictions(1.0, repeats=2, folds=4), "folds"),
        (replace(A, subject=A.subject[::-1].copy()), "subjects"),
        (replace(A, truth=1 - A.truth), "labels"),
        (replace(A, positive="Control"), "classes"),
    ],
)
def test_evaluations_that_cannot_be_paired_are_refused_with_the_reason(other: Predictions, what: str) -> None:
    with pytest.raises(DataError, match=f"the evaluations A and C differ in their {what}"):
        compare(evaluation(A), evaluation(A), evaluation(other))


@pytest.mark.parametrize("content", ["", "[]", '{"schema": "pdmr-classic/evaluation/99"}', '{"positive": null}'])
def test_a_file_that_is_not_an_evaluation_is_refused_by_name(tmp_path: Path, content: str) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(evaluation(A)))
    bad.write_text(content)
    with pytest.raises(DataError, match="evaluation") as caught:
        compare_files(good, bad)
    assert caught.value.finding.file == bad


def test_damaged_predictions_are_refused() -> None:
    damaged = evaluation(A)
    del damaged["predictions"][3]["probability"]
    with pytest.raises(DataError, match="predictions in the evaluation are corrupt"):
        compare(evaluation(A), damaged)


# ------------------------------------------------------------------------------------------- several systems


def equally_good(k: int, seed: int) -> list[Predictions]:
    """Return predictions that are noisy in different ways, but equally good on average."""
    base = simulate_predictions(0.7, subjects=60, each=1, seed=seed).sort_rows()
    rng = np.random.default_rng(seed)
    logits = np.log(base.probability[:, 1] / base.probability[:, 0])
    results = []
    for _ in range(k):
        p = 1 / (1 + np.exp(-logits - 1.5 * rng.normal(size=len(base))))
        results.append(replace(base, probability=np.column_stack([1 - p, p]), predicted=(p >= 0.5).astype(np.intp)))
    return results


def test_the_best_of_many_is_optimistic_and_its_corrected_score_is_not() -> None:
    apparent, corrected, average = [], [], []
    for seed in range(12):
        comparison = compare(*map(evaluation, equally_good(15, seed)))
        winner = comparison["winners"]["auc"]
        apparent.append(winner["apparent"])
        corrected.append(winner["corrected"])
        # All are equally good, so the mean over all is an unbiased estimate for whichever is chosen.
        average.append(np.mean([part["auc"]["mean"] for part in comparison["systems"].values()]))
        assert sum(winner["shares_of_rank_1"].values()) == pytest.approx(1)
        assert max(winner["shares_of_rank_1"].values()) < 0.9
    assert np.mean(apparent) - np.mean(average) > 0.05
    assert abs(np.mean(corrected) - np.mean(average)) < 0.02


def test_simultaneous_intervals_are_wider_than_that_of_a_single_pair() -> None:
    systems = [evaluation(predictions) for predictions in equally_good(6, 0)]
    alone = differences(*systems[:2])["auc"]
    together = compare(*systems)["pairs"][0]["differences"]["auc"]
    assert together["difference"] == alone["difference"]
    assert together["high"] - together["low"] > 1.2 * (alone["high"] - alone["low"])


def test_all_equal_systems_are_rarely_distinguished() -> None:
    def is_alarm(seed: int) -> bool:
        pairs = compare(*map(evaluation, equally_good(5, seed)))["pairs"]
        return any(pair["differences"]["auc"]["low"] > 0 or pair["differences"]["auc"]["high"] < 0 for pair in pairs)

    assert sum(map(is_alarm, range(20))) <= 2


def test_a_truly_better_system_wins() -> None:
    others = [evaluation(predictions) for predictions in equally_good(3, 1)]
    best = evaluation(improve(read_predictions(others[0])))
    winner = compare(*others, best, names=["a", "b", "c", "best"])["winners"]["f1"]
    assert winner["name"] == "best"
    assert winner["shares_of_rank_1"]["best"] == 1
    assert winner["corrected"] == pytest.approx(winner["apparent"])


def test_the_corrected_f1_of_a_single_system_is_its_f1() -> None:
    """The score on the third of the subjects that is not drawn is lower, although nothing was chosen."""
    for seed in range(3):
        (system,) = equally_good(1, seed)
        winner = describe_winners({"a": system, "b": system}, ["f1"])["f1"]
        assert winner["corrected"] == pytest.approx(winner["apparent"])
        assert winner["shares_of_rank_1"] == {"a": 0.5, "b": 0.5}


def test_the_interval_of_the_best_is_not_wider_than_that_of_any_system() -> None:
    comparison = compare(*map(evaluation, equally_good(5, 2)))
    winner = comparison["winners"]["auc"]
    part = comparison["systems"][winner["name"]]["auc"]
    assert winner["low"] < winner["corrected"] < winner["high"]
    assert winner["high"] - winner["low"] == pytest.approx(part["high"] - part["low"], rel=0.25)


def test_the_interval_of_a_perfect_system_has_a_width() -> None:
    perfect = improve(A)
    comparison = compare(evaluation(perfect), evaluation(replace(perfect, predicted=1 - perfect.predicted)))
    winner = comparison["winners"]["f1"]
    assert (winner["apparent"], winner["corrected"], winner["high"]) == (1, 1, 1)
    assert winner["low"] < 0.95


def test_the_systems_of_one_evaluation_are_compared_on_the_recordings_that_all_predict() -> None:
    model = A.sort_rows()
    view = model.subset(model.recording != "r003")
    stored = evaluation(model)
    stored["systems"] = store_systems(model, {"view video": view, "shortcut": model})
    comparison = compare(stored)
    assert list(comparison["systems"]) == ["model", "view video"]
    assert comparison["n_left_out"] == 1
    assert list(compare(stored, systems=["shortcut", "view"])["systems"]) == ["view video", "shortcut"]
    with pytest.raises(ConfigError, match="there are not two systems to compare"):
        compare(evaluation(A))
    with pytest.raises(ConfigError, match=r"a system that no evaluation has[^\0]*view video[^\0]*'views'"):
        compare(stored, systems=["model", "view", "views"])


def test_the_picture_names_every_system_and_is_reproducible(tmp_path: Path) -> None:
    names = [f"system number {k} with a long name" for k in range(5)]
    comparison = compare(*map(evaluation, equally_good(5, 0)), names=names)
    first = save_plot(plot_comparison(comparison), tmp_path / "a.svg").read_bytes()
    assert first == save_plot(plot_comparison(comparison), tmp_path / "b.svg").read_bytes()
    assert all(name in first.decode() for name in names)


def test_a_long_name_and_dollar_signs_are_drawn_as_they_are(tmp_path: Path) -> None:
    names = ["$a_1$ of $5", "a name of so many words that it has to be broken into several lines"]
    figure = plot_comparison(compare(*map(evaluation, equally_good(2, 0)), names=names))
    text = save_plot(figure, tmp_path / "a.svg").read_text()
    assert "$a_1$ of $5" in text
    assert "a name of so many words that it" in text
    figure.draw_without_rendering()
    labels = figure.axes[0].get_yticklabels()
    assert min(label.get_window_extent().x0 for label in labels) >= 0
    assert figure.axes[0].get_position().width > 0.2


def test_a_picture_without_matplotlib_is_refused_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match=r"--plot needs matplotlib[^\0]*pip install"):
        plot_comparison(compare(evaluation(A), evaluation(A)))
