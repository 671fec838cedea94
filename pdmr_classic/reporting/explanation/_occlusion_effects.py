"""What the answer would be without single seconds of a recording: the features are computed and predicted again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats
from pdmr_classic.config import Settings
from pdmr_classic.features.names import change_name, parse_name
from pdmr_classic.features.occlusion import Window, compute_without_windows
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.progress import CollectingReporter

# Smaller changes, in log-odds or points of a scale, are not worth a mark.
_MIN_EFFECT = 0.05
_MIN_SHARE_OF_LARGEST, _MIN_RATIO_TO_MEDIAN = 0.5, 3.0
_MAX_MARKS = 5
# As in training: probabilities are never nearer to 0 and 1.
_MIN_PROBABILITY = 1e-6


@dataclass(frozen=True, eq=False)
class Question:
    """A recording, of which the answer is asked without each window.

    Attributes
    ----------
    row : DataFrame, shape [1, F]
        The features of the recording.
    condition : str or None
        For a model with experts.
    status : str
        The predicted class, whose probability counts if there are several classes.
    """

    row: pd.DataFrame
    condition: str | None = None
    status: str = ""

    @property
    def values(self) -> Floats:
        """The features, shape [F]."""
        return np.asarray(self.row.to_numpy(dtype=np.float64)[0])

    def replace_features(self, names: Sequence[str], values: Floats) -> Floats:
        """Return the features of the recording with these values, one row for each row of `values` but the first.

        The first row of `values` is the whole recording: the change from a baseline moves as far as the level.
        """
        rows = np.tile(self.values, (len(values) - 1, 1))
        places = {str(name): place for place, name in enumerate(self.row.columns)}
        before, after = values[0], values[1:]
        # Recomputed without a change, a value may differ in its last digit: trees could take another branch.
        is_same = (after == before) | (np.isnan(after) & np.isnan(before))
        for source, name in enumerate(names):
            if (place := places.get(name)) is not None:
                rows[:, place] = np.where(is_same[:, source], rows[:, place], after[:, source])
            if (place := places.get(change_name(name))) is not None:
                rows[:, place] += after[:, source] - before[source]
        return rows


def ask_without_windows(
    question: Question,
    stream: Stream,
    view: str,
    windows: Sequence[Window],
    channel_groups: Sequence[Sequence[str] | None],
    settings: Settings,
) -> Floats:
    """Return the features of a recording as it is, and then without each window for each group of channels.

    Parameters
    ----------
    question : Question
    stream : Stream
        As `read_behaviour` returns it.
    view : str
    windows : sequence of Window
    channel_groups : sequence
        Channels whose frames are hidden together; None hides the whole stream.
    settings : Settings

    Returns
    -------
    ndarray, shape [1 + n_groups * n_windows, F]
    """
    single = list(dict.fromkeys(name for group in channel_groups if group is not None for name in group))
    names, values = compute_without_windows(stream, view, windows, settings, single)
    tables = [question.values[np.newaxis]]
    for group in channel_groups:
        if group is None:
            tables.append(question.replace_features(*compute_without_windows(stream, view, windows, settings)))
        else:
            places = [place for place, name in enumerate(names) if parse_name(name).channel in group]
            tables.append(question.replace_features([names[place] for place in places], values[:, places]))
    return np.concatenate(tables)


def predict_answers(model: DepressionModel, questions: Sequence[tuple[Question, Floats]]) -> list[Floats]:
    """Return the log-odds of each row of features, question by question.

    They are those of the positive class; with several classes, of the predicted class relative to the mean over
    classes. If no class was learned, the score is returned. All rows are predicted at once, which is faster.
    """
    counts = [len(rows) for _, rows in questions]
    owners = [question for question, rows in questions for _ in rows]
    table = pd.DataFrame(np.concatenate([rows for _, rows in questions]), columns=questions[0][0].row.columns)
    table.index = table.index.astype(str)
    conditions = None
    if any(question.condition is not None for question, _ in questions):
        conditions = pd.Series([owner.condition or "" for owner in owners], index=table.index)
    predictions = model.predict_features(table, conditions=conditions, reporter=CollectingReporter())
    answers = _read_answers(model, predictions, [owner.status for owner in owners])
    return np.split(answers, np.cumsum(counts)[:-1])


def _read_answers(model: DepressionModel, predictions: pd.DataFrame, statuses: Sequence[str]) -> Floats:
    if not model.learns_status:
        return predictions["severity"].to_numpy(dtype=float)
    if "probability" in predictions:
        probability = predictions["probability"].to_numpy(dtype=float)
        probability = np.clip(probability, _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
        return np.asarray(np.log(probability / (1 - probability)))
    columns = [f"probability_{name}" for name in model.classes_]
    logs = np.log(np.maximum(predictions[columns].to_numpy(dtype=float), _MIN_PROBABILITY))
    places = [model.classes_.index(status) for status in statuses]
    return np.asarray((logs - logs.mean(axis=1, keepdims=True))[np.arange(len(logs)), places])


def compute_effects(answers: Floats, stream: Stream, windows: Sequence[Window]) -> list[list[float | None]]:
    """Return for each group of channels how much each window adds to the answer; None without a valid frame."""
    effects = answers[0] - answers[1:].reshape(-1, len(windows))
    has_frames = [bool(stream.valid[window.contains(stream.time_s)].any()) for window in windows]
    return [
        [float(effect) if is_usable and np.isfinite(effect) else None for effect, is_usable in pairs]
        for pairs in (zip(row, has_frames, strict=True) for row in effects)
    ]


def find_marks(windows: Sequence[Window], effects: Sequence[float | None]) -> list[tuple[Window, float]]:
    """Return the windows whose removal changes the answer most, with their effects, in order of time.

    A window is marked if its effect is at least half of the largest one, three times the median, and not negligible;
    if many windows are, none stands out. Adjoining windows are joined, with the largest of their effects.

    Examples
    --------
    >>> windows = [Window(start, start + 2) for start in range(0, 10, 2)]
    >>> find_marks(windows, [0.01, 0.6, 0.5, 0.0, None])
    [(Window(start_s=2, end_s=6), 0.6)]
    >>> find_marks(windows, [0.3] * 5)
    []
    """
    sizes = np.array([abs(effect) for effect in effects if effect is not None])
    if not len(sizes):
        return []
    # In a short recording, the median may itself be a window that speaks.
    usual = float(np.quantile(sizes, 0.5, method="lower"))
    limit = max(_MIN_SHARE_OF_LARGEST * float(sizes.max()), _MIN_RATIO_TO_MEDIAN * usual, _MIN_EFFECT)
    marks: list[tuple[Window, float]] = []
    for window, effect in zip(windows, effects, strict=True):
        if effect is None or abs(effect) < limit:
            continue
        last = marks[-1] if marks else None
        if last is not None and last[0].end_s == window.start_s and (last[1] > 0) == (effect > 0):
            marks[-1] = (Window(last[0].start_s, window.end_s), max(last[1], effect, key=abs))
        else:
            marks.append((window, effect))
    return marks if len(marks) <= _MAX_MARKS else []
