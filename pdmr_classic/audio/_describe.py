"""Findings about the sounds of a run: silence, rates, channels, copies, and files of the training data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from pdmr_classic.audio.codebook_file import TrainedCodebook
from pdmr_classic.audio.log_mel import RATE_HZ
from pdmr_classic.audio.scan import SILENCE_DB, Scan
from pdmr_classic.errors import Finding
from pdmr_classic.text import format_count, format_list


def describe_scans(scans: Sequence[Scan], folder: Path) -> list[Finding]:
    """Return what was changed in the sounds, and what in them may mislead a model."""
    findings = [_describe_silence(scans, folder)]
    if mixed := [scan for scan in scans if scan.n_channels > 1]:
        what = f"{format_count(len(mixed), 'file')} with several channels mixed down to mono"
        findings.append(Finding("mixed-down", what, file=folder, found=_names(mixed)))
    rates = sorted({scan.rate_hz for scan in scans})
    if rates[0] < RATE_HZ:
        findings.append(_describe_low_rate([scan for scan in scans if scan.rate_hz < RATE_HZ], folder))
    if len(rates) > 1 and rates[0] < RATE_HZ:
        findings.append(
            Finding(
                "several-rates",
                "the files have different sampling rates, which the vectors show: a model may learn the recorder",
                file=folder,
                found=format_list(f"{rate} Hz" for rate in rates),
                hint="check that the rate does not depend on the class",
            )
        )
    return [*findings, *_find_copies(scans)]


def _describe_silence(scans: Sequence[Scan], folder: Path) -> Finding:
    shares = [1 - scan.n_kept / scan.n_frames for scan in scans]
    total = 1 - sum(scan.n_kept for scan in scans) / sum(scan.n_frames for scan in scans)
    what = f"silence was removed: {total:.0%} of the sound"
    if len(scans) > 1:
        what += f" ({min(shares):.0%} to {max(shares):.0%} per file)"
    found = f"frames that are {SILENCE_DB:g} dB or more below the loud parts of their recording"
    return Finding("silence", what, file=folder, found=found)


def _describe_low_rate(scans: Sequence[Scan], folder: Path) -> Finding:
    limits = sorted({scan.rate_hz / 2000 for scan in scans})
    what = f"{format_count(len(scans), 'file has', 'files have')} a sampling rate below {RATE_HZ} Hz"
    found = f"nothing above {' or '.join(f'{limit:g}' for limit in limits[:3])} kHz"
    return Finding("low-rate", what, file=folder, expected=f"{RATE_HZ} Hz or more", found=found)


def _find_copies(scans: Sequence[Scan]) -> Iterator[Finding]:
    by_content = defaultdict(list)
    for scan in scans:
        by_content[scan.content].append(scan)
    for copies in by_content.values():
        if len(copies) > 1:
            yield Finding(
                "same-content",
                "recordings have identical content",
                file=copies[0].path,
                found=_names(copies[1:]),
                hint="keep one of them",
            )


def find_training_files(scans: Sequence[Scan], trained: TrainedCodebook, split: str, folder: Path) -> Finding | None:
    """Return a warning if files of another split are among those that the codebook was fitted on.

    Parameters
    ----------
    scans : sequence of Scan
    trained : TrainedCodebook
    split : str
        Split of these files, "" if unknown: then some training files among others are suspicious, all are a repetition.
    folder : Path
    """
    shared = [scan for scan in scans if scan.content in trained.contents]
    is_same_split = split == trained.split and (split != "" or len(shared) == len(scans))
    if not shared or is_same_split:
        return None
    what = f"{format_count(len(shared), 'file is', 'files are')} identical to training files of the codebook"
    return Finding(
        "training-files",
        what,
        file=folder,
        expected="recordings that are in one split only",
        found=_names(shared),
        hint="remove the copies from one of the splits: scores on them would be too good",
    )


def _names(scans: Sequence[Scan]) -> str:
    return format_list(scan.path.name for scan in scans)
