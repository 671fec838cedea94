"""Compare the files of one data set with each other: trackers, and scales and units of their channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pdmr_classic.config import ReadingSettings
from pdmr_classic.errors import Finding
from pdmr_classic.io.stream_facts import DescribedFile, Range, StreamFacts
from pdmr_classic.io.view_files import KINDS, VIDEO
from pdmr_classic.text import format_count, format_list

# Intensity 1 is the faintest trace that coders score, so that hardly a minute of a face on the scale 0..5 stays below.
_UNIT_SCALE = 1.0
# Beyond any plausible error on the scale 0..5: percent.
_PERCENT_SCALE = 15.0
_MIN_FILES, _MIN_FRAMES = 3, 300
# Nearer to the camera, no face is seen as a whole.
_SMALLEST_DISTANCE_MM = 30.0


@dataclass(frozen=True)
class ExtractedFile:
    """A file that features were extracted from, with its facts."""

    path: Path
    modality: str
    facts: StreamFacts


@dataclass(frozen=True)
class Scale:
    """How the scale of a kind of channel is compared.

    Attributes
    ----------
    gap : float
        Files are of two scales if no file lies within this factor between the two groups, and
    ratio : float
        the medians of the groups differ by at least this factor: more than people and cameras differ.
    option : str
        How a user states the scale.
    """

    gap: float
    ratio: float
    option: str


SCALES = {
    "AU intensity": Scale(1.3, 2.8, "if some are on 0..1, read these with [reading] au_maximum = 1"),
    "head rotation": Scale(3.0, 8.0, "if some are in degrees, read these with [reading] angle_unit = 'degrees'"),
    "gaze angle": Scale(3.0, 8.0, "if some are in degrees, read these with [reading] angle_unit = 'degrees'"),
    "head position": Scale(3.0, 8.0, "convert all positions to mm"),
    "landmark": Scale(5.0, 30.0, "convert all landmarks to pixels"),
}
ANGLES = ("head rotation", "gaze angle")


def magnitude(kind: str, limits: Range) -> float:
    """Return the number that stands for the scale of a kind of channel in one file.

    The highest intensity, which depends least on the person, but the usual size of other quantities, because single
    wrong frames reach anything.
    """
    return limits.high if kind == "AU intensity" else limits.typical


def check_set(files: Iterable[DescribedFile], reading: ReadingSettings) -> tuple[list[Finding], list[Finding]]:
    """Return warnings and errors about files that do not fit together: their trackers, scales and units."""
    files = list(files)
    warnings, errors = find_scale_problems(files, reading)
    return warnings, [*find_mixed_trackers(files), *errors]


def order_modalities(names: Iterable[str]) -> list[str]:
    """Return the distinct modalities: video, audio, and further views by name.

    Examples
    --------
    >>> order_modalities(["text", "audio", "eeg", "audio", "video"])
    ['video', 'audio', 'eeg', 'text']
    """
    distinct = set(names)
    known = [name for name in KINDS if name in distinct]
    return [*known, *sorted(distinct - {*known})]


def find_mixed_trackers(files: Iterable[DescribedFile]) -> list[Finding]:
    """Return an error for each modality whose files were written by several programs; unknown ones do not count."""
    files, errors = list(files), []
    for modality in order_modalities(file.modality for file in files):
        counts = Counter(file.facts.tracker for file in files if file.modality == modality and file.facts.tracker)
        if len(counts) > 1:
            rarest = counts.most_common()[-1][0]
            odd = next(file for file in files if file.modality == modality and file.facts.tracker == rarest)
            errors.append(
                Finding(
                    "mixed-trackers",
                    f"the {modality} files were written by different programs, which measure different quantities",
                    file=odd.path,
                    expected="one program for the whole set",
                    found=", ".join(f"{name}: {format_count(n, 'file')}" for name, n in counts.most_common()),
                    hint="keep the files of each program in a set of their own, or state --tracker if it was mistaken",
                )
            )
    return errors


def find_scale_problems(
    files: Iterable[DescribedFile], reading: ReadingSettings
) -> tuple[list[Finding], list[Finding]]:
    """Return warnings and errors about the scales and units of the video channels in a data set.

    Files of two scales in one set are an error if at least three of each leave no doubt, or angles in radians and
    others beyond a full turn; otherwise a warning. Findings about single files name these.
    """
    warnings: list[Finding] = []
    errors: list[Finding] = []
    files = [file for file in files if file.modality == VIDEO]
    for kind in SCALES:
        described = [(file, file.facts.ranges[kind]) for file in files if kind in file.facts.ranges]
        described = [(file, limits) for file, limits in described if magnitude(kind, limits) > 0]
        odd, is_certain = _split_scales(kind, [limits for _, limits in described])
        for index in odd:
            file, limits = described[index]
            (errors if is_certain else warnings).append(_mixed_scales_finding(kind, file, limits, len(odd), described))
    if not reading.au_maximum and (finding := _find_unit_scale(files)):
        warnings.append(finding)
    if finding := _find_small_positions(files):
        warnings.append(finding)
    return warnings, errors


def _split_scales(kind: str, ranges: Sequence[Range]) -> tuple[list[int], bool]:
    """Return the indices of the rarer group if there are two scales, and whether that is certain."""
    sizes = np.array([magnitude(kind, limits) for limits in ranges])
    if len(sizes) < 2:
        return [], False
    is_low = sizes <= _UNIT_SCALE if kind == "AU intensity" and sizes.max() < _PERCENT_SCALE else _split_at_gap(sizes)
    low, high = sizes[is_low], sizes[~is_low]
    if not len(low) or not len(high):
        return [], False
    scale = SCALES[kind]
    # A few files in between do not matter in a large set.
    gap = np.quantile(high, 0.1) / np.quantile(low, 0.9)
    if gap < scale.gap or np.median(high) / np.median(low) < scale.ratio or not _exceeds(kind, ranges, is_low):
        return [], False
    is_certain = min(len(low), len(high)) >= _MIN_FILES or kind in ANGLES
    return np.flatnonzero(is_low == (len(low) < len(high))).tolist(), is_certain and kind != "landmark"


def _split_at_gap(sizes: np.ndarray) -> np.ndarray:
    ordered = np.sort(sizes)
    largest = int(np.argmax(ordered[1:] / ordered[:-1]))
    return np.asarray(sizes <= ordered[largest])


def _exceeds(kind: str, ranges: Sequence[Range], is_low: np.ndarray) -> bool:
    """Return whether the higher group is beyond what the unit of the lower one allows: angles beyond a full turn."""
    if kind not in ANGLES:
        return True
    low, high = ([r for r, flag in zip(ranges, is_low, strict=True) if flag == group] for group in (True, False))
    turn = 2 * np.pi
    return bool(np.median([r.largest for r in low]) <= np.pi and np.median([r.largest for r in high]) > turn)


def _mixed_scales_finding(
    kind: str, file: DescribedFile, limits: Range, n_odd: int, described: Sequence[tuple[DescribedFile, Range]]
) -> Finding:
    median = float(np.median([magnitude(kind, other) for _, other in described]))
    measure = "highest" if kind == "AU intensity" else "usual size"
    return Finding(
        "mixed-scales",
        f"the values of {kind} are on another scale than in the other {len(described) - n_odd} files",
        file=file.path,
        expected=f"one scale for the whole set ({measure}: {median:.2g} in the median file)",
        found=f"{measure}: {magnitude(kind, limits):.2g}",
        hint=SCALES[kind].option,
    )


def _find_unit_scale(files: Iterable[DescribedFile]) -> Finding | None:
    """Return a warning if no AU intensity in the set exceeds 1, although there is enough to expect it."""
    facts = [file.facts for file in files if "AU intensity" in file.facts.ranges]
    highest = max((fact.ranges["AU intensity"].high for fact in facts), default=0.0)
    is_enough = len(facts) >= _MIN_FILES or sum(fact.n_frames for fact in facts) >= _MIN_FRAMES
    if not is_enough or not 0 < highest <= _UNIT_SCALE:
        return None
    return Finding(
        "au-scale",
        f"AU intensities never exceed 1 in {format_count(len(facts), 'file')}, so no unit is ever active",
        expected="intensities on 0..5",
        found=f"at most {highest:.2g}",
        hint="if they are on 0..1, state it: [reading] au_maximum = 1",
    )


def _find_small_positions(files: Iterable[DescribedFile]) -> Finding | None:
    """Return a warning if head positions are too small for millimetres: the distance alone is hundreds of them."""
    sizes = [
        file.facts.ranges["head position"].typical
        for file in files
        if "pose_Tz" in file.facts.channels and "head position" in file.facts.ranges
    ]
    sizes = [size for size in sizes if size > 0]
    if not sizes or np.median(sizes) >= _SMALLEST_DISTANCE_MM:
        return None
    return Finding(
        "position-unit",
        "head positions are too small for millimetres and are used unchanged",
        expected="distances of hundreds of mm",
        found=f"{np.median(sizes):.2g} in the median file",
        hint="convert them to mm, if models of other sets are to be used",
    )


def summarise_errors(errors: Sequence[Finding]) -> list[Finding]:
    """Return one error per code and message, with the number of files."""
    grouped: dict[tuple[str, str], list[Finding]] = {}
    for error in errors:
        grouped.setdefault((error.code, error.what), []).append(error)
    return [
        group[0]
        if len(group) == 1
        else Finding(
            group[0].code,
            f"{group[0].what} ({format_count(len(group), 'file')})",
            expected=group[0].expected,
            found=format_list(f"{error.file}: {error.found}" for error in group),
            hint=group[0].hint,
        )
        for group in grouped.values()
    ]
