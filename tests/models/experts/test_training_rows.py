from __future__ import annotations

import numpy as np
import pytest

from pdmr_classic.models.experts.training_rows import choose_experts, expert_weights, list_conditions

CONDITIONS = np.array(["human"] * 6 + ["robot"] * 6 + [""] * 2, dtype=object)
GROUPS = np.array([0, 0, 1, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7])


def test_rows_of_other_conditions_count_less_the_more_subjects_a_condition_has() -> None:
    weights = expert_weights(CONDITIONS, GROUPS, "human")
    assert weights.tolist() == [1.0] * 6 + [pytest.approx(10 / 14)] * 8
    many = np.append(np.repeat("human", 90), "robot")
    assert expert_weights(many, np.arange(91), "human")[-1] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("conditions", "condition"), [(["a"] * 4, "a"), (["a", "a", "", ""], "a"), (["a", "b", "a", "b"], "c")]
)
def test_weights_are_ones_with_one_condition_or_without_rows_of_it(conditions: list[str], condition: str) -> None:
    assert expert_weights(np.array(conditions, dtype=object), np.arange(4), condition).tolist() == [1.0] * 4


def test_known_conditions_are_sorted() -> None:
    assert list_conditions(CONDITIONS[::-1]) == ["human", "robot"]


def test_a_condition_needs_two_subjects_of_each_class() -> None:
    codes = (GROUPS % 2).astype(np.intp)
    experts, findings = choose_experts(CONDITIONS, GROUPS, codes)
    assert (experts, findings) == (["human", "robot"], [])
    # Without subject 2, only subject 0 of class 0 has met a human.
    experts, (finding,) = choose_experts(CONDITIONS, GROUPS, codes, (GROUPS != 2).astype(float))
    assert experts == ["robot"]
    assert finding.what == "condition 'human' gets no expert: the common model is used"
    assert finding.found == "1 subject of one class"
    assert finding.expected == "at least 2 subjects per class"


def test_recordings_of_one_subject_count_once() -> None:
    conditions = np.array(["a"] * 8 + ["b"] * 4, dtype=object)
    groups = np.array([0] * 8 + [1, 2, 3, 4])
    experts, (finding,) = choose_experts(conditions, groups)
    assert experts == ["b"]
    assert (finding.code, finding.found) == ("small-condition", "1 subject")


@pytest.mark.parametrize(("conditions", "what"), [(["a"] * 3, "the only condition is 'a'"), ([""] * 3, "no recording")])
def test_fewer_than_two_conditions_need_no_expert(conditions: list[str], what: str) -> None:
    experts, (finding,) = choose_experts(np.array(conditions, dtype=object), np.arange(3))
    assert experts == []
    assert finding.code == "one-condition"
    assert what in finding.what
