"""Scores to learn: what is refused before any recording is read, and how recordings with one target are used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scored import QUICK, Scored, make_scored

from pdmr_classic import DataError, Settings
from pdmr_classic.errors import ConfigError
from pdmr_classic.io.labels.scales import SCALES, Scale
from pdmr_classic.models.learners.learners import select_allowed
from pdmr_classic.models.severity.target import MIN_SUBJECTS, check_severity
from pdmr_classic.models.targets import Targets, check_targets, fingerprint_fit

PHQ8 = SCALES["phq8"]


def settings(**changes: Any) -> Settings:
    return Settings().override({**QUICK, **{key.replace("__", "."): value for key, value in changes.items()}})


def check(data: Scored, *, status: bool = False, scale: Scale | None = PHQ8, **changes: Any) -> Targets:
    return check_targets(
        data.status if status else None, data.groups, settings(**changes), severity=data.score, scale=scale
    )


def replace_score(data: Scored, values: dict[str, float]) -> Scored:
    return data._replace(score=pd.Series({**data.score, **values}, name="phq8"))


# ----------------------------------------------------------------------------------------------- bad input


def test_scores_outside_the_scale_are_listed() -> None:
    data = replace_score(make_scored(), {"r001": 25.0, "r004": -1.0})
    message = r"2 scores are outside the scale phq8[^\0]*phq8[^\0]*0 to 24[^\0]*25 for 'r001', -1 for 'r004'"
    with pytest.raises(DataError, match=message):
        check(data)


def test_equal_scores_are_refused() -> None:
    data = make_scored()
    with pytest.raises(DataError, match=r"all scores are equal[^\0]*7 for 48 recordings"):
        check(data._replace(score=data.score * 0 + 7))


def test_scores_that_are_equal_where_they_have_a_weight_are_refused() -> None:
    data = make_scored()
    score, weights = data.score * 0 + 7, np.ones(48)
    score.iloc[:4], weights[:4] = 3.0, 0.0
    with pytest.raises(DataError, match=r"all scores are equal[^\0]*7 for 44 recordings"):
        check_severity(score, data.groups, PHQ8, settings(), weights)


@pytest.mark.parametrize("subjects", [1, 9])
def test_fewer_than_ten_subjects_are_refused(subjects: int) -> None:
    assert MIN_SUBJECTS == 10
    with pytest.raises(DataError, match=rf"cannot be learned from {subjects} subject[^\0]*at least 10 subjects"):
        check(make_scored(subjects, each=6))
    check(make_scored(10, each=6))


def test_only_subjects_with_a_score_count() -> None:
    data = make_scored(12)
    few = data._replace(score=data.score.where(data.groups < "S09"))
    with pytest.raises(DataError, match="cannot be learned from 9 subjects"):
        check(few)
    with pytest.raises(DataError, match="cannot be learned from 0 subjects"):
        check(data._replace(score=data.score * np.nan))


def test_spellings_of_one_subject_are_one_subject() -> None:
    data = make_scored(12)
    spelled = data._replace(
        groups=data.groups.str[1:].astype(int).astype(str).where(np.arange(24) % 2 == 0, data.groups)
    )
    target = check(spelled).severity
    assert target is not None
    assert target.groups.nunique() == 12
    assert "merged-subjects" in [finding.code for finding in check(spelled).findings]
    with pytest.raises(DataError, match="cannot be learned from 9 subjects"):
        check(spelled.select(data.X.index[:18]))


def test_a_recording_without_a_subject_is_refused() -> None:
    data = make_scored(12)
    for missing in (None, "", "NA"):
        groups = data.groups.copy()
        groups.iloc[3] = missing
        with pytest.raises(DataError, match=r"1 recording has no subject[^\0]*'r003'"):
            check(data._replace(groups=groups))


@pytest.mark.parametrize(("level", "needed"), [(0.95, 19), (0.99, 99)])
def test_a_level_that_needs_more_subjects_says_how_many(level: float, needed: int) -> None:
    message = rf"--level {level} needs at least {needed} subjects with a score[^\0]*found: +{needed - 1} subjects"
    with pytest.raises(ConfigError, match=message):
        check(make_scored(needed - 1, each=1), severity__level=level)
    assert check(make_scored(needed, each=1), severity__level=level).severity is not None


def test_an_unknown_learner_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown learner for scores[^\0]*ridge[^\0]*lasso, svm"):
        check(make_scored(), severity__learners=("ridge", "lasso", "svm"))


def test_without_training_rows_learners_that_store_them_are_left_out() -> None:
    both = settings(severity__learners=("ridge", "svr"), learning__training_rows=False)
    assert select_allowed(both.severity.learners, both.learning) == ["ridge"]
    with pytest.raises(ConfigError, match=r"--no-training-rows leaves no learner for scores[^\0]*ridge[^\0]*svr"):
        check(make_scored(), severity__learners=("svr",), learning__training_rows=False)


def test_neither_class_nor_score_is_nothing_to_learn() -> None:
    data = make_scored()
    with pytest.raises(DataError, match=r"nothing to learn[^\0]*classes, scores, or both"):
        check_targets(None, data.groups, settings())


def test_other_indexes_are_refused() -> None:
    data = make_scored()
    with pytest.raises(DataError, match="index"):
        check(data._replace(score=data.score.iloc[1:]))


def test_only_one_class_is_refused_for_both() -> None:
    data = make_scored()
    with pytest.raises(DataError, match="only one class"):
        check(data._replace(status=data.status.where(data.status == "Normal", "")), status=True)


# ----------------------------------------------------------------------------------------- what is selected


def test_without_a_scale_it_is_the_range_of_the_scores_without_classes() -> None:
    data = make_scored()
    target = check(data, scale=None).severity
    assert target is not None
    assert (target.scale.low, target.scale.high) == (data.score.min(), data.score.max())
    assert (target.scale.n_classes, target.scale.clinical_cutoff) == (0, None)


def test_recordings_are_used_for_the_targets_that_they_have() -> None:
    data = make_scored()
    status, score = data.status.copy(), data.score.copy()
    status.iloc[:4], status.iloc[4], score.iloc[6:16] = "", None, np.nan
    targets = check(data._replace(status=status, score=score), status=True)
    assert targets.presence is not None
    assert targets.severity is not None
    assert targets.presence.status.index.tolist() == data.X.index[5:].tolist()
    assert len(targets.severity.score) == len(targets.groups) == 48
    np.testing.assert_array_equal(targets.severity.weights, np.r_[np.ones(6), np.zeros(10), np.ones(32)])


def test_weights_belong_to_both_targets() -> None:
    data, weights = make_scored(), np.arange(48.0) + 1
    score = data.score.where(data.groups != "S03")
    status = data.status.where(data.groups != "S05", "")
    targets = check_targets(status, data.groups, settings(), severity=score, scale=PHQ8, sample_weight=weights)
    assert targets.presence is not None
    assert targets.severity is not None
    np.testing.assert_array_equal(targets.severity.weights, np.where(data.groups == "S03", 0, weights))
    np.testing.assert_array_equal(targets.presence.weights, weights[data.groups != "S05"])


def test_with_classes_alone_a_missing_label_is_refused() -> None:
    data = make_scored()
    with pytest.raises(DataError, match="status"):
        check_targets(data.status.where(data.groups != "S00", ""), data.groups, settings())


def test_folds_are_fewer_if_there_are_few_subjects() -> None:
    target = check(make_scored(10, each=3), learning__folds=20).severity
    assert target is not None
    assert target.n_folds == 10


def test_other_subjects_replace_those_of_both_targets() -> None:
    data = make_scored()
    merged = data.groups.replace({f"S{k:02d}": f"S{k - 1:02d}" for k in range(1, 24, 2)})
    targets = check(data, status=True).replace_groups(merged, 4)
    for part in (targets.presence, targets.severity):
        assert part is not None
        assert part.groups.nunique() == 12


def test_conditions_are_cleaned_and_follow_the_rows() -> None:
    data = make_scored()
    conditions = data.conditions.replace({"robot": " robot "}).where(data.groups != "S00", np.nan)
    targets = check_targets(data.status, data.groups, settings(), conditions=conditions)
    assert targets.conditions is not None
    assert sorted(set(targets.conditions)) == ["", "human", "robot"]
    assert targets.align_conditions(pd.Index(["r003", "r000", "new"])).tolist() == ["robot", "", ""]


def test_interrupted_fits_resume_only_with_the_same_scores_and_classes() -> None:
    data = make_scored()
    other_score = replace_score(data, {"r000": 1.0 if data.score["r000"] != 1 else 2.0})
    missing = replace_score(data, {"r000": np.nan})
    other_status = data._replace(status=data.status.where(data.groups != "S00", ""))
    prints = [fingerprint_fit(data.X, check(variant, status=True), settings())
              for variant in (data, other_score, missing, other_status)]  # fmt: skip
    prints.append(fingerprint_fit(data.X, check(data), settings()))
    prints.append(fingerprint_fit(data.X, Targets(check(data, status=True).presence), settings()))
    assert len(set(prints)) == len(prints)
    assert fingerprint_fit(data.X, check(data, status=True), settings()) == prints[0]
