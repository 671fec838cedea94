"""How the recordings of a training set were measured, and whether new recordings were measured in the same way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.features.exclusions import Exclusions
from pdmr_classic.features.extractor import Extraction
from pdmr_classic.features.names import AUDIO, feature_view, parse_name, vector_modalities
from pdmr_classic.io.set_checks import ANGLES, SCALES, magnitude, order_modalities, summarise_errors
from pdmr_classic.io.stream_facts import DescribedFile
from pdmr_classic.io.view_files import KINDS
from pdmr_classic.progress import Reporter
from pdmr_classic.text import format_list

# What streams hold after reading, whatever the file had.
_UNITS = {
    "AU intensity": "0..5",
    "head rotation": "rad",
    "gaze angle": "rad",
    "head position": "mm",
    "landmark": "px",
    "time": "s",
}
_DIGITS = 2
_MIN_RATE_RATIO = 1.5
# Share of missing channels from which the files have another vocabulary, not just a few columns less.
# Ratio between the medians of two sets from which a difference is reported, and from which it is another unit: people
# differ by less than the first in their highest intensity, cameras and seats by less in the others.
_REPORTED, _REFUSED = (
    {"AU intensity": 2.0, "head rotation": 4.0, "gaze angle": 4.0, "head position": 4.0, "landmark": 10.0},
    {"AU intensity": 2.8, "head rotation": 15.0, "gaze angle": 15.0, "head position": 9.0, "landmark": np.inf},
)
_SPREAD = 1.2
# In the features of models that do not store their channels.
_UNIT_PAIR = re.compile(r"AU\d\d_AU\d\d")


def summarise_measurements(files: Iterable[DescribedFile]) -> dict[str, Any]:
    """Return trackers, units, frame rates and ranges of a training set for its manifest.

    Frame rates and sizes are the 1st, 50th and 99th percentile over recordings, rounded to two digits, so that they
    describe no recording.
    """
    files = list(files)
    facts = [file.facts for file in files if file.modality == "video" and file.facts.n_frames]
    kinds = {kind: [fact.ranges[kind] for fact in facts if kind in fact.ranges] for kind in SCALES}
    modalities = order_modalities(file.modality for file in files)
    views = {name: _list_rates(files, name) for name in modalities if name not in KINDS}
    return {
        "trackers": {name: tracker for name in modalities if (tracker := _find_tracker(files, name))},
        "units": {kind: unit for kind, unit in _UNITS.items() if kinds.get(kind) or (kind == "time" and facts)},
        "frame_rate_hz": _percentiles([fact.frame_rate_hz for fact in facts]),
        "ranges": {
            kind: {
                "low": _percentiles([limits.low for limits in ranges]),
                "high": _percentiles([limits.high for limits in ranges]),
                "size": _percentiles([magnitude(kind, limits) for limits in ranges]),
            }
            for kind, ranges in kinds.items()
            if ranges
        },
        "channels": sorted({name for fact in facts for name in fact.channels}),
        # Of vectors, there are no rates.
        **({"views": {name: {"frame_rate_hz": _percentiles(rates)} for name, rates in views.items()}} if views else {}),
    }


def compare_measurements(
    files: Iterable[DescribedFile], trained: Mapping[str, Any] | None
) -> tuple[list[Finding], list[Finding]]:
    """Return warnings and errors about recordings that were measured in another way than those of the training set.

    Parameters
    ----------
    files : iterable of DescribedFile
    trained : dict or None
        As returned by `summarise_measurements`; None for a model without it: nothing is compared.
    """
    files = list(files)
    if not trained:
        return [], []
    warnings: list[Finding] = []
    modalities = order_modalities(file.modality for file in files)
    errors = [error for name in modalities if (error := _compare_tracker(files, name, trained.get("trackers", {})))]
    facts = [file.facts for file in files if file.modality == "video" and file.facts.n_frames]
    if finding := _compare_rates([fact.frame_rate_hz for fact in facts], trained.get("frame_rate_hz")):
        errors.append(finding)
    for name, view in trained.get("views", {}).items():
        if finding := _compare_rates(_list_rates(files, name), view["frame_rate_hz"], name):
            errors.append(finding)
    for kind in SCALES:
        limits = trained.get("ranges", {}).get(kind)
        sizes = [size for fact in facts if kind in fact.ranges and (size := magnitude(kind, fact.ranges[kind])) > 0]
        if limits and sizes:
            finding, is_certain = _compare_sizes(kind, sizes, limits["size"])
            if finding:
                (errors if is_certain else warnings).append(finding)
    return warnings, errors


def _find_tracker(files: Iterable[DescribedFile], modality: str) -> str:
    """Return the program that wrote the files of a modality; "" if unknown. Several are refused before."""
    return next((file.facts.tracker for file in files if file.modality == modality and file.facts.tracker), "")


def _compare_tracker(files: Sequence[DescribedFile], modality: str, trained: Mapping[str, str]) -> Finding | None:
    expected = trained.get(modality, "")
    others = sorted({file.facts.tracker for file in files if file.modality == modality} - {"", expected})
    if not expected or not others:
        return None
    return Finding(
        "other-tracker",
        f"the {modality} files were written by another program than those of the training set",
        expected=expected,
        found=", ".join(others),
        hint="train a model on files of the same program, or pass --allow-mismatch (allow_mismatch=True)",
    )


def _list_rates(files: Iterable[DescribedFile], modality: str) -> list[float]:
    """Return the frame rates of the streams of a modality."""
    facts = [file.facts for file in files if file.modality == modality and file.facts.n_frames]
    return [fact.frame_rate_hz for fact in facts if fact.frame_rate_hz]


def _compare_rates(rates: Sequence[float], trained: Sequence[float] | None, view: str = "") -> Finding | None:
    if not rates or not trained or not trained[1]:
        return None
    rate = float(np.median(rates))
    if max(rate / trained[1], trained[1] / rate) < _MIN_RATE_RATIO:
        return None
    return Finding(
        "other-frame-rate",
        f"the frame rate {f'of {view} ' if view else ''}differs from that of the training set, which changes speeds, "
        "counts and spectra",
        expected=f"about {trained[1]:g} Hz ({trained[0]:g} to {trained[2]:g})",
        found=f"{rate:.3g} Hz in the median file",
        hint="if the rate is wrong, "
        + ("correct the timestamps" if view else "pass --fps")
        + "; otherwise --allow-mismatch (allow_mismatch=True)",
    )


def _compare_sizes(kind: str, sizes: Sequence[float], trained: Sequence[float]) -> tuple[Finding | None, bool]:
    """Return a finding if the sizes are off by a clear factor, and whether that is certainly another scale."""
    low, middle, high = trained
    size = float(np.median(sizes))
    if not middle or low / _SPREAD <= size <= high * _SPREAD:
        return None, False
    ratio = max(size / middle, middle / size)
    if ratio < _REPORTED[kind]:
        return None, False
    measure = "highest" if kind == "AU intensity" else "usual size"
    finding = Finding(
        "other-scale",
        f"the values of {kind} are {ratio:.1f} times as {'large' if size > middle else 'small'} as in the training set",
        expected=f"{measure} about {middle:g} ({low:g} to {high:g}), as in the training set",
        found=f"{size:.2g} in the median of {len(sizes)} files",
        hint=_HINTS.get(kind, "convert the values"),
    )
    if ratio < _REFUSED[kind]:
        return finding, False
    return replace(finding, hint=f"{finding.hint}; or pass --allow-mismatch (allow_mismatch=True)"), True


_HINTS = {
    "AU intensity": "if they are on another scale than 0..5, state it: [reading] au_maximum = 1 (or its upper end)",
    **dict.fromkeys(ANGLES, "if they are in degrees, state it: [reading] angle_unit = 'degrees'"),
}


def _percentiles(values: Sequence[float]) -> list[float]:
    return [_round(value) for value in np.percentile(values, (1, 50, 99))] if len(values) else []


def _round(value: float) -> float:
    """Round to two significant digits."""
    return float(f"{value:.{_DIGITS - 1}e}")


def check_comparable(
    extraction: Extraction,
    trained_names: Iterable[str],
    metadata: Mapping[str, Any],
    allow_mismatch: bool,
    reporter: Reporter,
) -> list[Finding]:
    """Raise if recordings do not fit together, or to the training set of a model; report lesser differences.

    Another tracker, scale or frame rate does not fit, nor do files with none of the video channels that
    the model was trained on. A recording without video fits: a modality may be missing.

    Returns the errors that were allowed.

    Parameters
    ----------
    extraction : Extraction
        Of the recordings to predict.
    trained_names : iterable of str
        Features of the model.
    metadata : mapping
        Manifest of the model.
    allow_mismatch : bool
        Report errors instead of raising.
    reporter : Reporter

    Raises
    ------
    DataError
    """
    differences, mismatches = compare_measurements(extraction.files, metadata.get("measurements"))
    missing, vocabularies = _compare_channels(extraction, trained_names, metadata)
    differences += missing
    errors = [*mismatches, *vocabularies, *summarise_errors(extraction.conflicts)]
    if errors and not allow_mismatch:
        raise DataError(errors[0], errors[1:])
    for finding in (*differences, *(replace(error, hint=None) for error in errors)):
        reporter.note(finding)
    return errors


def find_missing_channels(
    extraction: Extraction, trained_names: Iterable[str], metadata: Mapping[str, Any]
) -> dict[str, tuple[list[str], set[str]]]:
    """Return for each modality that is present the missing channels, and all channels that a model was trained on.

    A channel is missing if no recording has a feature of it. Quantities that families derive from several channels do
    not count: they are missing because of their channels, or of what happens in the recordings.
    """
    has_values = extraction.features.notna().any()
    available_names = [str(name) for name in has_values.index[has_values]]
    names = list(trained_names)
    channels = set(metadata.get("measurements", {}).get("channels", ()))
    found = {}
    for modality in order_modalities([*KINDS, *(file.modality for file in extraction.files)]):
        trained, available = _list_channels(names, modality), _list_channels(available_names, modality)
        has_file = any(file.modality == modality for file in extraction.files)
        if modality == "video":
            trained = trained & channels if channels else {name for name in trained if not _UNIT_PAIR.fullmatch(name)}
        if trained and (available or has_file):
            found[modality] = (sorted(trained - available), trained)
    return found


def _compare_channels(
    extraction: Extraction, trained_names: Iterable[str], metadata: Mapping[str, Any]
) -> tuple[list[Finding], list[Finding]]:
    """Return warnings about missing channels, and an error if not one of the channels of a stream is there."""
    warnings, errors = [], []
    trained_names = list(trained_names)
    vectors = {AUDIO, *vector_modalities(trained_names)}
    for modality, (missing, trained) in find_missing_channels(extraction, trained_names, metadata).items():
        if not missing:
            continue
        what = f"{len(missing)} of {len(trained)} {modality} channels that the model was trained on are missing"
        if modality not in vectors and len(missing) == len(trained):
            own = [file for file in extraction.files if file.modality == modality]
            present = sorted({name for file in own for name in file.facts.channels})
            errors.append(
                Finding(
                    "other-channels",
                    what,
                    expected=format_list(sorted(trained)),
                    found=f"{format_list(present)} (missing: {format_list(missing)})",
                    hint="train a model on files with the same channels, or pass --allow-mismatch "
                    "(allow_mismatch=True)",
                )
            )
        else:
            warnings.append(Finding("missing-channels", what, found=format_list(missing)))
    return warnings, errors


def read_exclusions(metadata: Mapping[str, Any]) -> Exclusions:
    """Return the channels that a model was trained without; none for a model that does not store them."""
    return Exclusions.from_dict(metadata.get("excluded_channels"))


def _list_channels(names: Iterable[str], modality: str) -> set[str]:
    return {parse_name(name).channel for name in names if feature_view(name) == modality}
