"""All trackers, and which of them wrote a file."""

from __future__ import annotations

from dataclasses import dataclass

from pdmr_classic.errors import ConfigError
from pdmr_classic.io.trackers import clnf, libreface, mediapipe, openface2, openface3, plain, pyfeat
from pdmr_classic.io.trackers.tracker import Tracker

# The first one that recognises a file counts: OpenFace 2 last, because others borrow its names.
_RECOGNISED = (openface3, clnf, libreface, pyfeat, mediapipe, openface2)
TRACKERS: dict[str, Tracker] = {
    tracker.name: tracker
    for tracker in (openface2.TRACKER, *(module.TRACKER for module in _RECOGNISED[:-1]), plain.TRACKER)
}


@dataclass(frozen=True)
class Recognition:
    """A tracker, and why a file is taken for its output.

    Attributes
    ----------
    tracker : Tracker
    evidence : str
        "OpenFace 2 (AU01_r … gaze_0_x)"; empty if no tracker was recognised.
    """

    tracker: Tracker
    evidence: str = ""


def get_tracker(name: str) -> Tracker:
    """Return the tracker of a name.

    Raises
    ------
    ConfigError
        There is no such tracker; lists all of them.

    Examples
    --------
    >>> get_tracker("pyfeat").title
    'py-feat'
    """
    if name not in TRACKERS:
        raise ConfigError(
            "unknown tracker",
            code="unknown-tracker",
            expected=", ".join(TRACKERS),
            found=name,
            hint="correct --tracker, or leave it out: trackers are recognised by their columns",
        )
    return TRACKERS[name]


def recognise_tracker(names: tuple[str, ...], chosen: str | None = None) -> Recognition:
    """Return which tracker wrote a file with these column names, or the chosen one.

    Raises
    ------
    ConfigError
        There is no tracker of the chosen name.

    Examples
    --------
    >>> recognise_tracker(("frame", "AU01_r", "AU12_r", "gaze_0_x")).evidence
    'OpenFace 2 (AU01_r … gaze_0_x)'
    """
    if chosen is not None:
        tracker = get_tracker(chosen)
        return Recognition(tracker, "" if tracker is plain.TRACKER else f"{tracker.title} (--tracker {chosen})")
    for module in _RECOGNISED:
        columns = module.TRACKER.recognise(names)
        if columns:
            return Recognition(module.TRACKER, f"{module.TRACKER.title} ({_format_columns(columns)})")
    return Recognition(plain.TRACKER)


def _format_columns(columns: list[str]) -> str:
    return " … ".join(dict.fromkeys((columns[0], columns[-1])))
