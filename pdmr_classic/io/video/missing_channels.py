"""Streams that lack channels which most streams of a data set have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pdmr_classic.errors import Finding
from pdmr_classic.text import format_list


def find_missing_channels(streams: Iterable[tuple[Path, Iterable[str]]]) -> list[Finding]:
    """Return a finding for each stream that lacks channels of at least half of the streams.

    Examples
    --------
    >>> (finding,) = find_missing_channels([(Path("1.csv"), ["AU01_r", "AU12_r"]), (Path("2.csv"), ["AU12_r"])])
    >>> str(finding.file), finding.found
    ('2.csv', 'AU01_r')
    """
    # One set for all files with the same channels: a hundred thousand sets would take gigabytes.
    distinct: dict[frozenset[str], frozenset[str]] = {}
    named = [(path, distinct.setdefault(names := frozenset(channels), names)) for path, channels in streams]
    counts = Counter(channel for _, channels in named for channel in channels)
    common = {channel for channel, count in counts.items() if 2 * count >= len(named)}
    return [
        Finding(
            "fewer-channels",
            "channels present in other files are missing; their features are NaN",
            file=path,
            found=format_list(missing),
        )
        for path, channels in named
        if (missing := sorted(common - channels))
    ]
