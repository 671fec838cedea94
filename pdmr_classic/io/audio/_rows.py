"""Leave out the rows of an audio file that are no measurement: placeholders, and unvoiced frames of COVAREP."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from pdmr_classic.errors import Finding
from pdmr_classic.io.audio._components import Components
from pdmr_classic.text import format_count

_PLACEHOLDERS = np.array([-1.0, 0.0, 100.0])
_MIN_PLACEHOLDER_COLUMNS = 3

COVAREP_NAMES = (
    *("F0", "VUV", "NAQ", "QOQ", "H1H2", "PSP", "MDQ", "peakSlope", "Rd", "Rd_conf", "creak"),
    *(f"MCEP_{index}" for index in range(25)),
    *(f"HMPDM_{index}" for index in range(25)),
    *(f"HMPDD_{index}" for index in range(13)),
)
"""Columns of COVAREP_feature_extraction.m (version 1.3 and later), 100 rows a second."""
_COVAREP_KEYS = frozenset({"f0", "vuv", "naq", "qoq"})
# In Hz: no voice is lower or higher.
_MIN_F0, _MAX_F0 = 30.0, 600.0
_MIN_ROWS = 10
# Suffix of smoothed descriptors, and the prefixes of spectra.
_OPENSMILE = re.compile(r"_sma3?(nz)?(?![a-z0-9])|^(pcm|audspec|logmelfreqband|isf0)", re.IGNORECASE)


def name_covarep(components: Components) -> Components:
    """Name the 74 columns of COVAREP, which writes no header, if the first two hold pitch and voicing."""
    matrix = components.matrix
    if components.names or matrix.shape[1] != len(COVAREP_NAMES) or len(matrix) < _MIN_ROWS:
        return components
    finite = matrix[np.isfinite(matrix[:, :2]).all(axis=1)]
    pitch, voicing = finite[:, 0], finite[:, 1]
    is_binary = bool(np.isin(voicing, (0, 1)).all()) and bool(voicing.any())
    is_pitch = bool(((pitch >= 0) & (pitch <= _MAX_F0)).all()) and bool((pitch[voicing == 1] >= _MIN_F0).all())
    return components.add(names=COVAREP_NAMES) if is_binary and is_pitch else components


def find_voicing(names: Sequence[str]) -> int | None:
    """Return the index of COVAREP's column VUV; None if the names are not those of COVAREP."""
    keys = [name.casefold() for name in names]
    return keys.index("vuv") if set(keys) >= _COVAREP_KEYS else None


def recognise_program(names: Sequence[str]) -> tuple[str, str]:
    """Return the program that writes columns with these names, and the evidence; both "" if they do not tell.

    Examples
    --------
    >>> recognise_program(["Loudness_sma3", "alphaRatio_sma3"])
    ('opensmile', "names such as 'Loudness_sma3'")
    """
    if not names:
        return "", ""
    if find_voicing(names) is not None:
        return "covarep", "columns F0, VUV, NAQ and QOQ"
    smoothed = next((name for name in names if _OPENSMILE.search(name)), None)
    return ("opensmile", f"names such as {smoothed!r}") if smoothed else ("", "")


def drop_unvoiced(components: Components) -> Components:
    """Leave out the unvoiced rows of COVAREP, whose other values mean nothing; VUV becomes the share of voiced rows."""
    column = find_voicing(components.names) if components.names else None
    if column is None:
        return components
    voicing = components.matrix[:, column]
    is_voiced, is_unvoiced = voicing == 1, voicing == 0
    if not is_unvoiced.any() or not (is_voiced | is_unvoiced | np.isnan(voicing)).all():
        return components  # where VUV is a share, the rows are averages already
    share = is_voiced.sum() / (is_voiced | is_unvoiced).sum()
    matrix = components.matrix[is_voiced]
    matrix[:, column] = share
    what = f"{format_count(int(is_unvoiced.sum()), 'unvoiced row')} of COVAREP left out (VUV = 0)"
    finding = Finding("unvoiced-rows", what, file=components.path, found=f"{share:.0%} of the rows are voiced")
    return components.add(finding, matrix=matrix)


def drop_placeholder_rows(components: Components) -> Components:
    """Leave out rows in which every column is -1, 0 or 100: programs write them where they have no measurement."""
    matrix = components.matrix
    if matrix.shape[1] < _MIN_PLACEHOLDER_COLUMNS:
        return components
    candidates = np.flatnonzero((matrix[:, :1] == _PLACEHOLDERS).any(axis=1))
    empty = candidates[(matrix[candidates] == matrix[candidates, :1]).all(axis=1)]
    if not len(empty):
        return components
    rows = "the vector is" if len(matrix) == 1 else format_count(len(empty), "row is", "rows are")
    value = matrix[empty[0], 0]
    what = f"{rows} treated as missing: every value is {value:g}, which is no measurement"
    finding = Finding("missing-rows", what, file=components.path, found=f"{len(empty)} of {len(matrix)}")
    return components.add(finding, matrix=np.delete(matrix, empty, axis=0))
