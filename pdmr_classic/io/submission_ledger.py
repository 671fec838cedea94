"""The ledger of submissions: a line per file that was written for a challenge, next to the results."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pdmr_classic.errors import DataError, Finding, TargetError
from pdmr_classic.io.submission_files import Submission
from pdmr_classic.storage.atomic import write_text_atomic
from pdmr_classic.storage.bytes import read_bytes
from pdmr_classic.storage.lock import hold_lock
from pdmr_classic.text import to_json

_SCHEMA = "pdmr-classic/submission/1"
# Evaluations that a challenge allows; of MPDD-AVG 2026 no limit is known.
ALLOWED = {"pdmr": 5}


def ledger_path(results: Path) -> Path:
    """Return the path of the ledger of the results in a folder.

    Examples
    --------
    >>> ledger_path(Path("out/results.jsonl")).as_posix()
    'out/submissions.jsonl'
    """
    return results.with_name("submissions.jsonl")


def check_ledger(results: Path) -> None:
    """Check before a submission is written that its line can be added to the ledger.

    Raises
    ------
    TargetError
        There is another file of this name.
    """
    _read_lines(ledger_path(results))


def record_submission(
    submission: Submission, results: Path, *, model_sha256: str | None = None, seed: int | None = None
) -> tuple[int, list[Finding]]:
    """Add a submission to the ledger, unless the same file is in it; then only fill in the model if it was not known.

    Parameters
    ----------
    submission : Submission
    results : Path
        The ledger is next to them.
    model_sha256 : str, optional
        Of the model that predicted; None if it is not known.
    seed : int, optional
        Of the model.

    Returns
    -------
    int
        Number of different files for this challenge.
    list of Finding
        A warning if the challenge does not evaluate so many.

    Raises
    ------
    TargetError
        The ledger cannot be written, is in use, or is another file.
    """
    path = ledger_path(results)
    with hold_lock(path):
        lines = _read_lines(path)
        same = [
            line for line in lines if (line.get("format"), line.get("sha256")) == (submission.form, submission.sha256)
        ]
        if not same:
            lines.append(_make_line(submission, model_sha256, seed))
        elif same[0].get("model_sha256") is None:
            same[0].update(model_sha256=model_sha256, seed=seed)
        write_text_atomic(path, "".join(to_json(line) + "\n" for line in lines))
    n_files = sum(line.get("format") == submission.form for line in lines)
    return n_files, _warn(n_files, submission.form, path)


def _make_line(submission: Submission, model_sha256: str | None, seed: int | None) -> dict[str, Any]:
    return {
        "schema": _SCHEMA,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "format": submission.form,
        "file": submission.path.name,
        "sha256": submission.sha256,
        "model_sha256": model_sha256,
        "seed": seed,
        "n_recordings": submission.n_recordings,
    }


def _read_lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    try:
        lines = [json.loads(line) for line in read_bytes(path).decode().splitlines() if line.strip()]
    except (DataError, ValueError, RecursionError):
        lines = [None]
    if not all(isinstance(line, dict) and line.get("schema") == _SCHEMA for line in lines):
        raise TargetError(
            "the ledger of submissions would overwrite another file",
            file=path,
            expected=f"no file, or lines with the schema {_SCHEMA}",
            found="a different file",
            hint="rename the file, or move the results to another folder",
        )
    return lines


def _warn(n_files: int, form: str, path: Path) -> list[Finding]:
    allowed = ALLOWED.get(form)
    if allowed is None or n_files <= allowed:
        return []
    return [
        Finding(
            "too-many-submissions",
            f"this is submission {n_files}, and the challenge evaluates {allowed}",
            file=path,
            expected=f"at most {allowed} different files",
            hint="submit one of the earlier files; delete the lines of files that were never submitted",
        )
    ]
