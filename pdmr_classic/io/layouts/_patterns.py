"""Patterns of file paths with placeholders, such as `{id}_P/features/{id}_OpenFace2.1.0_Pose_gaze_AUs.csv`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pdmr_classic.errors import ConfigError
from pdmr_classic.io.layouts.folder_files import is_hidden, list_entries
from pdmr_classic.storage.location import RemotePath

PLACEHOLDERS = ("id", "subject", "session", "event")
_EXAMPLE = "a path below the data folder, such as '{subject}/{session}/{id}.csv'"
_TOKEN = re.compile(r"\*\*/|\*|\{[^{}]*\}|[{}]|[^*{}]+")


@dataclass(frozen=True)
class PathMatch:
    """A file that a pattern matches, with the text of each placeholder in the order of `PLACEHOLDERS`.

    `known_id` is the data_id that a layout gives to these.
    """

    path: Path
    fields: dict[str, str]
    known_id: str | None = None

    @property
    def data_id(self) -> str:
        """The text of {id}; without one, all placeholders joined by `_`."""
        return self.known_id or self.fields.get("id") or "_".join(self.fields.values())


def compile_pattern(pattern: str, option: str) -> re.Pattern[str]:
    """Return the regular expression of a path pattern.

    A placeholder matches text within one part of the path, the shortest that fits, and the same text wherever it is
    repeated. `*` matches any text within a part, and `**/` any number of folders.

    Raises
    ------
    ConfigError
        The pattern is absolute or empty, has no placeholder or an unknown one, or has unmatched braces.

    Examples
    --------
    >>> compile_pattern("{id}_P/{id}_A*.csv", "--video-pattern").fullmatch("300_P/300_AUs.csv")["id"]
    '300'
    """
    seen: set[str] = set()
    if (
        pattern.startswith(("/", "~"))
        or "\\" in pattern
        or ".." in pattern.split("/")
        or re.match("[A-Za-z]:", pattern)
    ):
        raise _pattern_error(option, "must be relative to the data folder, with / between folders", pattern)
    expression = "".join(_translate(item[0], seen, pattern, option) for item in _TOKEN.finditer(pattern))
    if not seen:
        raise _pattern_error(option, "has no {id}, {subject}, {session} or {event}", pattern)
    return re.compile(expression, re.DOTALL)


def _translate(text: str, seen: set[str], pattern: str, option: str) -> str:
    if text == "**/":
        return "(?:[^/]+/)*"
    if text == "*":
        return "[^/]*"
    if text in ("{", "}"):
        raise _pattern_error(option, "has a brace without its partner", pattern)
    if not text.startswith("{"):
        return re.escape(text)
    name = text[1:-1]
    if name not in PLACEHOLDERS:
        raise _pattern_error(option, f"has an unknown placeholder {text}", pattern)
    if name in seen:
        return f"(?P={name})"
    seen.add(name)
    return f"(?P<{name}>[^/]+?)"


def _pattern_error(option: str, problem: str, pattern: str) -> ConfigError:
    return ConfigError(f"{option} {problem}", expected=_EXAMPLE, found=repr(pattern), hint="correct the pattern")


def match_pattern(pattern: re.Pattern[str], folder: Path, paths: list[Path]) -> list[PathMatch]:
    """Return the files that a pattern matches, by their path relative to a folder."""
    matches = []
    for path in paths:
        match = pattern.fullmatch(path.relative_to(folder).as_posix())
        if match:
            groups = match.groupdict()
            matches.append(PathMatch(path, {name: groups[name] for name in PLACEHOLDERS if name in groups}))
    return matches


def walk_files(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder, sorted, without hidden ones; links to folders are followed, except in circles."""
    if isinstance(folder, RemotePath):
        yield from _walk_store(folder)
        return
    # The real paths of all folders from the first one to each that is still to come.
    chains: dict[str, tuple[str, ...]] = {str(folder): (os.path.realpath(folder),)}
    for name, folders, files in os.walk(folder, followlinks=True):
        chain = chains.pop(name)
        visible = sorted(below for below in folders if not is_hidden(below))
        places = {below: os.path.realpath(Path(name, below)) for below in visible}
        folders[:] = [below for below in visible if places[below] not in chain]
        for below in folders:
            chains[os.path.join(name, below)] = (*chain, places[below])  # noqa: PTH118 (as os.walk names it)
        yield from (Path(name, file) for file in sorted(files) if not is_hidden(file))


def _walk_store(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder behind a URL, in the order of local ones; stores have no links."""
    entries = [path for path in sorted(list_entries(folder)) if not is_hidden(path.name)]
    yield from (path for path in entries if not path.is_dir())
    for path in entries:
        if path.is_dir():
            yield from _walk_store(path)
