"""Files chosen by `--video-pattern` and `--audio-pattern`, instead of those of the layout."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.layouts._grouping import group_files
from pdmr_classic.io.layouts._patterns import PLACEHOLDERS, compile_pattern, match_pattern, walk_files
from pdmr_classic.io.layouts.folder_files import find_id_tables, ignored_findings
from pdmr_classic.io.layouts.layout import Discovery
from pdmr_classic.io.layouts.recordings import Recording, find_near_names
from pdmr_classic.io.layouts.view_folders import view_places
from pdmr_classic.text import format_count, format_list, format_quoted

# Findings of the layout that are about files which the patterns replace.
_ABOUT_FILES = ("layout", "ignored-files", "missing-files", "bare-folder", "label-table", "near-match")


def choose_files(folder: Path, base: Discovery, settings: DataSettings) -> Discovery:
    """Return a discovery with the files that the patterns match; a modality without a pattern keeps its files.

    Raises
    ------
    ConfigError
        A pattern is not valid, or the two patterns do not give the same ids.
    DataError
        A pattern matches no file.
    """
    given = {"video": settings.video_pattern, "audio": settings.audio_pattern}
    patterns = {
        modality: compile_pattern(pattern, f"--{modality}-pattern") for modality, pattern in given.items() if pattern
    }
    _check_same_placeholders([set(pattern.groupindex) for pattern in patterns.values()])
    paths = list(walk_files(folder))
    matches = {modality: match_pattern(pattern, folder, paths) for modality, pattern in patterns.items()}
    tables = set(find_id_tables(match.path for group in matches.values() for match in group))
    chosen: dict[str, dict[str, Path]] = {}
    fields = {name: dict(values) for name, values in base.fields.items()}
    errors: list[Finding] = []
    for modality, group in matches.items():
        usable = [match for match in group if match.path not in tables]
        if not usable:
            raise _no_match_error(folder, modality, str(given[modality]), paths)
        known_ids = _known_ids(base, patterns[modality])
        usable = [replace(match, known_id=known_ids.get(tuple(match.fields.values()))) for match in usable]
        by_id, group_errors = group_files((match.data_id, modality, match.path) for match in usable)
        chosen[modality] = {data_id: paths[modality] for data_id, paths in by_id.items()}
        errors += group_errors
        for match in usable:
            for name, value in match.fields.items():
                if name != "id":
                    fields.setdefault(name, {})[match.data_id] = value
    recordings = _replace_files(base.recordings, chosen)
    kept = [finding for finding in base.findings if finding.code not in _ABOUT_FILES]
    used = {path for recording in recordings for _, first, parts in recording.files for path in (first, *parts)}
    used |= {table.path for table in base.tables}
    views = view_places(folder, settings)
    unused = [path for path in paths if path not in used and path not in tables and path.stem != "labels"]
    unused = [path for path in unused if views.isdisjoint(path.parents)]
    findings = (
        *_pattern_findings(folder, given, chosen),
        *kept,
        *_find_unpaired(recordings, folder),
        *find_near_names(recordings, folder),
        *ignored_findings(folder, files=unused, tables=sorted(tables - used)),
    )
    # Errors about files that the patterns do not match no longer matter.
    base_errors = tuple(error for error in base.errors if error.file in used)
    return replace(base, recordings=recordings, fields=fields, findings=findings, errors=(*base_errors, *errors))


def _known_ids(base: Discovery, pattern: re.Pattern[str]) -> dict[tuple[str, ...], str]:
    """Return the data_id that the layout gives to each combination of placeholders, if it knows these."""
    names = [name for name in PLACEHOLDERS if name in pattern.groupindex]
    if not {*names} <= {*base.fields}:
        return {}
    values = {data_id: tuple(base.fields[name].get(data_id, "") for name in names) for data_id in base.data_ids}
    times = Counter(values.values())
    return {key: data_id for data_id, key in values.items() if times[key] == 1}


def _replace_files(
    recordings: tuple[Recording, ...], chosen: Mapping[str, Mapping[str, Path]]
) -> tuple[Recording, ...]:
    by_id = {recording.data_id: recording for recording in recordings}
    for data_id in {data_id for paths in chosen.values() for data_id in paths}:
        by_id.setdefault(data_id, Recording(data_id))
    if "video" in chosen:
        paths = chosen["video"]
        by_id = {name: replace(old, video=paths.get(name), video_parts=()) for name, old in by_id.items()}
    if "audio" in chosen:
        by_id = {name: replace(old, audio=chosen["audio"].get(name)) for name, old in by_id.items()}
    return tuple(by_id[data_id] for data_id in sorted(by_id) if by_id[data_id].files)


def _check_same_placeholders(names: list[set[str]]) -> None:
    if len(names) < 2 or ("id" in names[0] and "id" in names[1]) or names[0] == names[1]:
        return
    raise ConfigError(
        "--video-pattern and --audio-pattern do not give the same ids",
        expected="{id} in both, or the same placeholders in both",
        found=" and ".join(", ".join(f"{{{name}}}" for name in sorted(group)) for group in names),
        hint="correct one of the patterns",
    )


def _no_match_error(folder: Path, modality: str, pattern: str, paths: list[Path]) -> DataError:
    return DataError(
        f"--{modality}-pattern matches no recording",
        code="no-recordings",
        file=folder,
        expected=f"files such as {pattern}",
        found=format_list(path.relative_to(folder).as_posix() for path in paths) or "an empty folder",
        hint="correct the pattern; it is compared with the whole path below the data folder",
    )


def _find_unpaired(recordings: tuple[Recording, ...], folder: Path) -> list[Finding]:
    """Return a warning if there are video and audio files, but no recording has both."""
    video = [recording.data_id for recording in recordings if recording.video is not None]
    audio = [recording.data_id for recording in recordings if recording.audio is not None]
    if not video or not audio or {*video} & {*audio}:
        return []
    found = f"video ids such as {format_quoted(video[:3])}; audio ids such as {format_quoted(audio[:3])}"
    hint = "use the same placeholders for the same parts of the path in both patterns"
    return [Finding("unpaired", "no recording has both video and audio", file=folder, found=found, hint=hint)]


def _pattern_findings(
    folder: Path, given: Mapping[str, str | None], chosen: Mapping[str, Mapping[str, Path]]
) -> list[Finding]:
    return [
        Finding("layout", f"{modality} from {given[modality]}: {format_count(len(paths), 'file')}", file=folder)
        for modality, paths in chosen.items()
    ]
