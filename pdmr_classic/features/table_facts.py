"""Where a feature table comes from: the code, settings, families and plugins, stored with the table."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from pdmr_classic._version import __version__
from pdmr_classic.config import Settings
from pdmr_classic.errors import DataError
from pdmr_classic.features.code_version import hash_feature_code
from pdmr_classic.features.registry import select_computed
from pdmr_classic.plugins import find_plugin

SCHEMA = 1
"""Version of the form of the facts; a reader refuses every other one."""
_KEY = b"pdmr_classic"
# Settings that add columns from the label table; which files are read, the other settings of this section say.
_LABEL_FEATURES = {"covariates", "events", "baseline"}


@dataclass(frozen=True)
class TableFacts:
    """What the numbers of a feature table depend on besides the recordings.

    Attributes
    ----------
    code_version : str
        See `hash_feature_code`.
    settings : dict
        Sections `reading` and `features`, and of `data` the settings that add columns.
    families : tuple of str
        Families that were computed, in column order.
    plugins : tuple of dict
        The user's own families among them, see `Plugin.describe`.
    version : str
        Version of the package, for information only.
    schema : int
    """

    code_version: str
    settings: dict[str, Any]
    families: tuple[str, ...]
    plugins: tuple[dict[str, Any], ...] = ()
    version: str = __version__
    schema: int = SCHEMA

    def as_dict(self) -> dict[str, Any]:
        """Return the facts, ready for JSON."""
        facts = asdict(self)
        return {"schema": facts.pop("schema"), **facts, "families": [*self.families], "plugins": [*self.plugins]}

    @classmethod
    def from_dict(cls, facts: Any, file: Path) -> Self:
        """Return the facts that `as_dict` wrote; additional entries are ignored.

        Parameters
        ----------
        facts : object
            Parsed JSON.
        file : Path
            Where it was, for messages.

        Raises
        ------
        DataError
            It is of another schema, or damaged.
        """
        if not isinstance(facts, dict) or facts.get("schema") != SCHEMA:
            found = facts.get("schema") if isinstance(facts, dict) else type(facts).__name__
            raise _unknown_schema_error(file, found)
        kinds = {"code_version": str, "settings": dict, "families": list, "plugins": list, "version": str}
        for name, kind in kinds.items():
            if not isinstance(facts.get(name), kind):
                raise _damaged_error(file, name)
        families, plugins = tuple(map(str, facts["families"])), tuple(facts["plugins"])
        return cls(facts["code_version"], facts["settings"], families, plugins, facts["version"])


def describe_table(settings: Settings) -> TableFacts:
    """Return the facts of a table that is extracted with these settings, now.

    Raises
    ------
    ConfigError
        A family is unknown, or a plugin cannot be imported.

    Examples
    --------
    >>> describe_table(Settings()).settings["reading"]["min_confidence"]
    0.7
    """
    families = select_computed(settings.features, settings.plugins)
    plugins = [plugin for family in families if family.code and (plugin := find_plugin("family", family.name))]
    sections = settings.model_dump(mode="json", include={"reading": True, "features": True, "data": _LABEL_FEATURES})
    names = tuple(family.name for family in families)
    return TableFacts(hash_feature_code(), sections, names, tuple(plugin.describe() for plugin in plugins))


def add_facts(table: pa.Table, facts: TableFacts) -> pa.Table:
    """Return an Arrow table whose schema also contains the facts."""
    text = json.dumps(facts.as_dict(), sort_keys=True)
    return table.replace_schema_metadata({**(table.schema.metadata or {}), _KEY: text.encode()})


def read_table_facts(path: Path) -> TableFacts | None:
    """Return the facts in a Parquet file; None if it has none, as those of other programs.

    Raises
    ------
    DataError
        The file is not Parquet or cannot be read, or its facts are of another schema or damaged.
    """
    try:
        # Opened here, because pyarrow cannot open a path that is not Unicode.
        with path.open("rb") as file:
            metadata = pq.read_schema(file).metadata or {}
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(
            "the feature table cannot be read",
            code="unreadable-table",
            file=path,
            expected="a Parquet file, as extract writes it",
            found=getattr(error, "strerror", None) or "other or damaged data",
            hint="run extract again",
        ) from None
    if _KEY not in metadata:
        return None
    try:
        facts = json.loads(metadata[_KEY])
    except (ValueError, RecursionError):
        facts = None
    return TableFacts.from_dict(facts, path)


def _unknown_schema_error(file: Path, found: object) -> DataError:
    return DataError(
        "the feature table was written by another version of pdmr-classic",
        code="table-schema",
        file=file,
        expected=f"schema {SCHEMA}",
        found=f"schema {found}",
        hint="run extract again with this version",
    )


def _damaged_error(file: Path, name: str) -> DataError:
    return DataError(
        "the description of the feature table is damaged",
        code="damaged-table",
        file=file,
        expected=f"an entry {name!r}",
        found="none, or one of another type",
        hint="run extract again",
    )
