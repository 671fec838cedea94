"""The participant flow: how many recordings and subjects remain after each step of selection, and why others do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

Flow = tuple[dict[str, Any], ...]
"""Steps in order. Each has `label`, `n_recordings`, `n_subjects` (None if unknown) and `excluded`: what is left out
between this step and the next, as dicts with `why` and `n_recordings`. No step names a recording or a subject."""


def start_flow(label: str, n_recordings: int, n_subjects: int | None = None) -> Flow:
    """Return a flow of one step."""
    return ({"label": label, "n_recordings": n_recordings, "n_subjects": n_subjects, "excluded": []},)


def extend_flow(
    flow: Flow, label: str, n_recordings: int, n_subjects: int | None = None, *, why: str | Mapping[str, int]
) -> Flow:
    """Return the flow with another step.

    Parameters
    ----------
    flow : Flow
    label : str
        What remains, such as "with a label".
    n_recordings, n_subjects : int
        How many remain.
    why : str or mapping of str to int
        Why the others do not, or the number of recordings by reason; zeros are left out.

    Examples
    --------
    >>> flow = extend_flow(start_flow("in the folder", 60), "with a label", 56, 28, why="no label")
    >>> flow[0]["excluded"], flow[1]["n_recordings"]
    ([{'why': 'no label', 'n_recordings': 4}], 56)
    """
    *steps, last = flow
    counts = {why: last["n_recordings"] - n_recordings} if isinstance(why, str) else why
    excluded = [{"why": reason, "n_recordings": count} for reason, count in counts.items() if count]
    return (*steps, {**last, "excluded": excluded}, *start_flow(label, n_recordings, n_subjects))


def join_flows(first: Flow, second: Flow) -> Flow:
    """Return one flow of two, the second of which starts with the recordings that the first one ends with."""
    start, *rest = second
    return (*first[:-1], {**first[-1], "excluded": start["excluded"]}, *rest)


def extend_by_split(flow: Flow, data_ids: Iterable[str], splits: Mapping[str, str], split: str | None) -> Flow:
    """Return the flow with the recordings of one split, or of all splits (None)."""
    counts = Counter(splits.get(data_id, "") for data_id in data_ids)
    outside = {f"in the split {name}" if name else "in no split": n for name, n in sorted(counts.items())}
    if split is None:
        left_out = counts[""]
        return extend_flow(flow, "in a split", counts.total() - left_out, why={"in no split": left_out})
    outside.pop(f"in the split {split}", None)
    return extend_flow(flow, f"in the split {split}", counts[split], why=outside)
