"""Folders to recordings: which files belong to one `data_id`, what its label is, and who its subject is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io._recordings import Recording, csv_files, find_recordings, is_folder, is_split, listing
from pdmr_classic.io.groups import Groups, GroupsSource, resolve_groups
from pdmr_classic.io.ids import find_near_matches
from pdmr_classic.io.labels import find_labels, read_labels
from pdmr_classic.text import format_count, format_list, format_quoted

Split = Literal["train", "test"]
SYNTHETIC_MARK = "SYNTHETIC.md"


@dataclass(frozen=True, eq=False)
class Dataset:
    """The recordings of one split, with what is known of them. Files are read when features are extracted.

    Attributes
    ----------
    folder : Path
    recordings : tuple of Recording
        Sorted by `data_id`.
    labels : DataFrame or None
        Index `data_id` in the order of `recordings`; all columns of the label table, as text. Recordings without a
        row have empty cells.
    groups : Series or None
        The subject of each recording, same index; the group of every split. None without labels and without an
        expression.
    findings : tuple of Finding
    groups_source : GroupsSource or None
        Where the groups come from; None without any.
    groups_doubt : Finding or None
        Why somebody may stand on both sides of a split after all; among `findings`, too.

    Examples
    --------
    >>> import tempfile
    >>> from pdmr_classic import make_synthetic
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = make_synthetic(f"{folder}/set", subjects=8, segments=2, seconds=(2, 3))
    ...     data = load_dataset(made.out, split="train")
    >>> len(data), data.data_ids[:2], data.groups.nunique()
    (10, ['001', '002'], 5)
    >>> female = data.subset(data.labels["gender"] == "f")
    >>> set(female.labels["gender"])
    {'f'}
    """

    folder: Path
    recordings: tuple[Recording, ...]
    labels: pd.DataFrame | None = None
    groups: pd.Series | None = None
    findings: tuple[Finding, ...] = ()
    groups_source: GroupsSource | None = None
    groups_doubt: Finding | None = None

    def __len__(self) -> int:
        return len(self.recordings)

    def __repr__(self) -> str:
        n_video = sum(recording.video is not None for recording in self.recordings)
        n_audio = sum(recording.audio is not None for recording in self.recordings)
        return f"Dataset({self.folder.name!r}, {len(self)} recordings, {n_video} with video, {n_audio} with audio)"

    @property
    def data_ids(self) -> list[str]:
        return [recording.data_id for recording in self.recordings]

    @property
    def has_own_groups(self) -> bool:
        """Whether each recording counts as a subject of its own, as nothing says who is who."""
        return self.groups_source in ("own", "infer")

    @property
    def is_synthetic(self) -> bool:
        """Whether the set says of itself that it is synthetic."""
        return is_synthetic(self.folder)

    @property
    def status(self) -> pd.Series | None:
        """The label of each recording, empty where it has none; None where there is no table of labels."""
        return self.labels["status"] if self.labels is not None and "status" in self.labels else None

    def labelled(self) -> Dataset:
        """Return the recordings that have a label.

        Raises
        ------
        DataError
            There is no label table with a `status`, or no recording has a label.
        """
        if self.status is None:
            raise DataError(
                "there are no labels",
                code="no-labels",
                file=self.folder,
                expected="labels.csv (or .jsonl, .json) with data_id,status[,subject_id] in the folder or beside it",
                found="none" if self.labels is None else f"the columns {', '.join(['data_id', *self.labels.columns])}",
                hint="add it, or pass --labels FILE",
            )
        labelled = self.status != ""
        if not labelled.any():
            raise DataError(
                "no recording has a label",
                code="no-labels",
                file=self.folder,
                column="status",
                expected="a class for each recording",
                found="empty cells",
                hint="fill them in, or pass --labels FILE",
            )
        return self.subset(labelled)

    def subset(self, keep: pd.Series) -> Dataset:
        """Return the recordings for which `keep` (bool, indexed by data_id) is true."""
        wanted = [bool(keep.loc[data_id]) for data_id in self.data_ids]
        return replace(
            self,
            recordings=tuple(recording for recording, kept in zip(self.recordings, wanted, strict=True) if kept),
            labels=None if self.labels is None else self.labels[wanted],
            groups=None if self.groups is None else self.groups[wanted],
        )


def load_dataset(
    path: str | Path = ".",
    *,
    split: Split | None = None,
    labels: str | Path | None = None,
    groups: str | None = None,
    with_labels: bool = True,
) -> Dataset:
    r"""Find the recordings of a split.

    Parameters
    ----------
    path : path-like
        A split (holds `video/` and/or `audio/`, or the CSVs themselves), or a root with `train/` and `test/`.
    split : "train" or "test", optional
        Which one of a root; needed only where it has both.
    labels : path-like, optional
        The label table; default: `labels.csv|jsonl|json` in the split, else beside it.
    groups : str, optional
        A column of the labels; a table (.csv, .jsonl, .json) with `data_id` and `subject_id`; `re:EXPRESSION` whose
        first group is taken from the data_id; or `infer`, which has `fit` and `evaluate` propose groups where there
        are no subject ids. Default: `subject_id` where it exists, else each recording is its own group.
    with_labels : bool
        False leaves labels that lie beside the recordings alone.

    Raises
    ------
    DataError
        Nothing to read there, ids that collide or can be none, labels that cannot be read or match no recording.
    ConfigError
        `groups` names no column, or is no expression.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     audio = Path(folder) / "audio"
    ...     audio.mkdir()
    ...     for name in ("S01_a", "S01_b", "S02_a"):
    ...         _ = (audio / f"{name}.csv").write_text("0.1,0.2,0.3\n")
    ...     data = load_dataset(folder, groups=r"re:^(S\d+)_")
    >>> data.groups.to_dict()
    {'S01_a': 'S01', 'S01_b': 'S01', 'S02_a': 'S02'}
    """
    dataset, refused = survey_dataset(path, split=split, labels=labels, groups=groups, with_labels=with_labels)
    if refused:
        raise DataError(refused[0], refused[1:])
    return dataset


def survey_dataset(
    path: str | Path = ".",
    *,
    split: Split | None = None,
    labels: str | Path | None = None,
    groups: str | None = None,
    with_labels: bool = True,
) -> tuple[Dataset, list[Finding]]:
    """Find what `load_dataset` finds, and return everything that it refuses beside it, instead of raising the first.

    Raises
    ------
    DataError
        There is no such folder, or nothing to read in it.
    ConfigError
        `groups` names no column, or is no expression.
    """
    folder = resolve_split(Path(path), split)
    recordings, findings, refused = find_recordings(folder)
    dataset = Dataset(folder, recordings, findings=tuple(findings))
    file = Path(labels) if labels is not None else find_labels(folder) if with_labels else None
    try:
        if file is not None:
            dataset = _with_labels(dataset, file)
        dataset = _with_groups(dataset, resolve_groups(dataset.data_ids, dataset.labels, groups, file))
    except DataError as error:
        refused += error.findings
    return dataset, refused


def resolve_split(path: Path, split: Split | None) -> Path:
    """Return the folder of the split that `path` is, or has.

    Raises
    ------
    DataError
        There is no such folder, or it has several splits and none was chosen.
    """
    if not is_folder(path):
        raise DataError(
            "the data folder does not exist",
            code="no-folder",
            file=path,
            expected="a folder",
            found=_in_its_place(path),
            hint="name the folder that holds the recordings",
        )
    if is_split(path):
        return path
    splits = [name for name in ("train", "test") if is_folder(path / name)]
    if split is not None and split in splits:
        return path / split
    if split is None and len(splits) == 1:
        return path / splits[0]
    if split is None and splits:
        raise DataError(
            "the folder has a train/ and a test/",
            code="which-split",
            file=path,
            expected="one split",
            found="both",
            hint="name one of them, or pass --split",
        )
    if not splits and csv_files(path):
        return path
    raise DataError(
        "there are no recordings here",
        code="no-recordings",
        file=path,
        expected=f"video/ and/or audio/ with CSV files{f', or a folder {split}/ with them' if split else ''}",
        found=listing(path),
        hint="name the folder that holds them",
    )


def _in_its_place(path: Path) -> str:
    try:
        return "a file" if path.exists() else "nothing"
    except OSError as error:
        return error.strerror or "nothing"


def is_synthetic(folder: Path) -> bool:
    """Return whether a split or its root is marked as synthetic."""
    return any((place / SYNTHETIC_MARK).is_file() for place in (folder, folder.resolve().parent))


def find_splits(path: Path) -> list[Path]:
    """Return the folder itself if it is a split, else its train/ and test/.

    Raises
    ------
    DataError
        There is no such folder, or nothing to read in it.
    """
    splits = [path / name for name in ("train", "test") if is_folder(path / name)]
    return splits if splits and not is_split(path) else [resolve_split(path, None)]


def parse_split(name: str | None) -> Split | None:
    """Return a split by its name.

    Raises
    ------
    ConfigError
        It is none.
    """
    if name is None:
        return None
    if name == "train":
        return "train"
    if name == "test":
        return "test"
    raise ConfigError("there is no such split", expected="train or test", found=repr(name))


# ------------------------------------------------------------------------------------------------ labels


def _with_labels(dataset: Dataset, file: Path) -> Dataset:
    table, findings = read_labels(file)
    ids = dataset.data_ids
    unlabelled = [data_id for data_id in ids if data_id not in table.index]
    known = set(ids)
    unmatched = [label for label in table.index if label not in known]
    near = find_near_matches(unlabelled, unmatched)
    if len(unlabelled) == len(ids):
        raise DataError(
            "no label matches a recording",
            code="labels-match-nothing",
            file=file,
            expected=f"ids such as {format_quoted(ids[:3])}",
            found=format_quoted(table.index),
            hint="write the ids as the files are named" + (" (a spreadsheet made numbers of them?)" if near else ""),
        )
    if near:
        pairs = format_list(f"{label!r} for {data_id!r}" for data_id, label in near)
        findings.append(
            Finding(
                "near-match",
                "labels nearly match recordings; ids are matched exactly",
                file=file,
                found=pairs,
            )
        )
    if unlabelled:
        findings.append(
            Finding(
                "unlabelled",
                f"{format_count(len(unlabelled), 'recording has', 'recordings have')} no label",
                file=file,
                found=format_list(unlabelled),
            )
        )
    if unmatched:
        findings.append(
            Finding(
                "unmatched",
                f"{format_count(len(unmatched), 'label has', 'labels have')} no recording",
                file=file,
                found=format_list(unmatched),
            )
        )
    aligned = table.reindex(ids, fill_value="")
    return replace(dataset, labels=aligned, findings=(*dataset.findings, *findings))


def _with_groups(dataset: Dataset, groups: Groups | None) -> Dataset:
    if groups is None:
        return dataset
    return replace(
        dataset,
        groups=groups.subjects,
        groups_source=groups.source,
        groups_doubt=groups.doubt,
        findings=(*dataset.findings, *([groups.doubt] if groups.doubt else [])),
    )
