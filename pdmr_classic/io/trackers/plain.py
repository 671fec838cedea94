"""Any other stream: every channel keeps its own name."""

from __future__ import annotations

from pdmr_classic.io.trackers.tracker import Tracker

TRACKER = Tracker("plain", "no known tracker", lambda names: [], lambda names: {})
