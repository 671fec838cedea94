"""Excluded channels of features that have been computed already: their features are left out by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import DataError
from pdmr_classic.features.exclusions import Exclusions
from pdmr_classic.features.names import VIDEO, parse_name
from pdmr_classic.features.registry import Family
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.view_files import VECTOR, FileKind
from pdmr_classic.text import format_list

# No family joins a channel of these kinds with others.
_SINGLE_KINDS = ("other", "meta", "geometry")


def refuse_combined(exclusions: Exclusions, families: Sequence[Family], path: Path) -> None:
    """Refuse to exclude a channel that features of several channels may have been computed from.

    Raises
    ------
    DataError
    """
    excluded = exclusions[VIDEO]
    has_own = any(family.code and not family.kinds for family in families)
    combined = [name for name in excluded if has_own or channel_kind(name) not in _SINGLE_KINDS]
    if combined:
        raise DataError(
            "channels that mark recordings must be left out before features are computed",
            code="identifying-channel",
            file=path,
            expected="the recordings, or a table of recordings without these channels",
            found=format_list(combined),
            hint="pass the folder of the recordings, or remove the channels from the files and run extract again",
        )


def drop_features(
    exclusions: Exclusions, names: tuple[str, ...], values: Floats, modality: str, kind: FileKind
) -> tuple[tuple[str, ...], Floats]:
    """Return features of a file without those of its excluded channels or components."""
    if kind == VECTOR:
        return exclusions.drop_components(names, np.asarray(values), modality)
    kept = [column for column, name in enumerate(names) if parse_name(name).channel not in exclusions[modality]]
    return tuple(names[column] for column in kept), values[kept]
