from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pdmr_classic import Settings
from pdmr_classic.errors import DataError
from pdmr_classic.evaluation.score_files import score_files, score_results
from pdmr_classic.reporting.severity_tables import results_table

TRUTH = {"a": (3, "Normal"), "b": (9, "Normal"), "c": (12, "Depression"), "d": (22, "Depression"), "e": ("", "Normal")}
LINES = [
    {"data_id": "a", "status": "Normal", "severity": 4.0, "severity_interval": [0, 9], "label_set": ["Normal"]},
    {"data_id": "b", "status": "Depression", "severity": 11.0, "severity_interval": [6, 16]},
    {"data_id": "c", "status": "Depression", "severity": 12.4, "severity_interval": [7, 17]},
    {"data_id": "d", "status": "Depression", "severity": 15.0, "severity_interval": [10, 20]},
    {"data_id": "e", "status": "Normal", "severity": 5.0, "severity_interval": [0, 10]},
]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    results, labels = tmp_path / "results.jsonl", tmp_path / "labels.csv"
    results.write_text("\n".join(map(json.dumps, LINES)))
    rows = [f"{name},{status},{score}" for name, (score, status) in TRUTH.items()]
    labels.write_text("\n".join(["data_id,status,PHQ8_Score", *rows]))
    return results, labels


def score(files: tuple[Path, Path], target: str, **options: Any) -> dict[str, Any]:
    return score_results(*files, settings=Settings().override({"data.target": target, **options}))


def test_severities_are_scored_by_hand(files: tuple[Path, Path]) -> None:
    severity = score(files, "PHQ8_Score")["severity"]
    assert (severity["n"], severity["column"], severity["scale"]) == (4, "PHQ8_Score", "phq8")
    assert severity["mae"] == pytest.approx((1 + 2 + 0.4 + 7) / 4)
    # The classes are those of PHQ-8: none, mild, moderate, severe; predicted none, moderate, moderate, and 15.
    assert severity["accuracy"] == 0.5
    assert severity["coverage"] == 0.75
    assert severity["mean_width"] == pytest.approx((9 + 10 + 10 + 10) / 4)


def test_without_labels_no_class_is_scored(files: tuple[Path, Path]) -> None:
    scores = score(files, "phq8")
    assert "f1" not in scores
    assert [finding.code for finding in scores["findings"]].count("no-score") == 1


def test_both_are_scored(files: tuple[Path, Path]) -> None:
    scores = score(files, "both")
    assert scores["severity"]["n"] == 4
    assert {name: value for name, value in scores.items() if name not in ("severity", "findings")} == {
        name: value for name, value in score_files(*files).items() if name != "findings"
    }


def test_the_default_is_to_score_classes(files: tuple[Path, Path]) -> None:
    assert score(files, "status") == score_files(*files)


def test_results_without_severities_are_refused(files: tuple[Path, Path]) -> None:
    files[0].write_text('{"data_id": "a", "status": "Normal"}')
    with pytest.raises(DataError, match="the results have no severities"):
        score(files, "PHQ8_Score")


def test_a_score_outside_the_scale_is_refused(files: tuple[Path, Path]) -> None:
    with pytest.raises(DataError, match="outside the scale"):
        score(files, "PHQ8_Score", **{"severity.scale": "0:20"})


def test_ids_that_match_nothing_are_refused(files: tuple[Path, Path]) -> None:
    files[0].write_text('{"data_id": "x", "severity": 4.0}')
    with pytest.raises(DataError, match="no data_id in common"):
        score(files, "PHQ8_Score")


def as_shown(scores: dict[str, Any]) -> dict[str, Any]:
    """Return the scores as commands show them, with findings as dicts."""
    return {**scores, "findings": [finding.as_dict() for finding in scores["findings"]]}


@pytest.mark.parametrize("target", ["status", "PHQ8_Score", "both"])
def test_scores_are_shown_in_80_columns(
    files: tuple[Path, Path], target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Console(width=80).print(results_table(as_shown(score(files, target))))
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert ("Concordance (CCC)" in text) == (target != "status")
    assert ("F1 of Depression" in text) == (target != "PHQ8_Score")
