"""Suppression of personal habits in a model: which members do it, what the manifest tells, and when it stays off."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.errors import Finding
from pdmr_classic.io.labels.scales import Scale
from pdmr_classic.models.ensemble import _tuning, oof_scores, view_stack
from pdmr_classic.models.learners.learners import fit_member
from pdmr_classic.models.learners.suppression import SuppressIdentity
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.synthetic.habits import HabitSet, make_habits

PLANTED = make_habits(40, 3, columns=20, rank=2, overlap=0.0, effect=3.0, seed=1)
CODES = {"identity-suppressed", "identity-not-suppressed"}


def fit_model(
    table: HabitSet = PLANTED, groups: pd.Series | None = None, **changes: Any
) -> tuple[DepressionModel, list[str]]:
    """Return a model, and what it said about habits."""
    model, findings = fit_with_findings(table, groups, **changes)
    return model, [finding.what for finding in findings]


def fit_with_findings(
    table: HabitSet = PLANTED, groups: pd.Series | None = None, **changes: Any
) -> tuple[DepressionModel, list[Finding]]:
    changes = {"trials": 1, "folds": 2, "repeats": 1, "learners": ("linear", "extra_trees")} | changes
    settings = Settings().override({f"learning.{name}": value for name, value in changes.items()})
    reporter = CollectingReporter()
    groups = table.groups if groups is None else groups
    model = DepressionModel(settings).fit(table.features, table.status, groups, reporter=reporter)
    return model, [finding for finding in reporter.findings if finding.code in CODES]


def test_by_default_no_member_suppresses_habits() -> None:
    model, sentences = fit_model()
    assert sentences == []
    assert "suppression" not in model.metadata_
    assert all("suppress" not in member["params"] for member in model.metadata_["base_learners"])


def test_the_manifest_and_one_sentence_tell_what_was_removed() -> None:
    model, sentences = fit_model(suppress_identity=True)
    described = {"method": "nap", "directions": 2}
    assert model.metadata_["suppression"] == {"video/linear": described, "video/extra_trees": described}
    assert sentences == ["personal habits are suppressed: 2 of 2 base learners remove or attenuate 2 directions"]


def test_without_repeated_subjects_suppression_stays_off_and_says_so_once() -> None:
    alone = pd.Series(PLANTED.features.index, PLANTED.features.index)
    model, sentences = fit_model(groups=alone, suppress_identity=True)
    (sentence,) = sentences
    assert sentence.startswith("personal habits are not suppressed: too few subjects have several recordings")
    plain, _ = fit_model(groups=alone)
    pd.testing.assert_frame_equal(model.predict_features(PLANTED.features), plain.predict_features(PLANTED.features))


def test_naming_subjects_is_advised_only_where_none_has_two_recordings() -> None:
    alone = pd.Series(PLANTED.features.index, PLANTED.features.index)
    (finding,) = fit_with_findings(groups=alone, suppress_identity=True)[1]
    assert "--groups" in str(finding.hint)
    one_pair = alone.mask(alone == alone.iloc[1], alone.iloc[0])
    (finding,) = fit_with_findings(groups=one_pair, suppress_identity=True)[1]
    assert finding.hint is None


def test_the_study_tunes_the_method_and_the_number_of_directions() -> None:
    model, _ = fit_model(suppress_identity=True, learners=("linear",), trials=6)
    params = model.metadata_["base_learners"][0]["params"]
    assert params["suppress"] in ("nap", "wccn")
    assert params["suppress_number"] in ("auto", 0, 1, 2, 3, 5, 8, 13)


def test_a_model_of_a_score_suppresses_habits() -> None:
    score = (PLANTED.status == "Depression") * 10.0 + PLANTED.groups.str[1:].astype(int) % 5
    settings = Settings().override(
        {
            "data.target": "score",
            "severity.learners": ("ridge", "extra_trees_regressor"),
            "learning.trials": 1,
            "learning.folds": 2,
            "learning.repeats": 1,
            "learning.suppress_identity": True,
        }
    )
    model = DepressionModel(settings).fit(
        PLANTED.features,
        None,
        PLANTED.groups,
        severity=score.rename("score"),
        scale=Scale("score", 0.0, 20.0),
        reporter=CollectingReporter(),
    )
    described = model.metadata_["severity"]["suppression"]
    assert [member["directions"] for member in described.values()] == [2, 2]


def test_each_fold_learns_the_directions_from_its_own_training_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    subjects: list[int] = []

    def fit_and_count(member: Any, X: Any, *rest: Any) -> Any:
        model = fit_member(member, X, *rest)
        assert isinstance(model[2], SuppressIdentity)
        assert len(rest[-1]) == len(X)
        subjects.append(len(set(rest[-1])))
        return model

    for module in (_tuning, oof_scores, view_stack):
        monkeypatch.setattr(module, "fit_member", fit_and_count)
    fit_model(suppress_identity=True, learners=("linear",))
    assert sorted(subjects) == [20, 20, 40], "two folds of the meta-learner, and the final model"
