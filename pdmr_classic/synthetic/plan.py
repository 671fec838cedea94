"""Who is recorded in a synthetic set, with which label and how: drawn before any signal, from streams of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pdmr_classic.errors import ConfigError
from pdmr_classic.synthetic.signals import CUT_OFF

SPLITS = ("train", "test")
STATUS = ("Normal", "Depression")
_MIN_SUBJECTS = 8
_MIN_SECONDS = 1.0

# Keys of the random streams; the subject's and the segment's numbers follow.
_CAST, _ORDER, SUBJECT, RECORDING = range(4)


@dataclass(frozen=True)
class PlannedRecording:
    """One recording before its signals are made.

    `subject` and `segment` count from 0 and choose the random streams; `severity` is the continuous latent,
    of which labels.csv shows the whole points.
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

    @property
    def status(self) -> str:
        return STATUS[self.severity >= CUT_OFF]


def plan_recordings(
    *, subjects: int, segments: int, seed: int, missing: float, masked: float, seconds: Sequence[float]
) -> list[PlannedRecording]:
    """Draw who is recorded, with which label and how, without making a signal.

    The parameters and errors are those of `make_synthetic`. The order is train before test, then data_id.
    """
    _check(subjects, segments, seed, missing, masked, seconds)
    plan: list[PlannedRecording] = []
    cast = _cast(subjects, seed)
    for split in SPLITS:
        takes = [(s, k) for s in range(subjects) if cast[s]["split"] == split for k in range(segments)]
        order = stream_of(seed, _ORDER, SPLITS.index(split)).permutation(len(takes))
        for number, place in enumerate(order, start=1):
            subject, segment = takes[place]
            shape = _shape(stream_of(seed, RECORDING, subject, segment, 0), missing, masked, seconds)
            plan.append(
                PlannedRecording(data_id=f"{number:03d}", subject=subject, segment=segment, **cast[subject], **shape)
            )
    return plan


def _cast(subjects: int, seed: int) -> list[dict[str, Any]]:
    """Return split, subject_id, gender and severity of each subject; half of each split is depressed."""
    rng = stream_of(seed, _CAST)
    n_train = round(subjects * 2 / 3)
    n_test = subjects - n_train
    splits = np.array(["train"] * n_train + ["test"] * n_test)
    depressed = np.concatenate([np.arange(n_train) < (n_train + 1) // 2, np.arange(n_test) < n_test // 2])
    order, numbers = rng.permutation(subjects), rng.permutation(subjects) + 1
    return [
        {
            "split": str(splits[place]),
            "subject_id": f"S{number:03d}",
            **_person(stream_of(seed, SUBJECT, subject, 0), bool(depressed[place])),
        }
        for subject, (place, number) in enumerate(zip(order, numbers, strict=True))
    ]


def _person(rng: np.random.Generator, depressed: bool) -> dict[str, Any]:
    # PHQ-8 is skewed in both groups: many healthy near 3, many depressed near 15.
    severity = CUT_OFF + 14.99 * rng.beta(1.5, 2.2) if depressed else (CUT_OFF - 0.01) * rng.beta(1.3, 2.0)
    return {"severity": float(severity), "gender": "f" if rng.random() < 0.5 else "m"}


def _shape(rng: np.random.Generator, missing: float, masked: float, seconds: Sequence[float]) -> dict[str, Any]:
    """Return how one recording was taken. It is told nothing about the subject."""
    rate = 30.0 if rng.random() < 0.8 else 25.0
    n_frames = round(rng.uniform(seconds[0], seconds[1]) * rate)
    lacks, lacks_video, hidden = rng.random() < missing, rng.random() < 0.5, rng.random() < masked
    return {
        "frame_rate_hz": rate,
        "n_frames": n_frames,
        "has_video": not (lacks and lacks_video),
        "has_audio": not (lacks and not lacks_video),
        "masked": hidden,
    }


def stream_of(seed: int, *key: int) -> np.random.Generator:
    """Return the random stream of a key: another key's draws do not move its own."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _check(subjects: int, segments: int, seed: int, missing: float, masked: float, seconds: Sequence[float]) -> None:
    for name, count, least in (
        ("subjects", subjects, _MIN_SUBJECTS),
        ("segments", segments, 1),
        ("seed", seed, 0),
    ):
        if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or count < least:
            _refuse(name, f"a whole number of at least {least}", count)
    for name, share in (("missing", missing), ("masked", masked)):
        if not 0.0 <= share <= 1.0:
            _refuse(name, "a share between 0 and 1", share)
    if len(seconds) != 2 or not _MIN_SECONDS <= seconds[0] <= seconds[1] < float("inf"):
        _refuse("seconds", f"two lengths in seconds, the shorter first, of at least {_MIN_SECONDS:g}", seconds)


def _refuse(name: str, expected: str, found: object) -> None:
    raise ConfigError(
        f"{name} is out of its range",
        code="bad-argument",
        expected=expected,
        found=repr(found),
        hint=f"change {name}; the default suits most uses",
    )
