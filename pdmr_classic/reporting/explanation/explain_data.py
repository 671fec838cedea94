"""Explain the predictions of a data set: contributions as a dict, and strip charts of its recordings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from pdmr_classic.errors import DataError
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.models.explanation.explain import explain_features
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.progress import Reporter
from pdmr_classic.reporting.explanation._recordings import explain_recordings
from pdmr_classic.reporting.explanation._strip_charts import make_strips

_LISTED, _ON_PAGE = 5, 20


@dataclass(frozen=True)
class Scope:
    """How many recordings are explained, counted from the first; None for all.

    Attributes
    ----------
    n_explained : int or None
    n_strips : int or None
        With a strip chart.
    n_on_page, n_listed : int or None
        On the page, and in the terminal.
    """

    n_explained: int | None = None
    n_strips: int | None = None
    n_on_page: int | None = None
    n_listed: int | None = None

    @classmethod
    def choose(cls, *, chosen: bool, page: bool, everything: bool) -> Self:
        """Return the scope: recordings that were `chosen` by their ids have everything.

        Examples
        --------
        >>> Scope.choose(chosen=False, page=False, everything=True).n_explained is None
        True
        >>> Scope.choose(chosen=False, page=True, everything=False).n_explained
        20
        """
        if chosen:
            return cls()
        n_strips = _ON_PAGE if page or everything else _LISTED
        return cls(None if everything else n_strips, n_strips, _ON_PAGE, _LISTED)


def explain_data(
    model: DepressionModel,
    data: Dataset,
    scope: Scope | None = None,
    *,
    conditions: pd.Series | None = None,
    seeds: int = 5,
    allow_overlap: bool = False,
    allow_mismatch: bool = False,
    jobs: int = 1,
    cache: str | Path | None = None,
    reporter: Reporter,
) -> dict[str, Any]:
    """Explain the predictions of the recordings of a data set.

    Parameters
    ----------
    model : DepressionModel
    data : Dataset
    scope : Scope, optional
        By default all recordings, with strip charts.
    conditions, allow_overlap, allow_mismatch, jobs, cache
        As for `DepressionModel.predict`.
    seeds : int
        Of the sampled contributions, to tell how much they vary.
    reporter : Reporter

    Returns
    -------
    dict
        As `explain_recordings`; with `strip` in each recording, `n_recordings` of the data set, `n_listed`,
        `n_on_page`, and the ids of recordings without usable data in `skipped`.

    Raises
    ------
    DataError
        No recording has data that the model can use, or as `DepressionModel.predict`.
    """
    scope = scope or Scope()
    n_recordings = len(data)
    data = data.subset(pd.Series(np.arange(len(data)) < (scope.n_explained or len(data)), index=data.data_ids))
    extraction = model.extract(data, jobs=jobs, cache=cache, reporter=reporter)
    try:
        predictions = model.predict(
            data,
            extraction=extraction,
            conditions=conditions,
            allow_overlap=allow_overlap,
            allow_mismatch=allow_mismatch,
            skip_bad=True,
            reporter=reporter,
        )
    except DataError as error:
        raise _without_skip_hint(error) from None
    features = extraction.features.reindex(index=predictions.index, columns=model.feature_names_)
    first = explain_features(model, features, conditions=conditions)
    explanation = explain_recordings(model, features, predictions, conditions=conditions, seeds=seeds, first=first)
    shown, parts = features.iloc[: scope.n_strips], first.contributions
    strips = {}
    if data.table is None:
        strips = make_strips(
            model, data, shown, parts, predictions, conditions=conditions, jobs=jobs, reporter=reporter
        )
    for recording in explanation["recordings"]:
        recording["strip"] = strips.get(recording["data_id"], _no_strip(scope, data))
    n_explained = len(explanation["recordings"])
    return explanation | {
        "synthetic": data.is_synthetic or explanation["synthetic"],
        "n_recordings": n_recordings,
        "n_listed": min(scope.n_listed or n_explained, n_explained),
        "n_on_page": min(scope.n_on_page or n_explained, n_explained),
        "skipped": [skipped["data_id"] for skipped in predictions.attrs.get("skipped", [])],
    }


def _without_skip_hint(error: DataError) -> DataError:
    if error.finding.code != "no-usable-data":
        return error
    return DataError(replace(error.finding, hint="choose other recordings with --id"), error.additional)


def _no_strip(scope: Scope, data: Dataset) -> dict[str, str]:
    if data.table is not None:
        return {"reason": "strip charts need the recordings, and the features come from a table"}
    return {"reason": f"only the first {scope.n_strips} recordings have one; choose this recording with --id"}
