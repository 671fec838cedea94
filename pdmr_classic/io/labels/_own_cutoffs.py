"""Cut-offs and class names from a settings file, in place of the published ones of a scale."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from pdmr_classic.config import SeveritySettings
from pdmr_classic.errors import ConfigError
from pdmr_classic.text import format_count, format_list

if TYPE_CHECKING:
    from pdmr_classic.io.labels.scales import Scale


def replace_cutoffs(scale: Scale, settings: SeveritySettings) -> Scale:
    """Return a scale with the cut-offs and class names of the settings, where they are given.

    Raises
    ------
    ConfigError
        Cut-offs are not increasing or outside the scale, or their number does not fit that of the class names.
    """
    cutoffs = settings.cutoffs if settings.cutoffs is not None else scale.cutoffs
    _check_cutoffs(cutoffs, scale)
    names = settings.class_names
    if names is None:
        names = scale.class_names if len(scale.class_names) == len(cutoffs) + 1 else _name_ranges(cutoffs, scale)
    _check_class_names(names, cutoffs)
    clinical = settings.clinical_cutoff if settings.clinical_cutoff is not None else scale.clinical_cutoff
    if clinical is not None and not scale.low < clinical <= scale.high:
        raise _cutoff_error("the clinical cut-off is outside the scale", scale, repr(clinical))
    return replace(scale, cutoffs=cutoffs, class_names=names if cutoffs else (), clinical_cutoff=clinical)


def _check_cutoffs(cutoffs: tuple[float, ...], scale: Scale) -> None:
    found = format_list(f"{cutoff:g}" for cutoff in cutoffs)
    if any(not scale.low < cutoff <= scale.high for cutoff in cutoffs):
        raise _cutoff_error("a cut-off is outside the scale", scale, found)
    if any(low >= high for low, high in itertools.pairwise(cutoffs)):
        raise _cutoff_error("the cut-offs are not increasing", scale, found)


def _cutoff_error(what: str, scale: Scale, found: str) -> ConfigError:
    return ConfigError(
        what,
        code="bad-cutoffs",
        expected=f"increasing numbers above {scale.low:g}, up to {scale.high:g} (scale {scale.name})",
        found=found,
        hint="correct the settings: [severity] cutoffs = [...], clinical_cutoff = …",
    )


def _check_class_names(names: tuple[str, ...], cutoffs: tuple[float, ...]) -> None:
    n_expected = len(cutoffs) + 1 if cutoffs else 0
    if len(names) == n_expected and len(set(names)) == len(names) and all(name.strip() for name in names):
        return
    raise ConfigError(
        "the class names do not fit the cut-offs",
        code="bad-class-names",
        expected=f"{n_expected} different names for {format_count(len(cutoffs), 'cut-off')}",
        found=format_list(map(repr, names)),
        hint="correct the settings: [severity] class_names = [...], cutoffs = [...]",
    )


def _name_ranges(cutoffs: tuple[float, ...], scale: Scale) -> tuple[str, ...]:
    """Return names of classes such as 0-4 and 5-9, or <5 and 5-<10 where any number may be a score."""
    if not cutoffs:
        return ()
    starts = (scale.low, *cutoffs)
    if scale.step is not None:
        ends = (*(cutoff - scale.step for cutoff in cutoffs), scale.high)
        return tuple(f"{low:g}-{high:g}" for low, high in zip(starts, ends, strict=True))
    inner = (f"{low:g}-<{high:g}" for low, high in itertools.pairwise(cutoffs))
    return (f"<{cutoffs[0]:g}", *inner, f">={cutoffs[-1]:g}")
