"""Find the recordings below a folder in the layout that is given or recognised."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import DataError
from pdmr_classic.io.layouts._chosen_files import choose_files
from pdmr_classic.io.layouts._split_tables import find_split_tables
from pdmr_classic.io.layouts.daic_woz import DAIC_WOZ_LAYOUT
from pdmr_classic.io.layouts.e_daic import E_DAIC_LAYOUT
from pdmr_classic.io.layouts.flat import FLAT_LAYOUT
from pdmr_classic.io.layouts.layout import Discovery, Layout
from pdmr_classic.io.layouts.mpdd import MPDD_LAYOUT
from pdmr_classic.io.layouts.pdmr import PDMR_LAYOUT
from pdmr_classic.io.layouts.view_folders import add_views

_Name = Literal["pdmr", "flat", "daic-woz", "e-daic", "mpdd"]
LAYOUTS: dict[_Name, Layout] = {
    "mpdd": MPDD_LAYOUT,
    "pdmr": PDMR_LAYOUT,
    "daic-woz": DAIC_WOZ_LAYOUT,
    "e-daic": E_DAIC_LAYOUT,
    "flat": FLAT_LAYOUT,
}
"""In the order in which they are tried: a folder of MPDD may look like one of PDMR where case is ignored."""


def recognise_layout(folder: Path, settings: DataSettings | None = None) -> _Name | None:
    """Return the layout of a folder: the one in the settings, or the first that recognises it; None if none does."""
    if settings is not None and settings.layout != "auto":
        return settings.layout
    return next((name for name, layout in LAYOUTS.items() if layout.recognise(folder)), None)


def discover(folder: Path, settings: DataSettings) -> Discovery:
    """Return the recordings below a folder, with what the layout says about them.

    Parameters
    ----------
    folder : Path
    settings : DataSettings
        `layout`, `video_pattern`, `audio_pattern` and `views`.

    Raises
    ------
    DataError
        There are no recordings.
    ConfigError
        A pattern or a view is not valid.
    """
    name = recognise_layout(folder, settings)
    if not (settings.video_pattern or settings.audio_pattern):
        # A folder of files without a known name is read as before there were layouts.
        return add_views(LAYOUTS[name or "pdmr"].find(folder), folder, settings)
    return add_views(choose_files(folder, _find_base(folder, name, settings), settings), folder, settings)


def _find_base(folder: Path, name: _Name | None, settings: DataSettings) -> Discovery:
    """Return what patterns add to: the recordings of a known layout, or nothing but the split tables."""
    if name not in (None, "flat"):
        try:
            return LAYOUTS[name].find(folder)
        except DataError:
            if settings.layout != "auto" and name not in ("daic-woz", "e-daic"):
                raise
    return Discovery(name or "flat", (), tables=find_split_tables([folder])[0])
