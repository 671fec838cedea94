"""Skewed severity and the interviewer condition: planted effects, and a default set that they do not change."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pdmr_classic import make_synthetic
from pdmr_classic.errors import ConfigError
from pdmr_classic.synthetic import signals
from pdmr_classic.synthetic.conditions import CONDITION_EFFECTS, behaviour_shifts, severity_effects
from pdmr_classic.synthetic.dataset import make_signals
from pdmr_classic.synthetic.plan import PlannedRecording, plan_recordings

DEFAULT: dict[str, Any] = {
    "subjects": 60,
    "segments": 3,
    "seed": 0,
    "missing": 0.05,
    "masked": 0.2,
    "seconds": (20.0, 40.0),
}


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# ---------------------------------------------------------------- the default set


@pytest.mark.parametrize(
    ("number", "video", "audio", "behaviours"),
    [
        (0, 735207.9658568708, 22.27605922074337, 7.520977361129031),
        (1, 500227.01967219706, 22.205494993460416, -5.16595067077869),
        (100, 488026.1181239066, 22.376245844449755, -5.0297165945763656),
    ],
)
def test_signals_of_the_default_set_are_those_recorded_before_there_were_conditions(
    number: int, video: float, audio: float, behaviours: float
) -> None:
    made = make_signals(plan_recordings(**DEFAULT)[number], seed=0)
    assert made.video is not None
    assert made.audio is not None
    # Not a digest of the bytes: the last digits depend on the CPU.
    assert made.video[:, 4:].sum() == pytest.approx(video, rel=1e-9)
    assert np.abs(made.audio).sum() == pytest.approx(audio, rel=1e-9)
    assert made.behaviours.sum() == pytest.approx(behaviours, rel=1e-9)


def test_labels_and_notice_of_a_default_set_are_unchanged(tmp_path: Path) -> None:
    make_synthetic(tmp_path / "set", subjects=12, segments=2, seconds=(2, 3), seed=1)
    digests = {
        name: hashlib.sha256((tmp_path / "set" / name).read_bytes()).hexdigest()[:16]
        for name in ("SYNTHETIC.md", "train/labels.csv", "test/labels.csv")
    }
    assert digests == {
        "SYNTHETIC.md": "ad618468d05b8f8e",
        "train/labels.csv": "44fb773b1a373af9",
        "test/labels.csv": "74e8733964a25f07",
    }


def test_a_condition_changes_neither_labels_nor_recording_conditions() -> None:
    plain, conditions = plan_recordings(**DEFAULT), plan_recordings(**DEFAULT, condition=True)
    assert {recording.interviewer for recording in plain} == {""}
    assert [replace(recording, interviewer="") for recording in conditions] == plain


# ---------------------------------------------------------------- severity


def test_a_share_of_three_in_ten_gives_skewed_scores_with_few_severe_ones() -> None:
    plan = plan_recordings(**(DEFAULT | {"subjects": 2000, "segments": 1}), depressed=0.3)
    scores = np.array([int(recording.severity) for recording in plan])
    assert np.mean(scores >= signals.CUT_OFF) == pytest.approx(0.3, abs=0.001)
    assert np.mean(scores >= 20) == pytest.approx(0.045, abs=0.02)
    assert np.mean((scores - scores.mean()) ** 3) / scores.std() ** 3 > 0.6
    assert set(range(22)) < set(scores.tolist())


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9, 1.0])
@pytest.mark.parametrize("subjects", [8, 9, 11, 30])
def test_each_split_has_subjects_of_both_statuses_at_any_share(subjects: int, share: float) -> None:
    plan = plan_recordings(**(DEFAULT | {"subjects": subjects}), depressed=share)
    for split in ("train", "test"):
        assert {r.status for r in plan if r.split == split} == {"Normal", "Depression"}


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_an_invalid_share_is_rejected(tmp_path: Path, share: float) -> None:
    with pytest.raises(ConfigError, match="depressed is out of range"):
        make_synthetic(tmp_path / "set", depressed=share)


# ---------------------------------------------------------------- condition


@pytest.fixture(scope="module")
def plan() -> list[PlannedRecording]:
    return plan_recordings(**(DEFAULT | {"subjects": 1500}), condition=True)


def test_the_condition_is_independent_of_severity_status_and_gender(plan: list[PlannedRecording]) -> None:
    is_human = np.array([recording.interviewer == "human" for recording in plan], dtype=float)
    assert is_human.mean() == pytest.approx(0.5, abs=0.03)
    # With 4500 independent draws, the standard error of a correlation is 0.015.
    for name in ("severity", "n_frames", "masked"):
        assert abs(np.corrcoef(is_human, [getattr(recording, name) for recording in plan])[0, 1]) < 0.05
    for values in ([r.status == "Depression" for r in plan], [r.gender == "f" for r in plan]):
        assert abs(np.corrcoef(is_human, values)[0, 1]) < 0.05


def test_most_subjects_meet_both_interviewers(plan: list[PlannedRecording]) -> None:
    met: dict[int, set[str]] = {}
    for recording in plan:
        met.setdefault(recording.subject, set()).add(recording.interviewer)
    assert np.mean([len(interviewers) == 2 for interviewers in met.values()]) == pytest.approx(0.75, abs=0.05)


def test_latent_behaviours_have_exactly_the_documented_effects(plan: list[PlannedRecording]) -> None:
    pairs = [(replace(r, interviewer="human"), replace(r, interviewer="robot")) for r in plan[:20]]
    names = signals.BEHAVIOUR_NAMES
    listed = {effect.behaviour for effect in CONDITION_EFFECTS}
    for human, robot in pairs:
        differences = make_signals(replace(human, n_frames=30), seed=0).behaviours
        differences = differences - make_signals(replace(robot, n_frames=30), seed=0).behaviours
        changed = dict(zip(names, differences, strict=True))
        # The subject's expressed severity is the same in both, so all interactions are multiples of one number.
        factor = changed["dimpler"] / 1.00
        for effect in CONDITION_EFFECTS:
            expected = effect.human_shift + factor * (effect.with_human - effect.with_robot)
            assert changed[effect.behaviour] == pytest.approx(expected)
        assert all(changed[name] == 0.0 for name in names if name not in listed)


def test_every_listed_behaviour_exists() -> None:
    assert {effect.behaviour for effect in CONDITION_EFFECTS} < set(signals.BEHAVIOUR_NAMES)
    assert np.array_equal(severity_effects(""), [behaviour.effect for behaviour in signals.BEHAVIOURS])
    assert not behaviour_shifts("robot").any()


@pytest.fixture(scope="module")
def measures() -> dict[str, dict[str, np.ndarray]]:
    """Measure 80 subjects at severity 2 and at 20 with each interviewer; each measure has shape [2, 80]."""
    recording = plan_recordings(**(DEFAULT | {"subjects": 8, "missing": 0.0, "masked": 0.0}))[0]
    recording = replace(recording, n_frames=900, frame_rate_hz=30.0)
    found: dict[str, dict[str, np.ndarray]] = {}
    for interviewer in ("human", "robot"):
        sides = [
            [measure(replace(recording, severity=s, subject=k, interviewer=interviewer)) for k in range(80)]
            for s in (2.0, 20.0)
        ]
        found[interviewer] = {name: np.array([[row[name] for row in side] for side in sides]) for name in sides[0][0]}
    return found


def measure(recording: PlannedRecording) -> dict[str, float]:
    video = make_signals(recording, seed=5).video
    assert video is not None
    column = dict(zip(signals.VIDEO_COLUMNS, video.T, strict=True))
    # Gaps of less than a third of a second are pauses between syllables.
    talks = np.convolve(column["AU25_r"] > 0.5, np.ones(10), "same") > 0
    pauses = np.diff(np.flatnonzero(np.diff(np.concatenate([[1], talks, [1]]))))[::2]
    return {
        "AU12": column["AU12_r"].mean(),
        "AU14": column["AU14_r"].mean(),
        "AU15": column["AU15_r"].mean(),
        "AU17": column["AU17_r"].mean(),
        "gaze_down": column["gaze_angle_y"].mean(),
        "nodding": float(np.sqrt(np.mean(np.diff(column["pose_Rx"], n=2) ** 2))),
        "pause": float(pauses.mean()) if len(pauses) else 0.0,
        "AU04": column["AU04_r"].mean(),
    }


def standardized_difference(low: np.ndarray, high: np.ndarray) -> float:
    return float((high.mean() - low.mean()) / np.sqrt((low.var() + high.var()) / 2))


@pytest.mark.parametrize(
    ("name", "with_human", "with_robot"),
    [
        ("AU12", 0, -1),
        ("AU14", 1, 0),
        ("AU15", -1, 1),
        ("AU17", 0, 1),
        ("gaze_down", 1, 0),
        ("AU04", 0, 0),
        ("pause", 0, 0),
    ],
)
def test_the_effect_of_severity_depends_on_the_interviewer(
    measures: dict[str, dict[str, np.ndarray]], name: str, with_human: int, with_robot: int
) -> None:
    for interviewer, sign in (("human", with_human), ("robot", with_robot)):
        difference = standardized_difference(*measures[interviewer][name])
        if sign:
            assert sign * difference > 0.5
        else:
            # The standard error is 0.16; behaviour also varies within severity.
            assert abs(difference) < 0.4


@pytest.mark.parametrize("name", ["AU12", "nodding", "pause"])
def test_a_human_interviewer_brings_more_smiles_nods_and_longer_pauses(
    measures: dict[str, dict[str, np.ndarray]], name: str
) -> None:
    robot, human = (measures[interviewer][name].mean(axis=0) for interviewer in ("robot", "human"))
    assert standardized_difference(robot, human) > 0.4


# ---------------------------------------------------------------- files


def test_labels_truth_and_notice_contain_the_condition(tmp_path: Path) -> None:
    make_synthetic(tmp_path / "set", subjects=12, segments=2, seconds=(2, 3), condition=True, depressed=0.3, truth=True)
    for split in ("train", "test"):
        labels = read_rows(tmp_path / "set" / split / "labels.csv")
        assert list(labels[0])[-1] == "interviewer"
        truth = read_rows(tmp_path / "set" / "truth" / f"{split}.csv")
        assert [row["interviewer"] for row in truth] == [row["interviewer"] for row in labels]
        assert {row["interviewer"] for row in labels} == {"human", "robot"}
    notice = (tmp_path / "set" / "SYNTHETIC.md").read_text()
    assert "depressed=0.3, condition=True" in notice
    assert all(f"| {effect.behaviour} | {effect.with_human:+.2f} |" in notice for effect in CONDITION_EFFECTS)
    assert {"common_auc", "oracle_auc"} < set(json.loads((tmp_path / "set/truth/ceiling.json").read_text()))
