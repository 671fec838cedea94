"""Feature tables with planted personal habits: what suppression of identity should find, and what it should keep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True, eq=False)
class HabitSet:
    """A feature table with planted habits.

    Attributes
    ----------
    features : DataFrame, shape [n, F]
        Columns `video__ch000__mean`, …
    status : Series of str, shape [n]
        "Depression" or "Normal", the same for all recordings of a subject.
    groups : Series of str, shape [n]
        Subject of each recording.
    habits : ndarray, shape [F, rank]
        Orthonormal directions in which subjects differ.
    answer : ndarray, shape [F]
        Direction, of length 1, in which the classes differ.
    """

    features: pd.DataFrame
    status: pd.Series
    groups: pd.Series
    habits: np.ndarray
    answer: np.ndarray


def make_habits(
    subjects: int = 200,
    recordings: int = 4,
    *,
    columns: int = 120,
    rank: int = 5,
    strength: float = 3.0,
    effect: float = 1.5,
    overlap: float = 0.5,
    seed: int = 0,
) -> HabitSet:
    """Return recordings of subjects whose personal habits are larger than the effect of depression.

    The planted truth: a recording is `effect` x `answer` (of depressed subjects only) + its subject's habits + noise.
    Noise is normal, with variance 1 in each column and independent between recordings. Habits are normal with SD
    `strength` along each of `rank` random orthonormal directions, the same in all recordings of a subject, and
    independent of the class. What is left of `answer` without the habits has length sqrt(1 - `overlap`).

    Parameters
    ----------
    subjects, recordings : int
        Number of subjects, and of recordings of each; every second subject is depressed.
    columns : int
        Number of features, F.
    rank : int
        Number of habits; 0: none.
    strength : float
        SD of subjects along each habit, relative to that of the noise in a column.
    effect : float
        Distance between the classes, relative to the same.
    overlap : float
        Share of the squared length of `answer` that lies in the directions of habits: 0, habits are orthogonal to the
        answer; 1, it lies within them.
    seed : int
        The directions depend on `seed`, too.

    Raises
    ------
    ValueError
        `overlap` is not between 0 and 1, or there are not more columns than habits.

    Examples
    --------
    >>> table = make_habits(subjects=10, recordings=3)
    >>> table.features.shape, table.groups.nunique(), table.habits.shape
    ((30, 120), 10, (120, 5))
    """
    if not 0 <= overlap <= 1:
        raise ValueError(f"overlap must be between 0 and 1, got {overlap}")
    if rank >= columns:
        raise ValueError(f"rank must be below columns ({columns}), got {rank}")
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(columns, rank + 1)))[0]
    habits = axes[:, :rank]
    direction = rng.normal(size=rank)
    inside = habits @ direction / np.linalg.norm(direction) if rank else np.zeros(columns)
    answer = np.sqrt(1 - overlap if rank else 1.0) * axes[:, rank] + np.sqrt(overlap) * inside
    subject = np.repeat(np.arange(subjects), recordings)
    is_depressed = np.arange(subjects) % 2 == 1
    personal = effect * is_depressed[:, None] * answer + strength * rng.normal(size=(subjects, rank)) @ habits.T
    table = personal[subject] + rng.normal(size=(len(subject), columns))
    names = [f"S{number:04d}" for number in range(subjects)]
    index = pd.Index([f"{names[k]}_{part + 1}" for k in range(subjects) for part in range(recordings)], name="data_id")
    return HabitSet(
        pd.DataFrame(table, index=index, columns=[f"video__ch{k:03d}__mean" for k in range(columns)]),
        pd.Series(np.where(is_depressed, "Depression", "Normal")[subject], index=index, name="status"),
        pd.Series(np.array(names)[subject], index=index, name="subject_id"),
        habits,
        answer,
    )
