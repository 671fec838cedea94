"""Find the sound files to embed, the vectors to write, and the splits that both belong to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pdmr_classic.audio._sounds import SUFFIXES
from pdmr_classic.errors import ConfigError, DataError, Finding, TargetError
from pdmr_classic.io.ids import id_problem, invalid_id_finding
from pdmr_classic.io.labels.id_tables import DEV, TEST, TRAIN, split_name
from pdmr_classic.io.layouts.folder_files import ignored_findings, is_hidden, list_entries
from pdmr_classic.io.tables.table_files import is_table_file
from pdmr_classic.progress import Reporter, announce
from pdmr_classic.storage.atomic import check_writable
from pdmr_classic.storage.bytes import total_size
from pdmr_classic.text import format_count, format_list, format_size

_SPLITS = (TRAIN, DEV, TEST)
_VECTOR_SUFFIX = ".csv"


@dataclass(frozen=True)
class SoundFile:
    """A sound file, and the file for its vector."""

    path: Path
    target: Path

    @property
    def data_id(self) -> str:
        return self.path.stem


def find_sounds(folder: Path, out: Path) -> tuple[list[SoundFile], list[Finding]]:
    """Return the sound files of a folder, sorted by data_id, and findings about what is not read.

    Raises
    ------
    DataError
        The folder does not exist, it has no sound files, or names cannot be ids.
    """
    if not folder.is_dir():
        raise DataError(
            "the folder of sound files does not exist",
            code="no-folder",
            file=folder,
            expected="a folder",
            found="a file" if folder.exists() else "nothing",
            hint="pass the folder that contains the sound files",
        )
    entries = sorted(entry for entry in list_entries(folder) if not is_hidden(entry.name))
    folders = [entry for entry in entries if entry.is_dir()]
    files = [entry for entry in entries if entry not in folders]
    paths = [path for path in files if path.suffix.lower() in SUFFIXES]
    others = [path for path in files if path.suffix.lower() not in SUFFIXES]
    if not paths:
        raise _no_sounds_error(folder, others, folders)
    if errors := [*_find_invalid_ids(paths), *_find_collisions(paths)]:
        raise DataError(errors[0], errors[1:])
    sounds = [SoundFile(path, out / f"{path.stem}{_VECTOR_SUFFIX}") for path in paths]
    findings = ignored_findings(folder, files=others)
    if folders:
        what = f"{format_count(len(folders), 'folder is', 'folders are')} not read"
        findings.append(Finding("ignored-files", what, file=folder, found=format_list(entry.name for entry in folders)))
    return sorted(sounds, key=lambda sound: sound.data_id), findings


def _no_sounds_error(folder: Path, others: list[Path], folders: list[Path]) -> DataError:
    names = [*(f"{entry.name}/" for entry in folders), *(path.name for path in others)]
    return DataError(
        "there are no sound files in this folder",
        code="no-sounds",
        file=folder,
        expected=", ".join(SUFFIXES),
        found=format_list(names) or "an empty folder",
        hint="pass one of these folders"
        if folders and not others
        else "export the recordings as WAV (ffmpeg -i FILE OUT.wav)",
    )


def _find_invalid_ids(paths: Iterable[Path]) -> list[Finding]:
    problems = {path: id_problem(path.stem) or _label_problem(path.stem) for path in paths}
    return [invalid_id_finding(path, problem) for path, problem in problems.items() if problem]


def _label_problem(name: str) -> str | None:
    return "the name of a label table" if name == "labels" else None


def _find_collisions(paths: Iterable[Path]) -> Iterator[Finding]:
    first: dict[str, Path] = {}
    for path in paths:
        earlier = first.setdefault(path.stem.casefold(), path)
        if earlier is not path:
            yield Finding(
                "ids-collide",
                f"the names of two files differ only in {'their suffix' if earlier.stem == path.stem else 'case'}",
                file=path,
                expected="one sound file per recording",
                found=earlier.name,
                hint="rename or remove one of the files",
            )


def find_split(folder: Path) -> str:
    """Return the split of a folder of vectors, such as DATA/train/audio: train, dev or test, or "" if unknown."""
    name = split_name(folder.absolute().parent.name)
    return name if name in _SPLITS else ""


def default_codebook(out: Path) -> Path:
    """Return the codebook that the splits of a data set share: DATA/audio_codebook.npz for DATA/train/audio.

    Examples
    --------
    >>> default_codebook(Path("DATA/test/audio")).as_posix(), default_codebook(Path("DATA/audio")).as_posix()
    ('DATA/audio_codebook.npz', 'DATA/audio_codebook.npz')
    """
    split_folder = out.parent
    return (split_folder.parent if find_split(out) else split_folder) / "audio_codebook.npz"


def refuse_to_fit_on_test(sounds: Path, out: Path) -> None:
    """Refuse to fit a codebook on recordings that are not for training, judged by the names of folders.

    Raises
    ------
    ConfigError
    """
    words = re.split(r"[^a-z0-9]+", sounds.absolute().name.casefold())
    names = [*words, sounds.absolute().parent.name, out.absolute().name]
    split = next((name for name in [find_split(out), *map(split_name, names)] if name in (DEV, TEST)), None)
    if split is not None:
        raise ConfigError(
            f"a codebook must not be fitted on {split} recordings",
            code="fit-on-test",
            file=sounds,
            expected="a codebook fitted on training recordings",
            found=f"recordings of the {split} split, by the name of a folder",
            hint="embed the training recordings first, or pass their codebook with --codebook",
        )


def check_targets(sounds: list[SoundFile], out: Path, *, overwrite: bool) -> list[Finding]:
    """Check that vectors can be written; return a finding about other vectors in the folder.

    Raises
    ------
    TargetError
        A file cannot be written; or it exists, and `overwrite` is False.
    """
    for sound in sounds:
        check_writable(sound.target)
    existing = {path.name for path in list_entries(out)} if out.is_dir() else set()
    targets = {sound.target.name for sound in sounds}
    if not overwrite and (taken := sorted(existing & targets)):
        raise TargetError(
            f"{format_count(len(taken), 'vector exists', 'vectors exist')} already",
            code="exists",
            file=out,
            expected="a new or an empty folder",
            found=format_list(taken),
            hint="pass --overwrite if embed wrote them, or choose a different --out",
        )
    if not (others := sorted(name for name in existing - targets if is_table_file(name))):
        return []
    what = f"{format_count(len(others), 'other vector', 'other vectors')} in the folder stayed unchanged"
    hint = "vectors of another codebook or program must not be mixed with these"
    return [Finding("other-vectors", what, file=out, found=format_list(others), hint=hint)]


def announce_sounds(sounds: Sequence[SoundFile], reporter: Reporter) -> None:
    """Announce how many sounds will be embedded, and their size."""
    announce(reporter, f"to embed: {format_count(len(sounds), 'sound')}, {format_size(sound_size(sounds))}")


def sound_size(sounds: Sequence[SoundFile]) -> int:
    """Return the size of the files in bytes."""
    return total_size(sound.path for sound in sounds)
