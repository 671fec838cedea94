"""Strip charts of several recordings: read in parallel, and predicted together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import joblib
import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.features.exclusions import Exclusions
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.layouts.recordings import Recording
from pdmr_classic.models.measurements import read_exclusions
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.plugins import share_plugins
from pdmr_classic.progress import Reporter
from pdmr_classic.reporting.explanation._occlusion_effects import Question, predict_answers
from pdmr_classic.reporting.explanation._strip import StripDraft, draft_strip
from pdmr_classic.workers import change_working_folder, use_one_thread, working_folder

_STAGE = "strip charts"
# Of features, predicted together: 24 MB.
_MAX_CELLS = 3_000_000
# Starting a worker takes as long as the windows of a file of this size.
_BYTES_PER_WORKER = 4_000_000

Strips = dict[str, dict[str, Any]]


@dataclass(frozen=True, eq=False)
class StripTask:
    """What a worker needs to draft one strip chart."""

    recording: Recording
    contributions: dict[str, float]
    question: Question
    settings: Settings
    exclusions: Exclusions

    @property
    def n_bytes(self) -> int:
        """Size of the files."""
        paths = [part for _, path, parts in self.recording.files for part in (path, *parts)]
        return sum(path.stat().st_size for path in paths if path.is_file())

    def run(self, folder: str) -> StripDraft | dict[str, str]:
        """Return the draft, or why there is none; `folder` is the working folder of the parent process."""
        change_working_folder(folder)
        with use_one_thread():
            return draft_strip(self.recording, self.contributions, self.question, self.settings, self.exclusions)


def make_strips(
    model: DepressionModel,
    data: Dataset,
    features: pd.DataFrame,
    contributions: pd.DataFrame,
    predictions: pd.DataFrame,
    *,
    conditions: pd.Series | None,
    jobs: int,
    reporter: Reporter,
) -> Strips:
    """Return the strip chart of each row of `features`, by `data_id`; see `draft_strip` and `StripDraft.finish`."""
    tasks = _list_tasks(model, data, features, contributions, predictions, conditions)
    strips: Strips = {}
    drafts: dict[str, StripDraft] = {}
    for done, (data_id, draft) in enumerate(_run(tasks, jobs), 1):
        if isinstance(draft, StripDraft):
            drafts[data_id] = draft
        else:
            strips[data_id] = dict(draft)
        if sum(part.rows.size for part in drafts.values()) > _MAX_CELLS:
            strips |= finish_strips(model, drafts)
            drafts = {}
        reporter.progress(_STAGE, done, len(tasks))
    return strips | finish_strips(model, drafts)


def _list_tasks(
    model: DepressionModel,
    data: Dataset,
    features: pd.DataFrame,
    contributions: pd.DataFrame,
    predictions: pd.DataFrame,
    conditions: pd.Series | None,
) -> dict[str, StripTask]:
    recordings = {recording.data_id: recording for recording in data.recordings}
    exclusions = read_exclusions(model.metadata_)
    tasks = {}
    for data_id in features.index:
        condition = None if conditions is None else str(conditions.get(data_id, ""))
        status = str(predictions["status"].get(data_id, "")) if "status" in predictions else ""
        question = Question(features.loc[[data_id]], condition, status)
        parts = contributions.loc[data_id].to_dict()
        tasks[data_id] = StripTask(recordings[data_id], parts, question, model.settings, exclusions)
    return tasks


def _run(tasks: Mapping[str, StripTask], jobs: int) -> Iterator[tuple[str, StripDraft | dict[str, str]]]:
    """Yield the drafts in the order of the tasks."""
    n_bytes = sum(task.n_bytes for task in tasks.values())
    n_workers = int(min(joblib.effective_n_jobs(jobs), max(n_bytes // _BYTES_PER_WORKER, 1)))
    parallel = joblib.Parallel(n_jobs=n_workers, return_as="generator")
    run = joblib.delayed(share_plugins(StripTask.run))
    results = parallel(run(task, working_folder()) for task in tasks.values())
    yield from zip(tasks, results, strict=True)


def finish_strips(model: DepressionModel, drafts: Mapping[str, StripDraft]) -> Strips:
    """Return the strip charts of drafts; their rows are predicted together."""
    if not drafts:
        return {}
    answers = predict_answers(model, [(draft.question, draft.rows) for draft in drafts.values()])
    noun = _name_answer(model)
    return {data_id: draft.finish(own, noun) for (data_id, draft), own in zip(drafts.items(), answers, strict=True)}


def _name_answer(model: DepressionModel) -> str:
    """Return what contributions add up to."""
    if model.predictor_.presence is None:
        return "score"
    return "log-odds" if model.positive_ is not None else "relative log-probability"
