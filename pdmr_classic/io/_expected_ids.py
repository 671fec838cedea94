"""The ids that a submission must have: those of the recordings of a test set, or of its persons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import DataError
from pdmr_classic.io.dataset import load_dataset
from pdmr_classic.text import format_quoted


@dataclass(frozen=True)
class ExpectedIds:
    """Recordings of a test set, and the row of a submission that each belongs to.

    Attributes
    ----------
    owners : mapping of str to str
        The row of each recording: itself, or its person.
    file : Path
        Where the ids come from.
    """

    owners: Mapping[str, str]
    file: Path

    @property
    def rows(self) -> list[str]:
        """The ids of the rows."""
        return list(dict.fromkeys(self.owners.values()))

    def check(self, data_ids: Sequence[str], results: Path) -> None:
        """Check that results have each row and no others; instead of the rows, they may have all recordings.

        Raises
        ------
        DataError
        """
        wanted = self.rows if set(data_ids) & set(self.rows) else list(self.owners)
        given, known = set(data_ids), set(wanted)
        missing = [data_id for data_id in wanted if data_id not in given]
        unknown = [data_id for data_id in data_ids if data_id not in known]
        if not missing and not unknown:
            return
        parts = [
            f"{len(ids)} {kind}: {format_quoted(ids)}"
            for kind, ids in (("missing", missing), ("unknown", unknown))
            if ids
        ]
        raise DataError(
            "the results do not have the same ids as the test set",
            code="other-ids",
            file=results,
            expected=f"the {len(wanted)} ids of {self.file}",
            found="; ".join(parts),
            hint="predict all recordings of the test set with one command, without --ids and --skip-bad",
        )


def read_expected_ids(data: Path) -> ExpectedIds:
    """Read which recordings a test set has. Of several splits, test is used; of MPDD, the persons are the rows.

    Raises
    ------
    DataError
        There are no recordings.
    """
    dataset = load_dataset(data, split="test", use_labels=False)
    if dataset.layout == "mpdd":
        settings = DataSettings(events="event")
        dataset = load_dataset(data, split="test", use_labels=False, settings=settings)
    return ExpectedIds({str(single): str(row) for single, row in dataset.owners.items()}, dataset.folder)


def recordings_by_row(results: pd.DataFrame, owners: Mapping[str, str]) -> pd.DataFrame:
    """Return distinct rows of results, indexed by the row that each recording belongs to."""
    table = results.set_axis(pd.Index([owners[str(name)] for name in results.index], name="data_id"))
    return table.reset_index().drop_duplicates().set_index("data_id")
