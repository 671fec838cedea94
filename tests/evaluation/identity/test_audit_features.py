"""Identity audit of feature tables: planted identity is found, and what is not there is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.evaluation.identity import _attackers
from pdmr_classic.evaluation.identity._attackers import ATTACKERS, Cosine, attack_pairs
from pdmr_classic.evaluation.identity._conclusions import conclude
from pdmr_classic.evaluation.identity._estimates import RowScores, describe_estimate
from pdmr_classic.evaluation.identity._pair_scores import PairScores, equal_error_rate
from pdmr_classic.evaluation.identity._rows import Rows
from pdmr_classic.evaluation.identity.audit_features import audit_features, use_cheap_settings

QUICK = Settings().override(
    {"learning.learners": ("svm", "lightgbm"), "learning.trials": 1, "learning.repeats": 1, "learning.folds": 2}
)
Study = tuple[pd.DataFrame, pd.Series, pd.Series]


def study(
    identity: float, *, label: float = 1.0, subjects: int = 40, recordings: int = 3, columns: int = 20, seed: int = 0
) -> Study:
    """Return recordings whose features are noise, a habit of the subject, and an effect of the label."""
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(subjects), recordings)
    effect = np.outer(subject % 2, rng.normal(size=columns))
    habits = rng.normal(size=(subjects, columns))[subject]
    X = rng.normal(size=(len(subject), columns)) + identity * habits + label * effect
    index = pd.Index([f"r{k:03d}" for k in rng.permutation(len(subject))], name="data_id")
    names = [f"video__c{k}__mean" for k in range(columns)]
    status = pd.Series(np.where(subject % 2, "Depression", "Normal"), index)
    return pd.DataFrame(X, index, names), pd.Series([f"S{k}" for k in subject], index), status


def find(audit: dict[str, Any], name: str) -> dict[str, Any]:
    part: dict[str, Any] = next(part for part in audit["representations"] if part["name"] == name)
    return part


# ------------------------------------------------------------------------------------------------- identity


def test_planted_identity_is_found_in_features_and_inputs_but_hardly_in_predictions() -> None:
    audit = audit_features(*study(2.0), settings=QUICK)
    for name in ("raw features", "selected features", "model inputs"):
        part = find(audit, name)
        assert part["verification"]["auc"]["low"] > 0.95
        assert part["verification"]["eer"]["high"] < 0.1
        assert part["identification"]["low"] > part["identification"]["chance"] + 0.3
    assert find(audit, "predictions")["verification"]["auc"]["value"] < 0.9
    assert audit["attackers_learn_from"] == "other people that the model was not trained on"
    assert "clearly there" in audit["conclusion"][0]


def test_without_identity_the_interval_contains_chance_in_most_studies() -> None:
    parts = []
    for seed in range(20):
        features, groups, _ = study(0.0, label=0.0, subjects=24, columns=8, seed=seed)
        parts.append(find(audit_features(features, groups), "raw features"))
    aucs = [part["verification"]["auc"] for part in parts]
    hits = [part["identification"] for part in parts]
    assert sum(auc["low"] <= 0.5 <= auc["high"] for auc in aucs) >= 17
    assert sum(hit["low"] <= hit["chance"] <= hit["high"] for hit in hits) >= 17
    assert abs(np.mean([auc["value"] for auc in aucs]) - 0.5) < 0.03


def test_a_label_that_is_easy_to_see_does_not_count_as_identity() -> None:
    features, groups, status = study(0.0, label=3.0, seed=1)
    auc = find(audit_features(features, groups, status, settings=QUICK), "raw features")["verification"]["auc"]
    assert auc["low"] <= 0.5 <= auc["high"]
    # Without labels, it cannot be told from identity, and that is said.
    unlabelled = audit_features(features, groups)
    assert find(unlabelled, "raw features")["verification"]["auc"]["low"] > 0.55
    assert any("no labels" in limit for limit in unlabelled["limits"])


def test_attackers_never_learn_from_people_that_they_attack(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[set[int], set[int]]] = []

    class Spy(Cosine):
        def fit(self, Z: np.ndarray, rows: Rows, seed: int) -> Self:
            self.known = {*rows.subject.tolist()}
            return self

    def attack_and_record(name: str, train: Any, train_rows: Rows, test: Any, test_rows: Rows, seed: int) -> Any:
        seen.append(({*train_rows.subject.tolist()}, {*test_rows.subject.tolist()}))
        return attack_pairs(name, train, train_rows, test, test_rows, seed)

    monkeypatch.setitem(_attackers.ATTACKERS, "cosine", Spy)
    monkeypatch.setattr("pdmr_classic.evaluation.identity._attack.attack_pairs", attack_and_record)
    audit = audit_features(*study(1.0), settings=QUICK)
    assert len(seen) > 20
    assert all(not known & attacked for known, attacked in seen)
    assert audit["n_attacked_subjects"] == 40


def test_the_attack_is_chosen_on_training_subjects(monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind(Cosine):
        def score(self, Z: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
            return np.zeros(len(first))

    monkeypatch.setitem(_attackers.ATTACKERS, "boosting", Blind)
    features, groups, _ = study(2.0)
    attackers = find(audit_features(features, groups), "raw features")["verification"]["attackers"]
    assert "boosting" not in attackers


def test_few_people_are_attacked_by_what_was_learned_from_training_people() -> None:
    audit = audit_features(*study(2.0, subjects=12), settings=QUICK)
    assert audit["attackers_learn_from"] == "people that the model was trained on"
    assert [part["name"] for part in audit["representations"]] == ["raw features", "selected features", "model inputs"]
    assert any("only 12 people" in limit for limit in audit["limits"])


def test_a_result_depends_on_neither_jobs_nor_the_names_of_subjects() -> None:
    features, groups, status = study(1.0, subjects=12, columns=8)
    first = audit_features(features, groups, status, settings=QUICK)
    assert first == audit_features(features, groups, status, settings=QUICK, jobs=2)
    text = str(first)
    assert not any(f"'{name}'" in text for name in (*groups, *features.index))


def test_too_few_people_are_refused() -> None:
    features, groups, status = study(1.0, subjects=3)
    with pytest.raises(DataError, match="too few people to attack"):
        audit_features(features, groups)
    with pytest.raises(DataError, match="too few people to attack"):
        audit_features(features, groups.map(lambda name: "S1"), status)


def test_people_with_one_recording_have_no_pairs_and_it_is_said() -> None:
    features, groups, _ = study(1.0, recordings=1)
    audit = audit_features(features, groups)
    assert find(audit, "raw features")["verification"]["auc"]["reason"].startswith("there are no pairs")
    assert "not measured" in audit["conclusion"][0]


# -------------------------------------------------------------------------------------------- a given model


def test_a_given_model_is_attacked_on_people_it_was_not_trained_on() -> None:
    features, groups, status = study(2.0, subjects=60)
    in_training = groups.isin([f"S{k}" for k in range(30)])
    model = DepressionModel(QUICK).fit(features[in_training], status[in_training], groups[in_training])
    audit = audit_features(features, groups, status, model=model, in_training=in_training)
    assert audit["n_attacked_subjects"] == 30
    stored = audit["stored"]
    assert (stored["linked"], stored["member"]) == (1.0, "video/svm")
    assert stored["identification"]["low"] > 3 * stored["identification"]["chance"]
    assert audit["membership"]["attacks"]["stored rows"]["low"] > 0.9
    assert audit["membership"]["log_loss_training"] < audit["membership"]["log_loss_unseen"]


def test_without_training_recordings_there_is_no_membership_attack() -> None:
    features, groups, status = study(1.0, subjects=40)
    half = groups.isin([f"S{k}" for k in range(20)])
    model = DepressionModel(QUICK).fit(features[half], status[half], groups[half])
    audit = audit_features(features[~half], groups[~half], status[~half], model=model)
    assert audit["membership"] == {"reason": "there are no training recordings of a model"}
    assert audit["stored"]["n_rows"] > 0
    assert audit["stored"]["linked"] is None


def test_a_model_without_training_rows_stores_none() -> None:
    settings = QUICK.override({"learning.learners": ("lightgbm",)})
    audit = audit_features(*study(1.0), settings=settings)
    assert audit["stored"]["n_rows"] == 0
    assert "stored rows" not in audit["membership"]["attacks"]
    assert any("stores no rows" in sentence for sentence in audit["conclusion"])


def test_members_cannot_be_told_where_the_model_has_not_seen_them() -> None:
    features, groups, status = study(0.0, subjects=80, seed=3)
    trained, claimed = (groups.isin([f"S{k}" for k in part]) for part in (range(40), range(40, 60)))
    model = DepressionModel(QUICK).fit(features[trained], status[trained], groups[trained])
    rest = ~trained
    audit = audit_features(features[rest], groups[rest], status[rest], model=model, in_training=claimed[rest])
    attacks = audit["membership"]["attacks"]
    assert attacks["loss"]["low"] <= 0.5 <= attacks["loss"]["high"]
    assert audit["stored"]["linked"] == 0.0


def test_no_model_is_trained_on_a_class_of_few_people() -> None:
    features, groups, status = study(1.0)
    status[groups.isin(["S1", "S3"])] = "Rare"
    audit = audit_features(features, groups, status, settings=QUICK)
    assert (audit["model"], len(audit["representations"])) == ("none", 1)
    assert any("at least two classes need four subjects each" in limit for limit in audit["limits"])


def test_large_sets_are_sampled_by_whole_subjects() -> None:
    rows = Rows(np.repeat(np.arange(50), 20), np.zeros(1000, dtype=np.intp))
    sample = rows.subject[rows.sample(np.random.default_rng(0), 100)]
    _, counts = np.unique(sample, return_counts=True)
    assert (counts.tolist(), len(sample)) == ([8] * 12, 96)


def test_settings_of_learning_that_are_not_set_become_cheap() -> None:
    assert use_cheap_settings(Settings()).learning.trials == 1
    assert use_cheap_settings(Settings().override({"learning.trials": 7})).learning.trials == 7


# ----------------------------------------------------------------------------------------------- attributes


def test_a_planted_attribute_is_inferred_and_another_is_not() -> None:
    features, groups, status = study(0.5)
    rng = np.random.default_rng(5)
    subjects = [f"S{k}" for k in range(40)]
    gender = groups.map(dict(zip(subjects, np.array(["f", "f", "m", "m"] * 10), strict=True)))
    other = groups.map(dict(zip(subjects, rng.permutation(["a", "b"] * 20), strict=True)))
    features.iloc[:, :4] += 3.0 * (gender == "m").to_numpy()[:, None]
    audit = audit_features(features, groups, status, attributes={"gender": gender, "other": other}, settings=QUICK)
    inferred = find(audit, "raw features")["attributes"]
    assert inferred["gender"]["low"] > 0.7
    assert inferred["other"]["low"] <= 0.5 <= inferred["other"]["high"]


def test_numbers_are_inferred_as_above_the_median() -> None:
    features, groups, _ = study(0.5)
    age = groups.str[1:].astype(int)
    features["video__c0__mean"] = age + 0.0
    audit = audit_features(features, groups, attributes={"age": age.astype(str)})
    assert find(audit, "raw features")["attributes"]["age"]["low"] > 0.6


def test_an_attribute_of_single_people_is_refused() -> None:
    features, groups, _ = study(0.5)
    with pytest.raises(ConfigError, match="--attribute name cannot be inferred"):
        audit_features(features, groups, attributes={"name": groups})


# -------------------------------------------------------------------------------------------------- figures


def test_the_equal_error_rate_is_0_when_separable_and_half_when_all_scores_are_equal() -> None:
    same, weights = np.array([True, True, False, False]), np.ones((4, 1))
    assert equal_error_rate(np.array([3.0, 2.0, 1.0, 0.0]), same, weights) == pytest.approx(0.0)
    assert equal_error_rate(np.zeros(4), same, weights) == pytest.approx(0.5)
    assert equal_error_rate(np.array([0.0, 1.0, 2.0, 3.0]), same, weights) == pytest.approx(1.0)


def test_subjects_count_equally_whatever_their_number_of_recordings() -> None:
    rows = Rows(np.array([0] * 4 + [1] * 2 + [2] * 2), np.zeros(8, dtype=np.intp))
    first, second = rows.pairs()
    same = rows.subject[first] == rows.subject[second]
    # Only the pairs of the first subject, 6 of 8, look like one person.
    score = np.where(same & (rows.subject[first] == 0), 1.0, np.where(same, -1.0, 0.0))
    auc, _ = PairScores(rows, first, second, score, "any").verify(np.ones((3, 1)))
    assert auc[0] == pytest.approx(1 / 3)


def test_probes_are_found_among_subjects_with_recordings_of_the_same_label() -> None:
    rows = Rows(np.array([0, 0, 1, 1, 2]), np.array([0, 0, 0, 0, 1]))
    first, second = rows.pairs()
    score = (rows.subject[first] == rows.subject[second]).astype(float)
    subject, hits, chance = PairScores(rows, first, second, score, "any").identify()
    assert (subject.tolist(), hits.tolist(), chance.tolist()) == ([0, 0, 1, 1], [1.0] * 4, [0.5] * 4)


def test_ties_are_found_by_chance() -> None:
    rows = Rows(np.repeat([0, 1, 2], 2), np.zeros(6, dtype=np.intp))
    first, second = rows.pairs()
    _, hits, chance = PairScores(rows, first, second, np.zeros(len(first)), "any").identify()
    assert hits == pytest.approx(chance)


@pytest.mark.parametrize("name", ATTACKERS)
def test_each_attacker_finds_planted_identity_and_accepts_rows_without_values(name: str) -> None:
    features, groups, _ = study(2.0, label=0.0)
    X = features.to_numpy().copy()
    rows = Rows(np.unique(groups, return_inverse=True)[1], np.zeros(len(X), dtype=np.intp))
    train = rows.subject < 25
    X[np.flatnonzero(~train)[0]] = np.nan
    pairs = attack_pairs(name, X[train], rows.select(train), X[~train], rows.select(~train), 0)
    auc, _ = PairScores(rows.select(~train), *pairs, attacker=name).verify(np.ones((40, 1)))
    assert auc[0] > 0.85


def test_a_score_is_compared_within_labels_only() -> None:
    label = np.array([0, 0, 1, 1])
    scores = RowScores(np.array([0.0, 1.0, 10.0, 11.0]), np.array([True, False, True, False]), label, np.arange(4))
    assert scores.auc(np.ones((4, 1)))[0] == 0.0


def test_an_estimate_without_spread_has_the_interval_of_so_many_subjects() -> None:
    part = describe_estimate(np.full(20, 0.75), 4, 0.5)
    assert part["low"] < 0.3
    assert part["high"] > 0.95
    for value in (1.0, 1.0 - 2e-16):
        perfect = describe_estimate(np.full(20, value), 10, 0.5)
        assert (perfect["low"], perfect["high"]) == (pytest.approx(0.025**0.1), 1.0)


def conclusions(auc: Sequence[float | None]) -> list[str]:
    value, low, high = auc
    part = {"value": value, "low": low, "high": high, "chance": 0.5}
    none = {"value": None, "low": None, "high": None, "chance": None, "reason": "few"}
    shown = {"name": "raw features", "verification": {"auc": part}, "identification": none, "attributes": {"sex": part}}
    audit = {
        "representations": [shown],
        "unit": "halves",
        "stored": None,
        "membership": {"attacks": {"loss": part}},
    }
    return conclude(audit)


@pytest.mark.parametrize(
    ("auc", "verdict"),
    [
        ((0.95, 0.9, 1.0), "clearly there: the attackers nearly always tell two halves"),
        ((0.7, 0.6, 0.8), "there: the attackers tell two halves"),
        ((0.55, 0.45, 0.65), "not found by these attackers (AUC 0.55"),
        ((0.6, 0.4, 0.8), "neither found nor ruled out by these attackers: too few people (AUC 0.60"),
        ((0.5, None, None), "neither found nor ruled out by these attackers: too few people (AUC 0.50, chance"),
        ((0.3, 0.2, 0.4), "wrong more often than by chance"),
    ],
)
def test_sentences_follow_the_interval(auc: Sequence[float | None], verdict: str) -> None:
    assert verdict in conclusions(auc)[0]


@pytest.mark.parametrize(
    ("auc", "start"),
    [
        ((0.7, 0.6, 0.8), ""),
        ((0.55, 0.45, 0.7), "No evidence that "),
        ((0.3, 0.2, 0.4), "No evidence that "),
        ((0.55, 0.3, 0.71), "Too few people to tell whether "),
        ((0.5, None, None), "Too few people to tell whether "),
    ],
)
def test_only_a_narrow_interval_reassures(auc: Sequence[float | None], start: str) -> None:
    _, membership, attribute = conclusions(auc)
    it = "it" if start else "It"
    assert membership.startswith(f"{start}{it} can be told from the probability of its true class whether a recording")
    assert attribute.startswith(f"{start}sex can be predicted from the raw features (AUC")
