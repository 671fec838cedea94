"""Feature tables as files, with and without labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import Settings, load_dataset
from pdmr_classic.errors import ConfigError, DataError, TargetError
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.features.feature_table import check_table_writable, collect_label_columns, write_features
from pdmr_classic.models.model import DepressionModel

IDS = pd.Index(["007", "a,b", 'q"', "NA"], name="data_id")
FEATURES = pd.DataFrame({"video__a__mean": [0.1, 1 / 3, np.nan, 1e-300], "audio__vector__000": [1.0, -2, 3, 4e17]}, IDS)
LABELS = pd.DataFrame({"label__status": ["Normal", "", "PD", "x"], "label__age": ["1", "02", "", "-1"]}, IDS)


def read_table(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    sep = {".csv": ",", ".tsv": "\t"}[path.suffix]
    text = {"data_id": str, **dict.fromkeys(LABELS.columns, str)}
    return pd.read_csv(path, sep=sep, dtype=text, na_values={name: [""] for name in FEATURES}, keep_default_na=False)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".tsv"])
def test_a_table_is_written_with_its_ids_and_every_digit(tmp_path: Path, suffix: str) -> None:
    table = read_table(write_features(FEATURES, tmp_path / f"features{suffix}"))
    assert table.columns[0] == "data_id"
    pd.testing.assert_frame_equal(table.set_index("data_id"), FEATURES, check_exact=True)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".tsv"])
def test_labels_stand_between_ids_and_features(tmp_path: Path, suffix: str) -> None:
    table = read_table(write_features(FEATURES, tmp_path / f"features{suffix}", LABELS.iloc[::-1]))
    assert list(table.columns) == ["data_id", *LABELS.columns, *FEATURES.columns]
    pd.testing.assert_frame_equal(table.set_index("data_id").loc[IDS], LABELS.join(FEATURES), check_exact=True)


def test_nan_is_an_empty_field(tmp_path: Path) -> None:
    lines = write_features(FEATURES, tmp_path / "features.csv").read_text().splitlines()
    assert lines[3] == '"q""",,3.0'


@pytest.mark.parametrize("name", ["features", "features.txt", "features.csv.gz", "features.xlsx"])
def test_another_suffix_is_wrong_usage(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"does not end in .parquet or .csv or .tsv"):
        check_table_writable(tmp_path / name)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".tsv"])
def test_only_another_feature_table_is_overwritten(tmp_path: Path, suffix: str) -> None:
    path = write_features(FEATURES, tmp_path / f"features{suffix}")
    check_table_writable(write_features(FEATURES, path, LABELS))
    foreign = pd.DataFrame({"data_id": ["1"], "status": ["Normal"]})
    labels = tmp_path / f"labels{suffix}"
    if suffix == ".parquet":
        foreign.to_parquet(labels)
    else:
        foreign.to_csv(labels, index=False)
    before = labels.read_bytes()
    with pytest.raises(TargetError, match="would overwrite another file"):
        write_features(FEATURES, labels)
    assert labels.read_bytes() == before


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"data_id\n1\n", b"PAR1"])
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_file_of_another_kind_is_not_overwritten(tmp_path: Path, suffix: str, text: bytes) -> None:
    (tmp_path / f"mine{suffix}").write_bytes(text)
    with pytest.raises(TargetError, match="would overwrite another file"):
        check_table_writable(tmp_path / f"mine{suffix}")


# ------------------------------------------------------------------------------------------------ labels


def test_the_label_columns_contain_the_whole_table_and_the_subjects(small_set: Path) -> None:
    data = load_dataset(small_set, split="train")
    columns = collect_label_columns(data)
    assert {"label__status", "label__subject_id", "label__gender"} <= set(columns)
    assert columns["label__subject_id"].tolist() == data.groups.tolist()
    inferred = load_dataset(small_set, split="train", groups=r"re:^(\d)")
    assert set(collect_label_columns(inferred)["label__subject_id"]) == {data_id[0] for data_id in data.data_ids}


def test_label_columns_without_a_label_table_are_refused(small_set: Path) -> None:
    with pytest.raises(DataError, match="there is no label table"):
        collect_label_columns(load_dataset(small_set, split="test", use_labels=False))


def test_models_and_evaluations_refuse_labels_among_the_features() -> None:
    table = FEATURES.assign(label__age=[1.0, 2.0, 3.0, 4.0])
    status, groups = (pd.Series(["PD", "HC", "PD", "HC"], IDS), pd.Series(list("abcd"), IDS))
    settings = Settings().override({"data.positive": "PD", "learning.folds": 2})
    for learn in (DepressionModel(settings).fit, lambda *args: evaluate_features(*args, settings=settings)):
        with pytest.raises(DataError, match=r"contains 1 column of labels[^\0]*label__age[^\0]*drop the columns"):
            learn(table, status, groups)
