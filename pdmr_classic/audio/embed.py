"""Turn sound files into audio vectors: `pdmr-classic embed`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import joblib
import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.audio._describe import describe_scans, find_training_files
from pdmr_classic.audio._inputs import (
    SoundFile,
    announce_sounds,
    check_targets,
    default_codebook,
    find_sounds,
    find_split,
    refuse_to_fit_on_test,
    sound_size,
)
from pdmr_classic.audio._sounds import require_libraries
from pdmr_classic.audio.codebook_file import TrainedCodebook, check_codebook_writable, load_codebook, save_codebook
from pdmr_classic.audio.fit_codebook import fit_codebook, frames_per_recording, sample_frames
from pdmr_classic.audio.log_mel import Float32s
from pdmr_classic.audio.netvlad import Codebook, encode_frames
from pdmr_classic.audio.scan import Scan, read_kept_frames, scan_sound
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.progress import LogReporter, Reporter, shows_progress
from pdmr_classic.storage.atomic import write_text_atomic
from pdmr_classic.storage.lock import hold_lock
from pdmr_classic.workers import change_working_folder, use_one_thread, working_folder

_FILES_PER_TASK = 8
# Starting a worker takes as long as one pass over this many bytes.
_BYTES_PER_WORKER = 100_000_000

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Embedded:
    """What `embed_sounds` did.

    Attributes
    ----------
    data_ids : tuple of str
    seconds : float
        Duration of all recordings.
    silence : float
        Share of it that was removed.
    codebook : Path
    fitted : bool
        Whether the codebook was fitted on these recordings.
    skipped : tuple of Finding
        Reasons why files were skipped.
    """

    data_ids: tuple[str, ...]
    seconds: float
    silence: float
    codebook: Path
    fitted: bool
    skipped: tuple[Finding, ...] = ()


@shows_progress
def embed_sounds(
    folder: str | Path,
    out: str | Path,
    *,
    codebook: str | Path | None = None,
    fit: bool = False,
    seed: int = 0,
    overwrite: bool = False,
    skip_bad: bool = False,
    jobs: int = 1,
    reporter: Reporter | None = None,
) -> Embedded:
    """Write one audio vector of 768 numbers per sound file: log-Mel frames without silence, encoded by NetVLAD.

    Files are read in blocks, so memory does not depend on their length. Nothing is written before all files are
    encoded, so one bad file leaves nothing half done.

    Parameters
    ----------
    folder : path-like
        Sound files; their names without suffix are the ids.
    out : path-like
        Folder for the vectors, such as DATA/train/audio.
    codebook : path-like, optional
        File (.npz) to use; or to write, if it does not exist. By default `audio_codebook.npz` beside the splits.
    fit : bool
        Fit the codebook on these recordings even if it exists.
    seed : int
        For the frames that k-means sees, and for its start.
    overwrite : bool
        Replace vectors that exist.
    skip_bad : bool
        Leave out files that cannot be embedded, instead of refusing all.
    jobs : int
        Number of processes; results do not depend on it.
    reporter : Reporter, optional

    Returns
    -------
    Embedded

    Raises
    ------
    ConfigError
        The libraries of the extra `audio` are missing, or a codebook would be fitted on test recordings.
    DataError
        Files cannot be embedded; all of them are listed.
    ArtifactError
        The codebook is invalid.
    TargetError
        A file cannot be written.
    """
    require_libraries()
    folder, out, reporter = Path(folder), Path(out), reporter or LogReporter()
    path = default_codebook(out) if codebook is None else Path(codebook)
    with hold_lock(out):
        sounds, findings = find_sounds(folder, out)
        findings += check_targets(sounds, out, overwrite=overwrite)
        runner = _Runner(_count_workers(sounds, jobs), reporter)
        announce_sounds(sounds, reporter)
        trained = None if fit or not path.exists() else load_codebook(path)
        if trained is None:
            refuse_to_fit_on_test(folder, out)
            check_codebook_writable(path)
        scans, skipped = _scan_all(sounds, runner, skip_bad=skip_bad)
        findings += describe_scans(scans, folder)
        fitted = trained is None
        facts: dict[str, Any] = {}
        if trained is None:
            trained, facts = _fit(scans, find_split(out), seed, runner)
        elif overlap := find_training_files(scans, trained, find_split(out), folder):
            findings.append(overlap)
        encoded = runner.run("embedding", _Encode(trained.codebook), scans)
        vectors = {scan.path: vector for scan, vector in encoded}
        if fitted:
            findings += [_describe_replaced(path)] if path.exists() else []
            save_codebook(trained, path, facts)
        _write_vectors(sounds, vectors, reporter)
        for finding in (*findings, *skipped):
            reporter.note(finding)
    n_frames, n_kept = sum(scan.n_frames for scan in scans), sum(scan.n_kept for scan in scans)
    data_ids = tuple(scan.path.stem for scan in scans)
    seconds = sum(scan.seconds for scan in scans)
    return Embedded(data_ids, seconds, 1 - n_kept / n_frames, path, fitted, tuple(skipped))


def format_vector(vector: Floats | Float32s) -> str:
    r"""Return a vector as one line of CSV without a header.

    Examples
    --------
    >>> import numpy as np
    >>> format_vector(np.array([0.25, -1e-9]))
    '0.250000,0.000000\n'
    """
    # Adding 0 turns a rounded -0 into 0.
    return ",".join(f"{value:.6f}" for value in (vector.astype(np.float64).round(6) + 0.0).tolist()) + "\n"


def _scan_all(sounds: Sequence[SoundFile], runner: _Runner, *, skip_bad: bool) -> tuple[list[Scan], list[Finding]]:
    """Return the scans of the good files, and the findings of the bad ones, if these may be skipped."""
    outcomes = [outcome for _, outcome in runner.run("reading", _scan, [sound.path for sound in sounds])]
    scans = [outcome for outcome in outcomes if isinstance(outcome, Scan)]
    bad = [outcome for outcome in outcomes if isinstance(outcome, Finding)]
    if bad and (not skip_bad or not scans):
        raise DataError(bad[0], bad[1:])
    return scans, bad


def _scan(path: Path) -> Scan | Finding:
    try:
        return scan_sound(path)
    except DataError as error:
        return error.finding


def _fit(scans: Sequence[Scan], split: str, seed: int, runner: _Runner) -> tuple[TrainedCodebook, dict[str, Any]]:
    """Return a codebook, and facts about its training for the manifest."""
    sample = _Sample(frames_per_recording(len(scans)), seed)
    samples = [frames for _, frames in runner.run("sampling", sample, scans)]
    trained = TrainedCodebook(fit_codebook(samples, scans, seed), frozenset(scan.content for scan in scans), split)
    facts = {
        "seed": seed,
        "n_files": len(scans),
        "hours": round(sum(scan.seconds for scan in scans) / 3600, 3),
        "n_frames": sum(map(len, samples)),
        "rates_hz": sorted({scan.rate_hz for scan in scans}),
    }
    return trained, facts


def _describe_replaced(path: Path) -> Finding:
    hint = "embed all other recordings of the data set again, with --overwrite"
    return Finding("codebook-replaced", "the codebook was replaced; it no longer fits older vectors", path, hint=hint)


def _write_vectors(sounds: Sequence[SoundFile], vectors: Mapping[Path, Float32s], reporter: Reporter) -> None:
    done = 0
    for sound in sounds:
        if sound.path in vectors:
            write_text_atomic(sound.target, format_vector(vectors[sound.path]))
            done += 1
            reporter.progress("writing", done, len(vectors))


@dataclass(frozen=True)
class _Sample:
    n_max: int
    seed: int

    def __call__(self, scan: Scan) -> Floats:
        return sample_frames(scan, self.n_max, self.seed)


@dataclass(frozen=True)
class _Encode:
    codebook: Codebook

    def __call__(self, scan: Scan) -> Float32s:
        # Half the memory until all are written.
        return encode_frames(read_kept_frames(scan), self.codebook).astype(np.float32)


@dataclass(frozen=True)
class _Runner:
    """Apply a function to files in worker processes, and report the progress."""

    n_workers: int
    reporter: Reporter

    def run(self, stage: str, function: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[T, R]]:
        """Yield each item with its result, in their order."""
        chunks = [items[start : start + _FILES_PER_TASK] for start in range(0, len(items), _FILES_PER_TASK)]
        parallel = joblib.Parallel(n_jobs=self.n_workers, return_as="generator")
        tasks = (joblib.delayed(_run_chunk)(function, chunk, working_folder()) for chunk in chunks)
        done = 0
        self.reporter.progress(stage, done, len(items))
        for chunk, results in zip(chunks, parallel(tasks), strict=True):
            yield from zip(chunk, results, strict=True)
            done += len(chunk)
            self.reporter.progress(stage, done, len(items))


def _run_chunk(function: Callable[[T], R], items: Sequence[T], folder: str) -> list[R]:
    change_working_folder(folder)
    with use_one_thread():
        return [function(item) for item in items]


def _count_workers(sounds: Sequence[SoundFile], jobs: int) -> int:
    return int(min(joblib.effective_n_jobs(jobs), max(sound_size(sounds) // _BYTES_PER_WORKER, 1)))
