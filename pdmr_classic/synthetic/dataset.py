"""Synthetic data sets in the format of PDMR, for demos, tests and score ceilings, never for scientific claims.

First, the plan is drawn (subjects, labels, durations, missing files), then the signals. Each subject and each
recording has its own random streams, so adding segments does not change the others.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import TargetError
from pdmr_classic.io.split_folders import SYNTHETIC_MARK
from pdmr_classic.io.trackers.channels import GAZE, POSE
from pdmr_classic.storage.location import parse_location
from pdmr_classic.storage.new_folder import find_new_folder
from pdmr_classic.synthetic._truth import write_table, write_truth
from pdmr_classic.synthetic.conditions import (
    CONDITION_COLUMN,
    adapt_speech,
    behaviour_shifts,
    describe_conditions,
    severity_effects,
)
from pdmr_classic.synthetic.plan import (
    RECORDING,
    SPLITS,
    STATUS,
    SUBJECT,
    PlannedRecording,
    plan_recordings,
    random_stream,
)
from pdmr_classic.synthetic.signals import (
    AU_C,
    AU_R,
    BEHAVIOURS,
    SEVERITY_SCALE,
    VIDEO_COLUMNS,
    draw_behaviours,
    draw_habits,
    make_audio,
    make_video,
    make_voice_space,
)

LABEL_COLUMNS = ("data_id", "status", "subject_id", "severity", "gender")

# Characters per number: with a fixed width, the file size depends only on the number of rows.
_WIDTHS = (
    *[(column, 6) for column in POSE],
    *[(column, 8) for column in GAZE],
    *[(column, 4) for column in AU_R],
)
_AUDIO_WIDTH = 9


@dataclass(frozen=True)
class SyntheticSet:
    """Location and counts of a synthetic set."""

    out: Path
    n_train: int
    n_test: int
    n_subjects: int
    n_positive: int
    n_without_video: int
    n_without_audio: int
    n_masked: int


@dataclass(frozen=True)
class Signals:
    """The signals of one recording: video [n_frames, 53], audio [768], latent behaviours [13]."""

    video: Floats | None
    audio: Floats | None
    behaviours: Floats


def make_synthetic(
    out: str | Path,
    *,
    subjects: int = 60,
    segments: int = 3,
    seed: int = 0,
    missing: float = 0.05,
    masked: float = 0.2,
    seconds: tuple[float, float] = (20.0, 40.0),
    depressed: float = 0.5,
    condition: bool = False,
    truth: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> SyntheticSet:
    """Write a synthetic set: ``train/`` and ``test/`` with ``video/``, ``audio/`` and ``labels.csv``.

    Two thirds of the subjects are in train/, the others in test/; by default, half of each are depressed. A continuous
    severity shifts behaviours that the literature links to depression, on top of strong habits of each subject.
    Duration, frame rate, missing files and masked spans do not depend on it.

    Parameters
    ----------
    out : str or Path
        A new or empty folder; it is written atomically.
    subjects : int
        At least 8.
    segments : int
        Recordings per subject.
    seed : int
        Random seed; the same arguments give identical files on one machine type with one set of library versions.
    missing : float
        Share of recordings, 0 to 1, without a video or an audio file; no recording lacks both.
    masked : float
        Share of recordings, 0 to 1, with spans of a hidden face: low confidence and meaningless values.
    seconds : (float, float)
        Shortest and longest duration of a recording, in seconds.
    depressed : float
        Share of depressed subjects, 0 to 1; each split has some of both. 0.3 gives scores as skewed as PHQ-8 in
        interview studies, with few severe ones (about 1 in 20 is 20 or more).
    condition : bool
        Each recording has a human or a robot as its interviewer, drawn independently of subject and severity:
        labels.csv gets a column `interviewer`. With a human, everybody smiles and nods more and pauses longer; severity
        changes gaze and AU14, but not smiles, nods and AU17. With a robot, it is the other way round. AU15 becomes
        rarer with severity with a human, and more frequent with a robot. SYNTHETIC.md lists all effects.
    truth : bool
        Also write ``truth/``: latent behaviours and the score ceiling.
    progress : callable, optional
        Called with (recordings done, total recordings).

    Returns
    -------
    SyntheticSet

    Raises
    ------
    ConfigError
        An argument is out of range.
    TargetError
        `out` is a file, is not empty or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = make_synthetic(f"{folder}/set", subjects=8, segments=1, seconds=(2, 3))
    ...     sorted(path.name for path in made.out.iterdir())
    ['SYNTHETIC.md', 'test', 'train']
    """
    settings: dict[str, Any] = {
        "subjects": subjects,
        "segments": segments,
        "seed": seed,
        "missing": missing,
        "masked": masked,
        "seconds": seconds,
        "depressed": depressed,
        "condition": condition,
    }
    plan = plan_recordings(**settings)
    target = parse_location(out).absolute()
    try:
        target = find_new_folder(target, "the synthetic set")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as work:
            folder = Path(work) / "set"
            behaviours = _write_recordings(folder, plan, seed, progress)
            for split in SPLITS:
                _write_labels(folder / split / "labels.csv", [r for r in plan if r.split == split])
            (folder / SYNTHETIC_MARK).write_text(_notice(settings), encoding="utf-8")
            if truth:
                write_truth(folder / "truth", plan, behaviours)
            folder.replace(target)
    except OSError as error:
        raise TargetError(
            "the synthetic set cannot be written",
            code="unwritable",
            file=target,
            expected="a folder that can be created, with room for the set",
            found=error.strerror or str(error),
            hint="choose another output folder",
        ) from error
    return SyntheticSet(
        out=Path(out),
        n_train=sum(r.split == "train" for r in plan),
        n_test=sum(r.split == "test" for r in plan),
        n_subjects=subjects,
        n_positive=sum(r.status == STATUS[1] for r in plan),
        n_without_video=sum(not r.has_video for r in plan),
        n_without_audio=sum(not r.has_audio for r in plan),
        n_masked=sum(r.masked and r.has_video for r in plan),
    )


# ---------------------------------------------------------------- signals


def make_signals(recording: PlannedRecording, *, seed: int) -> Signals:
    """Generate the signals of one planned recording; None for a missing file.

    Parameters
    ----------
    recording : PlannedRecording
    seed : int
        Seed of the plan.

    Returns
    -------
    Signals
    """
    subject, segment = recording.subject, recording.segment
    interviewer = recording.interviewer
    habits = adapt_speech(draw_habits(random_stream(seed, SUBJECT, subject, 1), recording.gender), interviewer)
    behaviours = draw_behaviours(
        recording.severity,
        random_stream(seed, SUBJECT, subject, 2),
        random_stream(seed, RECORDING, subject, segment, 1),
        severity_effects(interviewer),
    ) + behaviour_shifts(interviewer)
    video = audio = None
    if recording.has_video:
        video = make_video(
            habits,
            behaviours,
            n_frames=recording.n_frames,
            frame_rate_hz=recording.frame_rate_hz,
            masked=recording.masked,
            signal_rng=random_stream(seed, RECORDING, subject, segment, 2),
            quality_rng=random_stream(seed, RECORDING, subject, segment, 3),
        )
    if recording.has_audio:
        audio = make_audio(make_voice_space(), habits, behaviours, random_stream(seed, RECORDING, subject, segment, 4))
    return Signals(video, audio, behaviours)


# ---------------------------------------------------------------- files


def _write_recordings(
    folder: Path, plan: list[PlannedRecording], seed: int, progress: Callable[[int, int], None] | None
) -> list[Floats]:
    """Write video/ and audio/ of both splits; return the latent behaviours in the order of the plan."""
    for split in SPLITS:
        for kind in ("video", "audio"):
            (folder / split / kind).mkdir(parents=True)
    behaviours = []
    for done, recording in enumerate(plan, start=1):
        signals = make_signals(recording, seed=seed)
        name = f"{recording.data_id}.csv"
        if signals.video is not None:
            (folder / recording.split / "video" / name).write_bytes(_video_csv(signals.video))
        if signals.audio is not None:
            (folder / recording.split / "audio" / name).write_bytes(_audio_csv(signals.audio))
        behaviours.append(signals.behaviours)
        if progress is not None:
            progress(done, len(plan))
    return behaviours


def _video_csv(table: Floats) -> bytes:
    """Format a video table as CSV; the length of each row depends only on the frame number and time."""
    columns = dict(zip(VIDEO_COLUMNS, table.T, strict=True))
    parts = [fixed_width(columns["confidence"], 4), fixed_width(columns["success"], 1)]
    parts += [fixed_width(columns[name], width) for name, width in _WIDTHS]
    parts += [fixed_width(columns[name], 1) for name in AU_C]
    comma = np.full((len(table), 1), ord(","), np.uint8)
    cells = [cell for part in parts for cell in (comma, part)]
    rows = np.hstack(cells)
    clock = zip(columns["frame"].astype(int).tolist(), columns["timestamp"].tolist(), rows, strict=True)
    lines = [b"%d,%.3f%b\n" % (frame, time, row.tobytes()) for frame, time, row in clock]
    return ",".join(VIDEO_COLUMNS).encode() + b"\n" + b"".join(lines)


def _audio_csv(vector: Floats) -> bytes:
    return b",".join(cell.tobytes() for cell in fixed_width(vector, _AUDIO_WIDTH)) + b"\n"


def fixed_width(values: Floats, width: int) -> NDArray[np.uint8]:
    """Format numbers in exactly `width` ASCII characters; a sign or more integer digits reduce the decimals.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Absolute values below 1000.
    width : int
        1 writes integers.

    Returns
    -------
    ndarray of shape (n, width)
    """
    decimals = max(width - 2, 0)
    scaled = np.rint(np.abs(values) * 10.0**decimals).astype(np.int64)
    digits = (scaled[:, None] // 10 ** np.arange(decimals + 2, -1, -1)) % 10 + ord("0")  # 000.000000
    text = np.full((len(values), decimals + 5), ord("."), np.uint8)  # -000.000000, trimmed below
    text[:, 1:4], text[:, 5:] = digits[:, :3], digits[:, 3:]
    n_integer_digits = 1 + (scaled >= 10 * 10**decimals) + (scaled >= 100 * 10**decimals)
    negative = (values < 0) & (scaled > 0)
    start = 4 - n_integer_digits - negative
    text[np.arange(len(values)), start] = np.where(negative, ord("-"), text[np.arange(len(values)), start])
    return np.take_along_axis(text, start[:, None] + np.arange(width), axis=1)


def _write_labels(path: Path, plan: list[PlannedRecording]) -> None:
    rows = [(r.data_id, r.status, r.subject_id, int(r.severity), r.gender) for r in plan]
    if any(r.interviewer for r in plan):
        rows_with_condition = [(*row, r.interviewer) for row, r in zip(rows, plan, strict=True)]
        write_table(path, (*LABEL_COLUMNS, CONDITION_COLUMN), rows_with_condition)
    else:
        write_table(path, LABEL_COLUMNS, rows)


def _notice(settings: dict[str, Any]) -> str:
    low, high = (float(bound) for bound in settings["seconds"])
    shown = settings | {"seconds": f"({low:g}, {high:g})"}
    for name, default in (("depressed", 0.5), ("condition", False)):
        if shown[name] == default:
            del shown[name]
    call = ", ".join(f"{name}={value}" for name, value in shown.items())
    effects = "\n".join(f"| {b.name} | {b.effect:+.2f} | {b.source} |" for b in BEHAVIOURS)
    return f"""# Everything in this folder is synthetic

No person was recorded. All signals, labels and severities come from a random number generator. Use this folder to
try the software. Scores on it say nothing about people and do not support any claim.

Generated by pdmr-classic with

    make_synthetic(OUT, {call})

Effect of {SEVERITY_SCALE:g} points of severity on each behaviour, in standard deviations among subjects of equal
severity. Subjects also differ in habits that are independent of severity.

| behaviour | effect | source |
|---|---|---|
{effects}

Duration, frame rate, missing files and masked spans do not depend on the label.
{describe_conditions() if settings["condition"] else ""}"""
