"""Group files by recording, and refuse two files in the same place of one recording."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pdmr_classic.errors import Finding
from pdmr_classic.io.ids import id_problem
from pdmr_classic.io.layouts.recordings import Recording


def group_files(files: Iterable[tuple[str, str, Path]]) -> tuple[dict[str, dict[str, Path]], list[Finding]]:
    """Return the files of each data_id by kind, and errors: ids that are not valid, two files of one kind and id.

    Parameters
    ----------
    files : iterable of (str, str, Path)
        The data_id, the kind (a modality or a suffix) and the path of each file.

    Examples
    --------
    >>> groups, errors = group_files([("001", "video", Path("a/001.csv")), ("001", "video", Path("b/001.csv"))])
    >>> groups["001"]["video"].parts, [error.code for error in errors]
    (('a', '001.csv'), ['ids-collide'])
    """
    by_id: dict[str, dict[str, Path]] = {}
    errors = []
    for data_id, kind, path in files:
        if problem := id_problem(data_id):
            errors.append(Finding("bad-id", "the path gives no valid data_id", file=path, found=problem))
            continue
        earlier = by_id.setdefault(data_id, {}).setdefault(kind, path)
        if earlier is not path:
            errors.append(_collision_finding(path, earlier))
    return by_id, errors


def make_recordings(by_id: Mapping[str, Mapping[str, Path]]) -> tuple[Recording, ...]:
    """Return the recordings, sorted, given the file of each modality of each data_id."""
    return tuple(
        Recording(data_id, by_id[data_id].get("video"), by_id[data_id].get("audio")) for data_id in sorted(by_id)
    )


def _collision_finding(path: Path, earlier: Path) -> Finding:
    return Finding(
        "ids-collide",
        "two files are the same modality of the same recording",
        file=path,
        expected="one file per recording and modality",
        found=str(earlier),
        hint="remove one of the files, or make the pattern match only one; if {id} repeats in other folders, write "
        "{event} instead: without {id}, data_ids are made of all placeholders",
    )
