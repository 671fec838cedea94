"""Choose the recordings of a split where tables, or a label column, tell the splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from pdmr_classic.io.flow import extend_by_split
from pdmr_classic.io.labels.id_tables import SPLIT_COLUMN, TRAIN, split_name
from pdmr_classic.io.layouts.layout import Discovery
from pdmr_classic.io.split_folders import choose_split, make_unassigned_finding, order_splits, which_split_error

if TYPE_CHECKING:
    from pdmr_classic.io.dataset import Dataset


def select_split(
    dataset: Dataset, discovery: Discovery, splits: Mapping[str, str], split: str | None, *, all_splits: bool
) -> Dataset:
    """Return the recordings of one split if tables tell the splits; all recordings that are in any if asked for."""
    names = order_splits(splits.values())
    if split is None and not all_splits and (discovery.tables or "split" in discovery.fields):
        if len(names) > 1:
            raise which_split_error(dataset.folder, names)
        split = next(iter(names), None)
    if not names or (split is None and not all_splits):
        return dataset
    split = None if all_splits else split
    if split is None:
        rest = [data_id for data_id in dataset.data_ids if data_id not in splits]
        findings = [make_unassigned_finding(rest, dataset.folder)] if rest else []
    else:
        findings = choose_split(splits, dataset.data_ids, split, dataset.folder)
    chosen = {i: i in splits if split is None else splits.get(i) == split for i in dataset.data_ids}
    flow = extend_by_split(dataset.flow, dataset.data_ids, splits, split)
    subset = dataset.subset(pd.Series(chosen, dtype=bool))
    return replace(subset, split=split, flow=flow, findings=(*dataset.findings, *findings))


def select_training_split(dataset: Dataset) -> Dataset:
    """Do what `Dataset.select_training_split` does."""
    if dataset.labels is None or SPLIT_COLUMN not in dataset.labels:
        return dataset
    values = zip(dataset.data_ids, dataset.labels[SPLIT_COLUMN], strict=True)
    splits = {data_id: split_name(value) for data_id, value in values if value}
    if TRAIN not in splits.values() or len({*splits.values()}) < 2:
        return dataset
    findings = choose_split(splits, dataset.data_ids, TRAIN, dataset.folder)
    is_train = pd.Series({data_id: splits.get(data_id) == TRAIN for data_id in dataset.data_ids})
    return replace(dataset.subset(is_train), findings=(*dataset.findings, *findings))
