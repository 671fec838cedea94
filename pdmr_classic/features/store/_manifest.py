"""Manifest of a store: what its numbers depend on, and its parts with their hashes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pdmr_classic.errors import DataError
from pdmr_classic.features.store.folder import MANIFEST, is_part
from pdmr_classic.features.table_facts import TableFacts
from pdmr_classic.storage.atomic import write_text_atomic
from pdmr_classic.storage.bytes import read_bytes


@dataclass(frozen=True)
class Part:
    """One part of a store.

    Attributes
    ----------
    file : str
        Name in the folder.
    rows : int
    hash : str
        XXH3 of the bytes of the file.
    files_hash : str
        The same of the facts about the files of its recordings.
    """

    file: str
    rows: int
    hash: str
    files_hash: str


@dataclass(frozen=True)
class Manifest:
    """What a complete store says about itself.

    Attributes
    ----------
    facts : TableFacts
    parts : tuple of Part
    columns : int
        Number of features, without ids and labels.
    source : dict
        `recordings`, their number; `content`, the hash of their ids and of the bytes of their files; `synthetic`.
    """

    facts: TableFacts
    parts: tuple[Part, ...]
    columns: int
    source: dict[str, Any]

    @property
    def n_rows(self) -> int:
        """Number of recordings (of persons, if these are the rows)."""
        return sum(part.rows for part in self.parts)

    def write(self, folder: Path) -> None:
        """Write the manifest, which makes the store complete.

        Raises
        ------
        TargetError
        """
        content = {
            **self.facts.as_dict(),
            "columns": self.columns,
            "source": self.source,
            "parts": [asdict(part) for part in self.parts],
            "complete": True,
        }
        write_text_atomic(folder / MANIFEST, json.dumps(content, indent=2, sort_keys=True) + "\n")


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a store.

    Raises
    ------
    DataError
        There is none, because the store is not complete; it is damaged, or of another version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise _incomplete_error(folder)
    try:
        content = json.loads(read_bytes(path))
    except (ValueError, RecursionError):
        raise _damaged_error(path) from None
    facts = TableFacts.from_dict(content, path)
    if content.get("complete") is not True:
        raise _incomplete_error(folder)
    try:
        parts = tuple(Part(**part) for part in content["parts"])
        manifest = Manifest(facts, parts, int(content["columns"]), dict(content["source"]))
    except (KeyError, TypeError, ValueError):
        raise _damaged_error(path) from None
    # A name such as ../x would lead out of the folder.
    if not all(is_part(str(part.file)) and isinstance(part.rows, int) and part.rows > 0 for part in parts):
        raise _damaged_error(path)
    return manifest


def _incomplete_error(folder: Path) -> DataError:
    return DataError(
        "the feature store is not complete",
        code="incomplete-store",
        file=folder,
        expected=f"{MANIFEST}, which is written last",
        found="an interrupted run",
        hint="run the same extract again; it continues with the missing parts",
    )


def _damaged_error(path: Path) -> DataError:
    return DataError(
        "the manifest of the feature store is damaged",
        code="damaged-store",
        file=path,
        expected="JSON, as extract writes it",
        found="other or damaged data",
        hint="run the same extract again",
    )
