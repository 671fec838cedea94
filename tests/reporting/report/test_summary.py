"""The summary, the warnings and what is missing, in honest sentences."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from pdmr_classic.errors import DataError
from pdmr_classic.reporting.report._consistency import check_consistency
from pdmr_classic.reporting.report._missing import list_missing
from pdmr_classic.reporting.report._parts import build_importance, build_members, build_subgroups
from pdmr_classic.reporting.report._provenance import build_provenance
from pdmr_classic.reporting.report._sources import Source
from pdmr_classic.reporting.report._summary import summarise_evaluation, summarise_files, summarise_model
from pdmr_classic.reporting.report._warnings import list_warnings

SHORTCUT = {"problem": "", "is_above_chance": False, "scores": {"f1": {"mean": 0.7}, "auc": {"mean": 0.55}}}
EVALUATION: dict[str, Any] = {
    "held_out": "new people",
    "positive": "Depression",
    "data": {"classes": {"Depression": 30, "Normal": 30}},
    "settings": {"data": {}, "learning": {"trials": 12}},
    "outer_folds": {"n_folds": 5, "n_repeats": 3, "is_one_way": False},
    "n_recordings": 60,
    "n_subjects": 30,
    "scores": {
        "f1": {"mean": 0.80, "sd": 0.02, "low": 0.72, "high": 0.86},
        "auc": {"mean": 0.85, "sd": 0.02, "low": 0.75, "high": 0.91},
    },
    "baselines": {"floor": {"label": "Depression", "f1": 0.667}, "shortcut": SHORTCUT},
    "confounds": {},
    "subgroups": {},
    "stress_tests": {},
}


def vary(**changes: Any) -> dict[str, Any]:
    """Return the evaluation with other values, by dotted names with __ for the dot."""
    content = deepcopy(EVALUATION)
    for name, value in changes.items():
        *keys, last = name.split("__")
        part = content
        for key in keys:
            part = part[key]
        part[last] = value
    return content


def summarise(evaluation: Mapping[str, Any]) -> tuple[str, str, str]:
    asked, answer, trust = summarise_evaluation(evaluation, ["video", "audio"], [])
    return asked, answer, trust


# ------------------------------------------------------------------------------------------------- summary


def test_the_summary_names_question_floor_shortcut_and_chance() -> None:
    asked, answer, trust = summarise(EVALUATION)
    assert asked == (
        "How well can Depression be recognised in new people from video and audio? Tested on 60 recordings of 30 "
        "people, each held out from training (5 folds, 3 repeats)."
    )
    assert "F1 of Depression is 0.80 (95% CI 0.72 to 0.86), better than the same answer for everyone" in answer
    assert "always answering Depression gives 0.67; recording conditions alone 0.70" in answer
    assert "AUC is 0.85" in answer
    assert "Nothing in these files speaks against the scores" in trust


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({"synthetic": True}, "synthetic, so that the scores say nothing about people"),
        ({"held_out": "another visit of known people"}, "not for new people"),
        ({"scores__f1__mean": 0.93}, "F1 of Depression above 0.90 is rare in this field: look for a leak"),
        ({"scores__auc__mean": 0.97}, "AUC above 0.90 is rare in this field: look for a leak"),
        ({"n_subjects": 12}, "only 12 people"),
        ({"baselines__shortcut__is_above_chance": True}, "recording conditions alone rank better than chance"),
        ({"confounds": {"found": ["length and frame rate"]}}, "predict the label (length and frame rate)"),
    ],
)
def test_the_third_sentence_names_each_reason_for_doubt(changes: dict[str, Any], phrase: str) -> None:
    assert phrase in summarise(vary(**changes))[2]


@pytest.mark.parametrize(("low", "is_said"), [(-0.03, True), (0.01, False), (None, False)])
def test_a_model_no_better_than_a_plain_logistic_regression_is_named(low: float | None, is_said: bool) -> None:
    plain = {"scores": {"auc": {"mean": 0.86}}, "differences": {"auc": {"difference": 0.02, "low": low, "high": 0.05}}}
    trust = summarise(vary(baselines__logistic_regression=plain))[2]
    assert ("plain logistic regression on all features (AUC 0.86 and 0.85)" in trust) == is_said


def test_a_score_of_exactly_09_is_no_leak() -> None:
    assert "leak" not in summarise(vary(scores__f1__mean=0.9))[2]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.6, 0.86, "not distinguishable from the same answer for everyone"),
        (0.4, 0.6, "worse than the same answer for everyone"),
        (None, None, "without an interval that could be compared"),
    ],
)
def test_the_answer_says_whether_the_floor_is_exceeded(low: float | None, high: float | None, verdict: str) -> None:
    assert verdict in summarise(vary(scores__f1__low=low, scores__f1__high=high))[1]


def test_an_unknown_score_is_called_unknown() -> None:
    unknown = {"mean": None, "low": None, "high": None, "reason": "one class only"}
    assert "the AUC is unknown" in summarise(vary(scores__auc=unknown))[1]


def test_the_answer_covers_the_severity_beside_the_classes() -> None:
    severity = {
        "scores": {"mae": {"mean": 3.68, "low": 2.66, "high": 5.0}, "ccc": {"mean": 0.74}},
        "baselines": {"mean": {"scores": {"mae": {"mean": 5.98}}}},
        "minus_constant": {"baseline": "mean"},
    }
    asked, answer, _ = summarise({**EVALUATION, "severity": severity})
    assert "Depression and severity" in asked
    assert answer.startswith("F1 of Depression is 0.80")
    assert "wrong by 3.68 (95% CI 2.66 to 5.00) points on average (the same severity for everyone: 5.98)" in answer
    alone = {name: part for name, part in EVALUATION.items() if name != "scores"}
    answer = summarise({**alone, "severity": severity, "data": {}, "positive": None})[1]
    assert answer.startswith("Predicted severities are wrong by 3.68")
    assert answer.endswith("is 0.74, by chance 0.")


def test_scores_for_known_people_are_not_asked_about_new_people() -> None:
    assert "in other visits of known people" in summarise(vary(held_out="another visit of known people"))[0]


def test_the_scores_of_a_model_alone_are_called_optimistic() -> None:
    scores = {"f1": 0.93, "floor": 0.67}
    manifest = {"classes": {"Depression": 3, "Normal": 3}, "positive": "Depression", "inner_scores": scores}
    asked, answer, trust = summarise_model({**manifest, "n_recordings": 6, "n_subjects": 1}, ["video"])
    assert asked.endswith("from video, on 6 recordings of 1 person.")
    assert "0.93 (always answering Depression: 0.67), which is optimistic" in answer
    assert "nothing is known about new people" in trust
    assert "look for a leak" in trust


def test_files_without_an_evaluation_say_what_they_found() -> None:
    results = {"positive": "Depression", "n": 26, "macro_f1": 0.7, "f1": 0.77, "floor": 0.63, "overlap": 2}
    shown, found, trust = summarise_files({"results": results, "audit": {"conclusion": ["Identity is clearly there."]}})
    assert shown == "This report shows results scored with labels and an identity audit."
    assert "F1 of Depression of the results is 0.77 (always answering Depression: 0.63)." in found
    assert "Identity is clearly there." in found
    assert "2 recordings were trained on; without an evaluation" in trust


# ------------------------------------------------------------------------------------------------ warnings


def test_warnings_are_listed_once_with_a_meaning() -> None:
    floor = {"code": "floor", "what": "F1 cannot be distinguished"}
    severity = {"warnings": [{"code": "severity-floor", "what": "MAE cannot be distinguished"}]}
    listed = list_warnings({"evaluation": {"warnings": [floor, floor], "severity": severity}})
    assert [warning["code"] for warning in listed] == ["floor", "severity-floor"]
    assert listed[0]["meaning"] == "The answers may be no better than giving everyone the same answer."


def test_a_warning_of_an_unknown_kind_is_shown_without_what_may_be_an_id() -> None:
    warning = {"code": "new-kind", "what": "something", "found": "S012", "file": "/home/S012.csv"}
    [listed] = list_warnings({"evaluation": {"warnings": [warning]}})
    assert "S012" not in str(listed)
    assert listed["meaning"] is None


# ------------------------------------------------------------------------------------------------- missing


def missing(evaluation: dict[str, Any], **sections: Any) -> list[str]:
    source = Source("evaluation", Path("e.json"), evaluation, "")
    return [part["what"] for part in list_missing({"evaluation": source}, sections)]


def test_what_an_old_evaluation_lacks_is_named() -> None:
    listed = "\n".join(missing(EVALUATION, threshold={"chosen": None}))
    for phrase in ("which recordings were excluded", "logistic regression", "base learners", "strongest channels"):
        assert phrase in listed
    assert "the thresholds that the models chose" in listed
    assert "no fold has recordings of both classes" in listed


def test_what_is_there_is_not_missing() -> None:
    full = vary(flow=[{}], baselines__logistic_regression={}, subgroups={"sex": {}}, stress_tests={"x": {}})
    sections = {"members": [{}], "importance": {"channels": {"AU12": 0.1}}, "roc": {}, "threshold": {"chosen": {}}}
    assert missing(full, **sections) == [
        "what recording conditions alone predict, group by group",
        "whether people can be recognised: there is no identity audit",
        "how the model performs on another data set: there is no validation",
    ]


def test_ids_that_were_asked_for_but_are_in_no_file_are_named_as_missing() -> None:
    sources = {"evaluation": Source("evaluation", Path("e.json"), EVALUATION, "")}
    assert "only results of predict have ids" in list_missing(sources, {}, with_ids=True)[-1]["what"]
    assert not any("ids" in part["what"] for part in list_missing(sources, {}))


# --------------------------------------------------------------------------------------------- consistency


MODEL = {
    "classes": {"Depression": 30, "Normal": 30},
    "data_fingerprint": "aa",
    "settings": {"data": {}, "learning": {"trials": 12}},
    "threshold": 0.4,
}


def check(model: dict[str, Any], **others: dict[str, Any]) -> None:
    contents = {"manifest": model, **others}
    check_consistency({kind: Source(kind, Path(f"{kind}.json"), content, "") for kind, content in contents.items()})


def test_files_of_the_same_data_and_settings_belong_together() -> None:
    check(MODEL, evaluation=vary(data__fingerprint="aa"))
    check(MODEL, evaluation=EVALUATION)  # of an older version, without a fingerprint


def test_the_training_part_of_a_split_belongs_to_the_model() -> None:
    evaluation = vary(outer_folds__is_one_way=True, data__classes={"Depression": 40, "Normal": 50})
    evaluation["data"] |= {"fingerprint": "bb", "training_fingerprint": "aa"}
    check(MODEL, evaluation=evaluation)
    evaluation["data"]["training_fingerprint"] = "cc"
    with pytest.raises(DataError, match="of other data than the manifest"):
        check(MODEL, evaluation=evaluation)


def test_importance_is_not_a_setting_of_the_model() -> None:
    settings = {"data": {}, "learning": {"trials": 12, "importance": False}}
    other = {**MODEL, "settings": {"data": {}, "learning": {"trials": 12, "importance": True}}}
    check(other, evaluation=vary(settings=settings))


def test_a_validation_of_another_model_is_refused() -> None:
    validation = {"training_classes": MODEL["classes"], "threshold": 0.4}
    check(MODEL, validation=validation)
    with pytest.raises(DataError, match=r"validation is of another model[^$]*expected: +the threshold 0.4"):
        check(MODEL, validation={**validation, "threshold": 0.5})
    with pytest.raises(DataError, match="validation is of other data"):
        check(MODEL, validation={**validation, "training_classes": {"Depression": 1}})


def check_with_evaluation(evaluation: dict[str, Any] = EVALUATION, **others: dict[str, Any]) -> None:
    contents = {"evaluation": evaluation, **others}
    check_consistency({kind: Source(kind, Path(f"{kind}.json"), content, "") for kind, content in contents.items()})


COMPARISON: dict[str, Any] = {
    "positive": "Depression",
    "main_score": "f1",
    "n_recordings": 60,
    "n_left_out": 0,
    "systems": {"model": {"f1": {"mean": 0.8}}, "view video": {"f1": {"mean": 0.7}}},
}
COMPARED = {**EVALUATION, "synthetic": False, "predictions": [{"recording": f"{number}"} for number in range(60)] * 3}


def test_a_comparison_of_the_evaluation_belongs_to_it() -> None:
    check_with_evaluation(COMPARED, comparison=COMPARISON)
    check_with_evaluation(COMPARED, comparison={**COMPARISON, "n_recordings": 58, "n_left_out": 2})
    views = {"view video": {"f1": {"mean": 0.7}}, "member video/svm": {"f1": {"mean": 0.6}}}
    check_with_evaluation(COMPARED, comparison={**COMPARISON, "systems": views, "n_recordings": 50})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positive": "Reaction"}, "comparison is of other data than the evaluation"),
        ({"n_recordings": 70}, "comparison is of other data[^$]*expected: +60 recordings[^$]*found: +70 recordings"),
        ({"systems": {"a": {"f1": {"mean": 0.79}}}}, "the evaluation is not one of those that were compared"),
        ({"systems": {"a": {"f1": {"mean": None}}}}, "the evaluation is not one of those that were compared"),
        ({"synthetic": True}, "comparison is of other data[^$]*found: +synthetic recordings"),
    ],
)
def test_a_comparison_without_the_evaluation_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_with_evaluation(COMPARED, comparison={**COMPARISON, **changes})


def test_an_audit_of_synthetic_recordings_does_not_belong_to_real_ones() -> None:
    check_with_evaluation(COMPARED, audit={"synthetic": False})
    with pytest.raises(DataError, match="the audit is of other data than the evaluation"):
        check_with_evaluation(COMPARED, audit={"synthetic": True})


def test_a_validation_needs_a_model_of_the_evaluated_data() -> None:
    validation = {"training_classes": EVALUATION["data"]["classes"], "threshold": 0.4, "synthetic": True}
    check_with_evaluation(validation=validation)
    with pytest.raises(DataError, match=r"validation is of other data than the evaluation[^$]*trained on 9 Normal"):
        check_with_evaluation(validation={**validation, "training_classes": {"Normal": 9}})


# --------------------------------------------------------------------------------------------------- parts


def test_members_of_an_older_evaluation_come_from_the_largest_combiner_of_the_model() -> None:
    combiners = {"audio": {"weights": {"audio/svm": 1.0}}, "both": {"weights": {"audio/svm": 0.3, "video/svm": 0.7}}}
    members = build_members({}, {"combiners": combiners})
    assert members is not None
    assert [(member["name"], member["view"], member["weight"]) for member in members[0]] == [
        ("video/svm", "video", 0.7),
        ("audio/svm", "audio", 0.3),
    ]
    assert build_members({}, {}) is None


def test_twenty_channels_are_listed_the_strongest_first() -> None:
    channels = {f"video AU{k:02d}_r": k / 100 for k in range(30)}
    importance = build_importance({"importance": {"by_view": {"video": 0.3}, "by_channel": channels}}, {})
    assert importance is not None
    assert list(importance["channels"])[:2] == ["video AU29_r", "video AU28_r"]
    assert len(importance["channels"]) == 20
    assert build_importance({"importance": {}}, {}) is None


def test_subgroups_of_single_people_are_numbered() -> None:
    group = {"n_recordings": 2, "n_subjects": 1, "scores": {}}
    part = {"groups": {"S01": group, "S02": group}, "gaps": {}}
    [section] = build_subgroups({"positive": "Depression", "subgroups": {"subject_id": part}})
    assert [row["value"] for row in section["groups"]] == ["person 1", "person 2"]


def test_settings_that_are_not_the_default_are_listed_without_folders() -> None:
    settings = {"data": {"groups": "/home/anna/groups.csv", "id_column": None}, "learning": {"seed": 3, "trials": 12}}
    how = build_provenance(Source("manifest", Path("models/mine.json"), {"settings": settings}, ""))
    assert how["command"] == "pdmr-classic fit DATA --config mine.json"
    assert how["settings"] == [
        {"name": "data.groups", "value": "groups.csv", "default": None},
        {"name": "learning.seed", "value": 3, "default": 0},
    ]
