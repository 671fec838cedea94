"""Recordings that a model can say nothing about: none of their files can be read, or none holds anything it uses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pdmr_classic.errors import LONGEST_PART, DataError, Finding
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.text import format_count

_SHOWN = 50
_LONGEST_LIST = LONGEST_PART - 500


@dataclass(frozen=True)
class SkippedRecording:
    """One such recording, and those of its files that were refused."""

    data_id: str
    refused: tuple[Finding, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {"data_id": self.data_id, "refused": [finding.as_dict() for finding in self.refused]}


def find_skipped(data: Dataset, ids: Iterable[str], refused: Iterable[Finding]) -> list[SkippedRecording]:
    """Return the recordings of these ids, each with its own refused files."""
    of_file = {finding.file: finding for finding in refused}
    wanted = set(ids)
    return [
        SkippedRecording(one.data_id, tuple(of_file[path] for path in (one.video, one.audio) if path in of_file))
        for one in data.recordings
        if one.data_id in wanted
    ]


def nothing_left_error(lost: Sequence[SkippedRecording]) -> DataError:
    """Return the error that names all of them, and every refused file of theirs."""
    first, *others = _lists([repr(one.data_id) for one in lost])
    finding = Finding(
        "nothing-left",
        f"{format_count(len(lost), 'recording has', 'recordings have')} nothing that the model can use",
        expected="a stream or a vector with something that the model was trained on",
        found=first,
        hint="mend or remove them, or pass --skip-bad (skip_bad=True) to predict the others",
    )
    further = [
        Finding("nothing-left", "more recordings have nothing that the model can use", found=shown) for shown in others
    ]
    return DataError(finding, [*further, *(refused for one in lost for refused in one.refused)])


def _lists(names: Sequence[str]) -> list[str]:
    """Join names to lists, each of which fits into a part of a finding."""
    lists = [names[0]]
    for name in names[1:]:
        if len(lists[-1]) + len(name) > _LONGEST_LIST:
            lists.append(name)
        else:
            lists[-1] += f", {name}"
    return lists


def skipped_finding(lost: Sequence[SkippedRecording], n_all: int) -> Finding:
    """Return what there is to tell of those that are left out."""
    shown = ", ".join(repr(one.data_id) for one in lost[:_SHOWN])
    return Finding(
        "skipped",
        f"{len(lost)} of {n_all} recordings have nothing that the model can use; they are left out of the results",
        found=shown + (f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""),
    )
