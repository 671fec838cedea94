"""Recordings that cannot be predicted: none of their files is readable, or none contains a feature of the model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pdmr_classic.errors import MAX_PART_LENGTH, DataError, Finding
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.text import format_count, format_quoted

_MAX_LIST_LENGTH = MAX_PART_LENGTH - 500


@dataclass(frozen=True)
class SkippedRecording:
    """A skipped recording and the errors of its unreadable files."""

    data_id: str
    errors: tuple[Finding, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable dict."""
        return {"data_id": self.data_id, "errors": [error.as_dict() for error in self.errors]}


def find_skipped(data: Dataset, data_ids: Iterable[str], errors: Iterable[Finding]) -> list[SkippedRecording]:
    """Return the recordings with these ids, each with the errors of its own files."""
    error_by_file = {error.file: error for error in errors}
    ids = set(data_ids)
    return [
        SkippedRecording(
            recording.data_id,
            tuple(
                error_by_file[file]
                for _, path, parts in recording.files
                for file in (path, *parts)
                if file in error_by_file
            ),
        )
        for recording in data.recordings
        if recording.data_id in ids
    ]


def no_usable_data_error(skipped: Sequence[SkippedRecording]) -> DataError:
    """Return the error that lists all these recordings and the errors of their files."""
    first, *more = _split_into_lists([repr(recording.data_id) for recording in skipped])
    finding = Finding(
        "no-usable-data",
        f"{format_count(len(skipped), 'recording has', 'recordings have')} no data that the model can use",
        expected="a readable stream or audio vector with channels that the model was trained on",
        found=first,
        hint="fix or remove them, or pass --skip-bad (skip_bad=True) to predict the other recordings",
    )
    continued = [Finding("no-usable-data", "further recordings without usable data", found=ids) for ids in more]
    return DataError(finding, [*continued, *(error for recording in skipped for error in recording.errors)])


def _split_into_lists(names: Sequence[str]) -> list[str]:
    """Join names into comma-separated lists that each fit into one part of a finding."""
    lists = [names[0]]
    for name in names[1:]:
        if len(lists[-1]) + len(name) > _MAX_LIST_LENGTH:
            lists.append(name)
        else:
            lists[-1] += f", {name}"
    return lists


def skipped_finding(skipped: Sequence[SkippedRecording], n_recordings: int) -> Finding:
    """Return the note that counts the skipped recordings and names the first."""
    return Finding(
        "skipped",
        f"{len(skipped)} of {n_recordings} recordings have no data that the model can use and are skipped",
        found=format_quoted(recording.data_id for recording in skipped),
    )
