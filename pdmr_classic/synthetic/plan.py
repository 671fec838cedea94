"""Plan of a synthetic set: subjects, labels and recording conditions, drawn before and independently of signals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pdmr_classic.errors import ConfigError
from pdmr_classic.synthetic.conditions import HUMAN, ROBOT
from pdmr_classic.synthetic.signals import CUT_OFF

SPLITS = ("train", "test")
STATUS = ("Normal", "Depression")
_MIN_SUBJECTS = 8
_MIN_SECONDS = 1.0

# Keys of the random streams, followed by the subject and segment numbers.
_SUBJECTS, _ORDER, SUBJECT, RECORDING = range(4)


@dataclass(frozen=True)
class PlannedRecording:
    """One recording of the plan, without signals.

    `subject` and `segment` count from 0 and select the random streams; `severity` is continuous, labels.csv contains
    its integer part.
    """

    split: str
    data_id: str
    subject: int
    segment: int
    subject_id: str
    gender: str
    severity: float
    frame_rate_hz: float
    n_frames: int
    has_video: bool
    has_audio: bool
    masked: bool
    interviewer: str = ""  # "" in a set without conditions

    @property
    def status(self) -> str:
        return STATUS[self.severity >= CUT_OFF]


def plan_recordings(
    *,
    subjects: int,
    segments: int,
    seed: int,
    missing: float,
    masked: float,
    seconds: Sequence[float],
    depressed: float = 0.5,
    condition: bool = False,
) -> list[PlannedRecording]:
    """Draw the subjects, labels and recording conditions of a synthetic set.

    Parameters and errors are those of `make_synthetic`. Recordings are sorted by split (train first) and data_id.
    """
    _check_arguments(subjects, segments, seed, missing, masked, seconds, depressed)
    plan: list[PlannedRecording] = []
    drawn_subjects = _draw_subjects(subjects, seed, depressed)
    for split in SPLITS:
        keys = [(s, k) for s in range(subjects) if drawn_subjects[s]["split"] == split for k in range(segments)]
        order = random_stream(seed, _ORDER, SPLITS.index(split)).permutation(len(keys))
        for number, index in enumerate(order, start=1):
            subject, segment = keys[index]
            conditions = _draw_conditions(random_stream(seed, RECORDING, subject, segment, 0), missing, masked, seconds)
            plan.append(
                PlannedRecording(
                    data_id=f"{number:03d}",
                    subject=subject,
                    segment=segment,
                    **drawn_subjects[subject],
                    **conditions,
                    interviewer=_draw_interviewer(seed, subject, segment) if condition else "",
                )
            )
    return plan


def _draw_subjects(subjects: int, seed: int, share: float) -> list[dict[str, Any]]:
    """Return split, subject_id, gender and severity of each subject; the same share of each split is depressed."""
    rng = random_stream(seed, _SUBJECTS)
    n_train = round(subjects * 2 / 3)
    n_test = subjects - n_train
    splits = np.array(["train"] * n_train + ["test"] * n_test)
    # Two subjects of each status in train, and one in test, at any share.
    n_positive = np.clip(math.ceil(share * n_train), 2, n_train - 2), np.clip(math.floor(share * n_test), 1, n_test - 1)
    depressed = np.concatenate([np.arange(n_train) < n_positive[0], np.arange(n_test) < n_positive[1]])
    order, numbers = rng.permutation(subjects), rng.permutation(subjects) + 1
    return [
        {
            "split": str(splits[index]),
            "subject_id": f"S{number:03d}",
            **_draw_person(random_stream(seed, SUBJECT, subject, 0), bool(depressed[index])),
        }
        for subject, (index, number) in enumerate(zip(order, numbers, strict=True))
    ]


def _draw_person(rng: np.random.Generator, depressed: bool) -> dict[str, Any]:
    # PHQ-8 scores are skewed in both groups, with modes near 3 (healthy) and 15 (depressed).
    severity = CUT_OFF + 14.99 * rng.beta(1.5, 2.2) if depressed else (CUT_OFF - 0.01) * rng.beta(1.3, 2.0)
    return {"severity": float(severity), "gender": "f" if rng.random() < 0.5 else "m"}


def _draw_conditions(
    rng: np.random.Generator, missing: float, masked: float, seconds: Sequence[float]
) -> dict[str, Any]:
    """Draw frame rate, duration, missing files and masking of one recording, independently of the subject."""
    rate = 30.0 if rng.random() < 0.8 else 25.0
    n_frames = round(rng.uniform(seconds[0], seconds[1]) * rate)
    is_incomplete, lacks_video, is_masked = rng.random() < missing, rng.random() < 0.5, rng.random() < masked
    return {
        "frame_rate_hz": rate,
        "n_frames": n_frames,
        "has_video": not (is_incomplete and lacks_video),
        "has_audio": not (is_incomplete and not lacks_video),
        "masked": is_masked,
    }


def _draw_interviewer(seed: int, subject: int, segment: int) -> str:
    return HUMAN if random_stream(seed, RECORDING, subject, segment, 5).random() < 0.5 else ROBOT


def random_stream(seed: int, *key: int) -> np.random.Generator:
    """Return the random stream of a key, independent of all other keys."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _check_arguments(
    subjects: int,
    segments: int,
    seed: int,
    missing: float,
    masked: float,
    seconds: Sequence[float],
    depressed: float,
) -> None:
    for name, count, minimum in (
        ("subjects", subjects, _MIN_SUBJECTS),
        ("segments", segments, 1),
        ("seed", seed, 0),
    ):
        if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or count < minimum:
            _raise_invalid(name, f"an integer of at least {minimum}", count)
    for name, share in (("missing", missing), ("masked", masked), ("depressed", depressed)):
        if not 0.0 <= share <= 1.0:
            _raise_invalid(name, "a share between 0 and 1", share)
    if len(seconds) != 2 or not _MIN_SECONDS <= seconds[0] <= seconds[1] < float("inf"):
        expected = f"two durations of at least {_MIN_SECONDS:g} s, the shorter one first"
        _raise_invalid("seconds", expected, seconds)


def _raise_invalid(name: str, expected: str, found: object) -> None:
    raise ConfigError(
        f"{name} is out of range",
        code="bad-argument",
        expected=expected,
        found=repr(found),
        hint=f"change {name}, or omit it to use the default",
    )
