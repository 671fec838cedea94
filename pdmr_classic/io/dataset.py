"""Load a dataset: the recordings of one split with their files, labels and subjects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io._choose_split import select_split, select_training_split
from pdmr_classic.io._labels_and_subjects import LabelSource, add_labels_and_subjects
from pdmr_classic.io.flow import Flow, start_flow
from pdmr_classic.io.labels.groups import GroupsSource
from pdmr_classic.io.labels.labels import describe_missing_status, find_labels
from pdmr_classic.io.labels.scores import find_scored
from pdmr_classic.io.layouts.discover import discover
from pdmr_classic.io.layouts.layout import Discovery
from pdmr_classic.io.layouts.recordings import Recording
from pdmr_classic.io.split_folders import assign_splits, is_synthetic, resolve_split
from pdmr_classic.io.table_source import TableSource
from pdmr_classic.io.view_files import ViewKind, describe_views, find_view_kinds
from pdmr_classic.text import format_list


@dataclass(frozen=True, eq=False)
class Dataset:
    """The recordings of one split, with labels and subjects. Files are read when features are extracted.

    Attributes
    ----------
    folder : Path
    recordings : tuple of Recording, sorted by `data_id`
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
    split : str or None
        The split that was selected from a data set whose tables tell the splits; None if the folder is the split.
    settings : DataSettings
        How the files were found.
    layout : str
        The arrangement of the files that was given or recognised.
    view_kinds : mapping of str to ViewKind
        Whether the files of each further view are streams or vectors, decided from all recordings of the folder.
    flow : Flow
        How many recordings are in the folder, and in the split that was selected.
    fields : mapping of str to mapping
        What the paths of the files tell about all recordings of the folder, see `Discovery`.
    table : TableSource or None
        The feature table that stands for the recordings, see `load_features`: their files cannot be read.

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
    split: str | None = None
    settings: DataSettings = field(default_factory=DataSettings)
    layout: str = ""
    view_kinds: Mapping[str, ViewKind] = field(default_factory=dict)
    flow: Flow = ()
    fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    table: TableSource | None = None

    def __len__(self) -> int:
        return len(self.recordings)

    def __repr__(self) -> str:
        counts = [f"{self.count_with(name)} with {name}" for name in ("video", "audio", *self.view_kinds)]
        return f"Dataset({self.folder.name!r}, {len(self)} recordings, {', '.join(counts)})"

    @property
    def data_ids(self) -> list[str]:
        return [recording.data_id for recording in self.recordings]

    @property
    def singles(self) -> tuple[Recording, ...]:
        """The recordings that have files: of persons with events, those of the events."""
        return tuple(single for recording in self.recordings for single in recording.singles)

    @property
    def owners(self) -> pd.Series:
        """The `data_id` of the row that each of `singles` belongs to: the person, or the recording itself."""
        pairs = {single.data_id: recording.data_id for recording in self.recordings for single in recording.singles}
        return pd.Series(pairs, dtype=object).rename_axis("data_id")

    def count_with(self, modality: str) -> int:
        """Return the number of rows with a file of a modality."""
        return sum(any(name == modality for name, _, _ in recording.files) for recording in self.recordings)

    @property
    def lacks_subject_ids(self) -> bool:
        """Whether each recording is treated as its own subject because there are no subject ids."""
        return self.groups_source in ("recording", "infer")

    @property
    def is_synthetic(self) -> bool:
        """Whether the dataset is marked as synthetic."""
        return is_synthetic(self.folder) or (self.table is not None and self.table.is_synthetic)

    @property
    def status(self) -> pd.Series | None:
        """The label of each recording, an empty string without a label; None without a `status` column.

        None, too, if a column of scores is learned instead: no classes are read then.
        """
        has_status = self.labels is not None and "status" in self.labels and self.settings.learns_status
        return self.labels["status"] if has_status and self.labels is not None else None

    @property
    def labelled(self) -> pd.Series | None:
        """Whether each recording has a class or a score, whichever is learned; None without a column of classes."""
        masks = [] if self.status is None else [self.status != ""]
        if self.settings.learns_score and self.labels is not None:
            scored = find_scored(self.labels, self.settings)
            masks += [pd.Series(False, self.labels.index) if scored is None else scored]
        return pd.concat(masks, axis=1).any(axis=1) if masks else None

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
                expected="a table with data_id,status[,subject_id], such as labels.csv, in the folder or next to it",
                found="no file" if self.labels is None else f"columns {format_list(['data_id', *self.labels], 20)}",
                hint="add the file, or pass --labels FILE"
                if self.labels is None
                else describe_missing_status(list(self.labels.columns)),
            )
        if not (has_label := self.status != "").any():
            raise DataError(
                "no recording has a label",
                code="no-labels",
                file=self.folder,
                column="status",
                expected="a class for each recording",
                found="empty cells, or cells such as -1",
                hint="fill in the cells, or pass --labels FILE",
            )
        return self.subset(has_label)

    def select_training_split(self) -> Dataset:
        """Return the recordings with `train` in the label column `split`; all if it has no such value or no other."""
        return select_training_split(self)

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
    path: str | Path | TableSource = ".",
    *,
    split: str | None = None,
    labels: str | Path | None = None,
    groups: str | None = None,
    use_labels: bool = True,
    all_splits: bool = False,
    settings: DataSettings | None = None,
) -> Dataset:
    r"""Load the recordings of a split with their labels and subjects.

    Parameters
    ----------
    path : path-like or TableSource
        A split (contains `video/`, `audio/` or both, or the files), a root with `train/` and `test/`, or the root of
        another layout (DAIC-WOZ, E-DAIC, MPDD, nested folders), which is recognised. Or an open feature table, see
        `open_data`.
    split : "train", "dev" or "test", optional
        The split to load: a folder, the recordings in an official split table such as `train_split.csv`, or those
        with this value in the label column `split`, if it has the value train. Required if the root has several
        folders or tables.
    labels : path-like, optional
        The label table; default: `labels.csv` (or another format) in the split or, if missing, next to it.
    groups : str, optional
        A label column; a table (.csv, .jsonl, .json) with `data_id` and `subject_id`; `re:EXPRESSION`, whose
        capturing group extracts the subject from the data_id; or `infer`, with which `fit` and `evaluate` infer the
        subjects if there are no subject ids. Default: `subject_id` if it exists, otherwise one subject per recording.
    use_labels : bool
        False ignores label tables in the split or next to it, and the setting `groups`; tables that tell the splits
        still do.
    all_splits : bool
        If tables or the label column `split` tell the splits, load the recordings of all of them, and without
        `use_labels` also those that are in none; labels then have a column `split`.
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
        path, split=split, labels=labels, groups=groups, use_labels=use_labels, all_splits=all_splits, settings=settings
    )
    if errors:
        raise DataError(errors[0], errors[1:])
    return dataset


def scan_dataset(
    path: str | Path | TableSource = ".",
    *,
    split: str | None = None,
    labels: str | Path | None = None,
    groups: str | None = None,
    use_labels: bool = True,
    all_splits: bool = False,
    may_lack_labels: bool = False,
    settings: DataSettings | None = None,
) -> tuple[Dataset, list[Finding]]:
    """Load a dataset like `load_dataset`, but return errors in files and labels instead of raising them.

    Parameters
    ----------
    path, split, labels, groups, use_labels, all_splits, settings
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
    settings = settings if groups is None else settings.model_copy(update={"groups": groups})
    table = None if isinstance(path, str | Path) else path
    folder = resolve_split(path, split, settings) if isinstance(path, str | Path) else path.path
    discovery = discover(folder, settings) if table is None else table.discover()
    own_file = find_labels(folder, labels) if labels is not None else None
    splits, split_errors = assign_splits(discovery, own_file or find_labels(folder), settings.id_column)
    dataset = _describe_recordings(folder, discovery, settings, table)
    if all_splits and not use_labels:
        dataset = replace(dataset, split="all" if splits else None)
    else:
        dataset = select_split(dataset, discovery, splits, split, all_splits=all_splits)
    source = LabelSource(
        discovery,
        file=own_file or (find_labels(folder) if use_labels and not discovery.tables else None),
        # The settings of a model name the subjects of its training set: other recordings need none.
        groups=settings.groups if use_labels or groups is not None else None,
        splits=splits,
        use_labels=use_labels,
        may_lack_labels=may_lack_labels,
        names_splits=all_splits,
    )
    dataset, label_errors = add_labels_and_subjects(dataset, source)
    return dataset, [*discovery.errors, *split_errors, *label_errors]


def _describe_recordings(
    folder: Path, discovery: Discovery, settings: DataSettings, table: TableSource | None
) -> Dataset:
    """Return all recordings of a folder or of a feature table, without labels and subjects."""
    kinds = find_view_kinds(discovery.recordings) if table is None else table.view_kinds
    return Dataset(
        folder,
        discovery.recordings,
        findings=(*discovery.findings, *describe_views(discovery.views, kinds)),
        settings=settings,
        layout=discovery.layout,
        view_kinds=kinds,
        flow=start_flow("in the folder" if table is None else "in the feature table", len(discovery.recordings)),
        fields=discovery.fields,
        table=table,
    )
