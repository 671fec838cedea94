"""Store finished outer folds, one file each in a folder: an evaluation resumes from them, or machines share them.

A file has two lines of JSON: the header says which evaluation the fold belongs to, and the second line is its result
(see `run_fold`). Files are written atomically and without a lock, so that any number of processes, also on a shared
file system, can write into the folder at the same time.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pdmr_classic.errors import ConfigError, wrap_os_errors
from pdmr_classic.evaluation.fold_numbers import format_fold_numbers
from pdmr_classic.storage.atomic import write_text_atomic
from pdmr_classic.storage.lock import hold_lock
from pdmr_classic.storage.resume import resume_mismatch_error

SCHEMA = "pdmr-classic/outer-fold/1"


@dataclass(frozen=True)
class FoldOrigin:
    """Which evaluation an outer fold belongs to.

    Parameters
    ----------
    n_folds : int
        Number of outer folds, over all repeats.
    fingerprint : str
        Hash of everything that the results depend on.
    settings, versions : mapping of str to JSON-serialisable values
        Parts of what is hashed, to say in a message what differs.
    """

    n_folds: int
    fingerprint: str
    settings: Mapping[str, Any]
    versions: Mapping[str, str]

    def as_header(self, number: int) -> dict[str, Any]:
        """Return the header of the file of a fold; folds are numbered from 1."""
        return {
            "schema": SCHEMA,
            "fold": number,
            "n_folds": self.n_folds,
            "fingerprint": self.fingerprint,
            "settings": dict(self.settings),
            "versions": dict(self.versions),
        }

    def describe_difference(self, header: Mapping[str, Any]) -> str | None:
        """Return how the fold of a header differs from those of this evaluation; None if it belongs to it."""
        if header.get("schema") != SCHEMA:
            return "not an outer fold of this version of the program"
        if header.get("fingerprint") == self.fingerprint and header.get("n_folds") == self.n_folds:
            return None
        names = [*_list_differences(self.versions, header.get("versions"))]
        if names:
            return f"other versions: {', '.join(names)}"
        if names := [*_list_differences(self.settings, header.get("settings"))]:
            return f"other settings: {', '.join(names)}"
        return "other recordings, labels, features or outer folds"


def _list_differences(ours: Any, theirs: Any, name: str = "") -> Iterator[str]:
    """Yield the dotted names of the values that differ."""
    if not isinstance(ours, Mapping) or not isinstance(theirs, Mapping):
        if ours != theirs:
            yield name
        return
    for key in sorted({*ours, *theirs}):
        yield from _list_differences(ours.get(key), theirs.get(key), f"{name}.{key}" if name else key)


class FoldStorage:
    """Results of finished outer folds, by their index from 0.

    Parameters
    ----------
    path : Path, optional
        Folder with one file per fold; without it, the results are only in memory.
    origin : FoldOrigin
    results : dict
        Results of earlier runs.
    """

    def __init__(self, path: Path | None, origin: FoldOrigin, results: dict[int, Any] | None = None) -> None:
        self.path = path
        self._origin = origin
        self.results = results or {}

    def add(self, index: int, result: Any) -> None:
        """Store the result of a fold; it is on disk when this returns."""
        self.results[index] = result
        if self.path is not None:
            lines = [json.dumps(line, separators=(",", ":")) for line in (self._origin.as_header(index + 1), result)]
            write_text_atomic(fold_path(self.path, index + 1), "\n".join(lines) + "\n")


@contextmanager
def open_fold_storage(
    path: str | Path | None, origin: FoldOrigin, *, wanted: Collection[int], is_shared: bool = False
) -> Iterator[FoldStorage]:
    """Open the fold storage of one evaluation, with the folds that earlier runs finished.

    Parameters
    ----------
    path : path-like or None
        Folder; made when the first fold is finished.
    origin : FoldOrigin
    wanted : collection of int
        Indexes from 0 of the folds whose results are read.
    is_shared : bool
        Other runs may add folds at the same time: do not lock the folder.

    Raises
    ------
    ConfigError
        A fold belongs to other data, settings or library versions.
    TargetError
        Another run has locked the folder, or it cannot be written.
    """
    if path is None:
        yield FoldStorage(None, origin)
        return
    path = Path(path)
    if is_shared:
        yield _read_storage(path, origin, wanted)
        return
    with hold_lock(path):
        yield _read_storage(path, origin, wanted)


def fold_path(folder: Path, number: int) -> Path:
    """Return the file of an outer fold; folds are numbered from 1."""
    return folder / f"fold-{number:04d}.jsonl"


def check_all_finished(folder: Path, n_folds: int | None = None) -> None:
    """Check that a folder has a file for every outer fold, without reading the results.

    Parameters
    ----------
    folder : Path
    n_folds : int, optional
        By default, the number that the files themselves give.

    Raises
    ------
    ConfigError
        Folds are missing, or the folder has none.
    """
    if folder.is_file():
        raise resume_mismatch_error(folder, "evaluation", "folds")
    headers = _read_headers(folder)
    if not headers:
        raise ConfigError(
            "there are no outer folds to join",
            file=folder,
            expected="files made by the same command with --fold instead of --join",
            found="no such folder" if not folder.exists() else "no finished outer fold",
            hint="run the same command with --fold 1 instead of --join; it says how many outer folds there are",
        )
    if n_folds is None:
        n_folds = max(n for header in headers.values() if isinstance(n := header.get("n_folds", 0), int))
    if missing := list_missing(folder, n_folds):
        numbers = format_fold_numbers(missing)
        raise ConfigError(
            f"{len(missing)} of {n_folds} outer folds are missing",
            file=folder,
            expected=f"one file for each of the folds 1 to {n_folds}",
            found=f"no fold {numbers}",
            hint=f"run the same command with --fold {numbers} instead of --join (SLURM: --array={numbers})",
        )


def list_missing(folder: Path, n_folds: int) -> list[int]:
    """Return the numbers, from 1, of the outer folds without a file in the folder."""
    with wrap_os_errors(folder):
        return sorted({*range(1, n_folds + 1)} - {*_list_files(folder)})


def remove_folds(folder: Path) -> None:
    """Remove the files of finished folds, and the folder if it is then empty.

    Raises
    ------
    TargetError
    """
    with wrap_os_errors(folder):
        for path in _list_files(folder).values():
            path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _read_storage(folder: Path, origin: FoldOrigin, wanted: Collection[int]) -> FoldStorage:
    if folder.is_file():
        raise resume_mismatch_error(folder, "evaluation", "folds")
    headers = _read_headers(folder)
    found = {number: origin.describe_difference(header) for number, header in headers.items()}
    _refuse_foreign({number: difference for number, difference in found.items() if difference}, folder)
    finished = {number - 1 for number in headers} & {*wanted}
    return FoldStorage(folder, origin, {index: _read_result(fold_path(folder, index + 1)) for index in finished})


def _refuse_foreign(foreign: Mapping[int, str], folder: Path) -> None:
    if not foreign:
        return
    by_difference = {text: [number for number in foreign if foreign[number] == text] for text in foreign.values()}
    texts = [f"fold {format_fold_numbers(numbers)}: {text}" for text, numbers in by_difference.items()]
    raise ConfigError(
        "the folder has outer folds of an unfinished evaluation with different data, settings or library versions",
        file=folder if len(foreign) > 1 else fold_path(folder, *foreign),
        expected="folds of this evaluation",
        found="; ".join(texts),
        hint="finish that evaluation with its own command, delete these files, or choose a different --out",
    )


def _list_files(folder: Path) -> dict[int, Path]:
    """Return the files of finished folds by number."""
    names = {path.stem.removeprefix("fold-"): path for path in folder.glob("fold-*.jsonl")}
    numbers = {int(name): path for name, path in names.items() if name.isascii() and name.isdigit()}
    return {number: numbers[number] for number in sorted(numbers) if numbers[number] == fold_path(folder, number)}


def _read_headers(folder: Path) -> dict[int, dict[str, Any]]:
    """Return the header of each finished fold by number; empty if the file is not one."""
    with wrap_os_errors(folder):
        files = _list_files(folder)
        lines = {}
        for number, path in files.items():
            # Another run may have joined and removed the folds meanwhile.
            with suppress(FileNotFoundError), path.open("rb") as file:
                lines[number] = file.readline()
    return {number: _parse_header(line, number) for number, line in lines.items()}


def _parse_header(line: bytes, number: int) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return header if isinstance(header, dict) and header.get("fold") == number else {}


def _read_result(path: Path) -> Any:
    """Return the result in the file of a fold.

    Raises
    ------
    ConfigError
        The file is damaged.
    """
    try:
        _, line = path.read_bytes().splitlines()
        return json.loads(line)
    except (OSError, ValueError, RecursionError):
        raise ConfigError(
            "the file of the outer fold is damaged", file=path, hint="delete it, and run the same command again"
        ) from None
