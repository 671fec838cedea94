"""Load a dataset: the recordings of one split with their files, labels and subjects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.groups import Groups, GroupsSource, resolve_groups
from pdmr_classic.io.ids import find_near_matches
from pdmr_classic.io.labels import find_labels, read_labels
from pdmr_classic.io.recordings import Recording, csv_files, describe_folder, find_recordings, is_folder, is_split
from pdmr_classic.text import format_count, format_list, format_quoted

Split = Literal["train", "test"]
SYNTHETIC_MARK = "SYNTHETIC.md"


@dataclass(frozen=True, eq=False)
class Dataset:
    """The recordings of one split, with labels and subjects. Files are read when features are extracted.

    Attributes
    ----------
    folder : Path
    recordings : tuple of Recording
        Sorted by `data_id`.
    labels : DataFrame or None
        Index `data_id` in the order of `recordings`; all columns of the label table, as text. Recordings without a
        row have empty cells.
    groups : Series or None
        The subject of each recording, same index; no group is on both sides of a split. None if there are neither
        labels nor an expression.
    findings : tuple of Finding
    groups_source : GroupsSource or None
        Origin of the groups; None without groups.
    groups_warning : Finding or None
        Why the same person may be on both sides of a split; also in `findings`.

    Examples
    --------
    >>> import tempfile
    >>> from pdmr_classic import make_synthetic
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     synthetic = make_synthetic(f"{folder}/set", subjects=8, segments=2, seconds=(2, 3))
    ...     data = load_dataset(synthetic.out, split="train")
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
    groups_warning: Finding | None = None

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
    def lacks_subject_ids(self) -> bool:
        """Whether each recording is treated as its own subject because there are no subject ids."""
        return self.groups_source in ("recording", "infer")

    @property
    def is_synthetic(self) -> bool:
        """Whether the dataset is marked as synthetic."""
        return is_synthetic(self.folder)

    @property
    def status(self) -> pd.Series | None:
        """The label of each recording, an empty string without a label; None without a `status` column."""
        return self.labels["status"] if self.labels is not None and "status" in self.labels else None

    def select_labelled(self) -> Dataset:
        """Return the recordings that have a label.

        Raises
        ------
        DataError
            There is no label table with a `status` column, or no recording has a label.
        """
        if self.status is None:
            raise DataError(
                "there are no labels",
                code="no-labels",
                file=self.folder,
                expected="labels.csv (or .jsonl, .json) with data_id,status[,subject_id] in the folder or next to it",
                found="no file" if self.labels is None else f"columns {', '.join(['data_id', *self.labels.columns])}",
                hint="add the file, or pass --labels FILE",
            )
        has_label = self.status != ""
        if not has_label.any():
            raise DataError(
                "no recording has a label",
                code="no-labels",
                file=self.folder,
                column="status",
                expected="a class for each recording",
                found="empty cells",
                hint="fill in the cells, or pass --labels FILE",
            )
        return self.subset(has_label)

    def subset(self, mask: pd.Series) -> Dataset:
        """Return the recordings for which `mask` (bool, indexed by data_id) is true."""
        rows = [bool(mask.loc[data_id]) for data_id in self.data_ids]
        return replace(
            self,
            recordings=tuple(recording for recording, is_kept in zip(self.recordings, rows, strict=True) if is_kept),
            labels=None if self.labels is None else self.labels[rows],
            groups=None if self.groups is None else self.groups[rows],
        )


def load_dataset(
    path: str | Path = ".",
    *,
    split: Split | None = None,
    labels: str | Path | None = None,
    groups: str | None = None,
    use_labels: bool = True,
    settings: DataSettings | None = None,
) -> Dataset:
    r"""Load the recordings of a split with their labels and subjects.

    Parameters
    ----------
    path : path-like
        A split (contains `video/`, `audio/` or both, or the CSV files), or a root with `train/` and `test/`.
    split : "train" or "test", optional
        The split to load; required only if the root has both.
    labels : path-like, optional
        The label table; default: `labels.csv|jsonl|json` in the split or, if missing, next to it.
    groups : str, optional
        A label column; a table (.csv, .jsonl, .json) with `data_id` and `subject_id`; `re:EXPRESSION`, whose
        capturing group extracts the subject from the data_id; or `infer`, with which `fit` and `evaluate` infer the
        subjects if there are no subject ids. Default: `subject_id` if it exists, otherwise one subject per recording.
    use_labels : bool
        False ignores label tables in the split or next to it.
    settings : DataSettings, optional
        Layout of the files and columns of the label table; `groups` overrides its `groups`.

    Raises
    ------
    DataError
        There are no recordings, ids collide or are not valid, or the labels cannot be read or match no recording.
    ConfigError
        `groups` is not a label column or a valid expression or table.

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
    dataset, errors = scan_dataset(
        path, split=split, labels=labels, groups=groups, use_labels=use_labels, settings=settings
    )
    if errors:
        raise DataError(errors[0], errors[1:])
    return dataset


def scan_dataset(
    path: str | Path = ".",
    *,
    split: Split | None = None,
    labels: str | Path | None = None,
    groups: str | None = None,
    use_labels: bool = True,
    may_lack_labels: bool = False,
    settings: DataSettings | None = None,
) -> tuple[Dataset, list[Finding]]:
    """Load a dataset like `load_dataset`, but return errors in files and labels instead of raising them.

    Parameters
    ----------
    path, split, labels, groups, use_labels, settings
        As for `load_dataset`.
    may_lack_labels : bool
        Whether a label table outside the split may match no recording, because it describes another split.

    Raises
    ------
    DataError
        The folder does not exist, or contains no recordings.
    ConfigError
        `groups` is not a label column or a valid expression or table.
    """
    settings = settings or DataSettings()
    groups = groups if groups is not None else settings.groups
    folder = resolve_split(Path(path), split)
    recordings, findings, errors = find_recordings(folder)
    dataset = Dataset(folder, recordings, findings=tuple(findings))
    file = Path(labels) if labels is not None else find_labels(folder) if use_labels else None
    try:
        if file is not None:
            dataset = _attach_labels(dataset, file, optional=may_lack_labels and file.parent != folder)
        dataset = _attach_groups(dataset, resolve_groups(dataset.data_ids, dataset.labels, groups, file))
    except DataError as error:
        errors += error.findings
    return dataset, errors


def resolve_split(path: Path, split: Split | None) -> Path:
    """Return the folder of a split, given the split itself or its root.

    Raises
    ------
    DataError
        The folder does not exist or has no recordings, or it has two splits and `split` is None.
    """
    if not is_folder(path):
        raise DataError(
            "the data folder does not exist",
            code="no-folder",
            file=path,
            expected="a folder",
            found=_describe_path(path),
            hint="pass the folder that contains the recordings",
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
            "the folder contains both train/ and test/",
            code="which-split",
            file=path,
            expected="one split",
            found="two splits",
            hint="pass one of the two folders, or --split",
        )
    if not splits and csv_files(path):
        return path
    raise DataError(
        "there are no recordings in this folder",
        code="no-recordings",
        file=path,
        expected=f"video/ or audio/ with CSV files{f', or a folder {split}/ that contains them' if split else ''}",
        found=describe_folder(path),
        hint="pass the folder that contains the recordings",
    )


def _describe_path(path: Path) -> str:
    try:
        return "a file" if path.exists() else "nothing"
    except OSError as error:
        return error.strerror or "nothing"


def is_synthetic(folder: Path) -> bool:
    """Return whether a split or its root is marked as synthetic."""
    return any((parent / SYNTHETIC_MARK).is_file() for parent in (folder, folder.resolve().parent))


def find_splits(path: Path) -> list[Path]:
    """Return the folder itself if it is a split, otherwise its train/ and test/ folders.

    Raises
    ------
    DataError
        The folder does not exist, or contains no recordings.
    """
    splits = [path / name for name in ("train", "test") if is_folder(path / name)]
    return splits if splits and not is_split(path) else [resolve_split(path, None)]


def parse_split(name: str | None) -> Split | None:
    """Return the name of a split after checking it; None stays None.

    Raises
    ------
    ConfigError
        The name is not "train" or "test".
    """
    if name is None:
        return None
    if name == "train":
        return "train"
    if name == "test":
        return "test"
    raise ConfigError("unknown split", expected="train or test", found=repr(name))


# ------------------------------------------------------------------------------------------------ labels


def _attach_labels(dataset: Dataset, file: Path, *, optional: bool = False) -> Dataset:
    table, findings = read_labels(file)
    ids = dataset.data_ids
    unlabelled = [data_id for data_id in ids if data_id not in table.index]
    id_set = set(ids)
    unmatched = [label_id for label_id in table.index if label_id not in id_set]
    near_matches = find_near_matches(unlabelled, unmatched)
    if len(unlabelled) == len(ids):
        if optional:
            return dataset
        raise DataError(
            "no data_id in the label table matches a recording",
            code="labels-match-nothing",
            file=file,
            expected=f"ids such as {format_quoted(ids[:3])}",
            found=format_quoted(table.index),
            hint="use the file names without .csv as data_id"
            + (" (a spreadsheet may have converted them to numbers)" if near_matches else ""),
        )
    if near_matches:
        pairs = format_list(f"{label_id!r} for {data_id!r}" for data_id, label_id in near_matches)
        findings.append(
            Finding(
                "near-match",
                "some data_ids in the label table almost match a recording and are ignored: they must match exactly",
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


def _attach_groups(dataset: Dataset, groups: Groups | None) -> Dataset:
    if groups is None:
        return dataset
    return replace(
        dataset,
        groups=groups.subjects,
        groups_source=groups.source,
        groups_warning=groups.warning,
        findings=(*dataset.findings, *([groups.warning] if groups.warning else [])),
    )
