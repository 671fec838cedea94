"""Feature tables in place of recordings: the same features, facts and predictions; bad tables are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pdmr_classic import Dataset, DepressionModel, Settings, fit, load_dataset, load_features
from pdmr_classic.errors import DataError
from pdmr_classic.features.exclusions import Exclusions
from pdmr_classic.features.extractor import Extraction, FeatureExtractor
from pdmr_classic.features.feature_table import write_features
from pdmr_classic.features.store.write import extract_store
from pdmr_classic.features.table_facts import describe_table

SETTINGS = Settings().override({"features.families": ("distribution", "quality", "audio_vector", "audio_clusters")})


def write_table(data: Dataset, path: Path, settings: Settings = SETTINGS) -> Path:
    """Write a table as `extract` does."""
    extraction = FeatureExtractor(settings).extract(data)
    facts = describe_table(settings)
    return write_features(extraction.features, path, None, facts, extraction.records, synthetic=data.is_synthetic)


@pytest.fixture(scope="module")
def test_folder(small_set: Path) -> Path:
    return small_set / "test"


@pytest.fixture(scope="module")
def tables(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with .parquet and .csv of both splits of `small_set`, and the store test/."""
    folder = tmp_path_factory.mktemp("tables")
    for split in ("train", "test"):
        parquet = write_table(load_dataset(small_set, split=split), folder / f"{split}.parquet")
        write_features(pd.read_parquet(parquet).set_index("data_id"), folder / f"{split}.csv")
    extract_store(FeatureExtractor(SETTINGS), load_dataset(small_set, split="test"), folder / "test")
    return folder


def write_changed(table: Path, path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Path:
    """Write a changed copy of a table, with its metadata if it is Parquet."""
    changed = change(pd.read_parquet(table))
    if path.suffix == ".csv":
        changed.to_csv(path, index=False)
    else:
        metadata = pq.read_schema(table).metadata
        pq.write_table(pa.Table.from_pandas(changed, preserve_index=False).replace_schema_metadata(metadata), path)
    return path


def assert_same_extraction(first: Extraction, second: Extraction, *, facts: bool = True) -> None:
    pd.testing.assert_frame_equal(first.features, second.features, check_exact=True)
    if facts:
        pd.testing.assert_frame_equal(first.content_hashes, second.content_hashes)
        assert [(file.modality, file.facts) for file in first.files] == [(f.modality, f.facts) for f in second.files]


# ----------------------------------------------------------------------------------------------- the same


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ""])
def test_features_and_facts_are_those_of_the_recordings(tables: Path, test_folder: Path, suffix: str) -> None:
    extractor = FeatureExtractor(SETTINGS)
    expected = extractor.extract(load_dataset(test_folder))
    data = load_features(tables / f"test{suffix}")
    extraction = extractor.extract(data)
    assert not extraction.conflicts
    assert_same_extraction(extraction, expected, facts=suffix != ".csv")
    assert data.data_ids == load_dataset(test_folder).data_ids


def test_a_subset_has_the_features_of_its_recordings(tables: Path, test_folder: Path) -> None:
    extractor = FeatureExtractor(SETTINGS)
    folder, table = load_dataset(test_folder), load_features(tables / "test.parquet")
    mask = pd.Series([index % 2 == 1 for index in range(len(folder))], folder.data_ids)
    assert_same_extraction(extractor.extract(table.subset(mask)), extractor.extract(folder.subset(mask)))


def test_a_whole_table_is_not_copied(tables: Path) -> None:
    data = load_features(tables / "test.parquet")
    features = FeatureExtractor(SETTINGS).transform(data)
    again = FeatureExtractor(SETTINGS).transform(data)
    assert np.shares_memory(features.to_numpy(), again.to_numpy())


def test_the_order_of_rows_does_not_matter(tables: Path, tmp_path: Path) -> None:
    shuffled = write_changed(tables / "test.parquet", tmp_path / "x.parquet", lambda table: table.iloc[::-1])
    extractor = FeatureExtractor(SETTINGS)
    expected = extractor.extract(load_features(tables / "test.parquet"))
    assert_same_extraction(extractor.extract(load_features(shuffled)), expected)


def test_missing_modalities_stay_missing(tables: Path, small_set: Path) -> None:
    table, folder = load_features(tables / "train.parquet"), load_dataset(small_set, split="train")
    assert [table.count_with(name) for name in ("video", "audio")] == [
        folder.count_with(name) for name in ("video", "audio")
    ]
    assert table.count_with("video") < len(table)


def test_excluded_components_are_left_out_as_in_training(tables: Path, test_folder: Path) -> None:
    extractor = FeatureExtractor(SETTINGS, exclusions=Exclusions({"audio": ("3",)}))
    extraction = extractor.extract(load_features(tables / "test.parquet"))
    assert_same_extraction(extraction, extractor.extract(load_dataset(test_folder)))


def test_a_model_of_a_table_predicts_the_same(
    tables: Path, small_set: Path, quick_settings: Settings, tmp_path: Path
) -> None:
    settings = quick_settings.override(
        {
            "learning.learners": ("linear",),
            "learning.importance": False,
            "features.families": SETTINGS.features.families,
        }
    )
    train, test = load_dataset(small_set, split="train"), load_dataset(small_set, split="test")
    expected = fit(train, settings=settings).predict(test)
    labels = small_set / "train" / "labels.csv"
    model = fit(load_features(tables / "train.parquet", labels=labels), settings=settings)
    assert model.metadata_["synthetic"]
    assert model.metadata_["measurements"]["trackers"]
    stored = load_features(tables / "test.parquet")
    pd.testing.assert_frame_equal(model.predict(test), expected, check_exact=True)
    pd.testing.assert_frame_equal(model.predict(stored), expected, check_exact=True)
    of_text = fit(load_features(tables / "train.csv", labels=labels), settings=settings)
    text = load_features(tables / "test.csv")
    pd.testing.assert_frame_equal(of_text.predict(text), expected, check_exact=True)
    with pytest.raises(DataError, match="also in the training set"):
        model.predict(load_features(tables / "train.parquet", labels=labels))


# ------------------------------------------------------------------------------------------ other settings


def test_a_table_of_other_settings_is_refused(tables: Path) -> None:
    settings = SETTINGS.override({"reading.min_confidence": 0.5})
    extractor = FeatureExtractor(settings)
    with pytest.raises(DataError, match="other settings") as error:
        extractor.transform(load_features(tables / "test.parquet"))
    assert error.value.finding.expected == "reading.min_confidence = 0.5"
    assert error.value.finding.found == "reading.min_confidence = 0.7"


def test_a_table_of_other_families_is_refused(tables: Path) -> None:
    with pytest.raises(DataError, match="other feature families") as error:
        FeatureExtractor(SETTINGS.override({"features.families": ("distribution", "eyes")})).transform(
            load_features(tables / "test.parquet")
        )
    assert error.value.finding.found == "without eyes and with quality, audio_vector, audio_clusters"


@pytest.fixture
def old_table(tables: Path, tmp_path: Path) -> Path:
    """A table that another version of the extractor wrote."""
    table = pq.read_table(tables / "test.parquet")
    facts = json.loads(table.schema.metadata[b"pdmr_classic"])
    metadata = {**table.schema.metadata, b"pdmr_classic": json.dumps(facts | {"code_version": "0" * 32}).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "old.parquet")
    return tmp_path / "old.parquet"


def test_a_table_of_other_code_is_refused(old_table: Path) -> None:
    with pytest.raises(DataError, match="another version of the extractor"):
        FeatureExtractor(SETTINGS).transform(load_features(old_table))


def test_a_prediction_from_a_table_of_other_code_can_be_allowed(old_table: Path, fitted_model: DepressionModel) -> None:
    with pytest.raises(DataError, match="another version of the extractor"):
        fitted_model.predict(load_features(old_table))
    predictions = fitted_model.predict(load_features(old_table), allow_mismatch=True)
    assert "other-extractor" in predictions.attrs["mismatch"]


def test_subjects_cannot_be_inferred_from_a_table(tables: Path, small_set: Path, tmp_path: Path) -> None:
    labels = pd.read_csv(small_set / "train" / "labels.csv", dtype=str)[["data_id", "status"]]
    labels.to_csv(tmp_path / "labels.csv", index=False)
    data = load_features(tables / "train.parquet", labels=tmp_path / "labels.csv", groups="infer")
    with pytest.raises(DataError, match=r"--groups infer needs face shapes"):
        fit(data, settings=SETTINGS)


def test_a_table_without_features_of_the_model_is_refused(
    tables: Path, tmp_path: Path, fitted_model: DepressionModel
) -> None:
    with pytest.raises(DataError, match=r"features of the model are missing") as error:
        fitted_model.predict(load_features(tables / "test.csv"))
    assert error.value.finding.hint is not None
    assert "allow_mismatch" in error.value.finding.hint
    predictions = fitted_model.predict(load_features(tables / "test.csv"), allow_mismatch=True)
    assert "missing-features" in predictions.attrs["mismatch"]


def test_altered_recordings_need_recordings(tables: Path) -> None:
    extractor = FeatureExtractor(SETTINGS, alter={"video": lambda stream: stream})
    with pytest.raises(DataError, match="need the recordings themselves"):
        extractor.extract(load_features(tables / "test.parquet"))


def test_a_channel_that_families_combine_cannot_be_excluded_afterwards(tables: Path) -> None:
    extractor = FeatureExtractor(SETTINGS, exclusions=Exclusions({"video": ("pose_Tx",)}))
    with pytest.raises(DataError, match="left out before features are computed"):
        extractor.extract(load_features(tables / "test.parquet"))


# ---------------------------------------------------------------------------------------------- bad tables


def test_a_store_with_a_missing_part_is_refused(tables: Path, tmp_path: Path) -> None:
    shutil.copytree(tables / "test", tmp_path / "store")
    (tmp_path / "store" / "part-00000.parquet").unlink()
    with pytest.raises(DataError, match="a part of the feature store is missing"):
        load_features(tmp_path / "store")


BAD_TABLES: dict[str, tuple[str, str]] = {
    "no id": ("video__a__mean\n1\n", "not a feature table"),
    "labels": ("data_id,status\n001,Normal\n", "not a feature table"),
    "no features": ("data_id\n001\n", "not a feature table"),
    "no rows": ("data_id,video__a__mean\n", "has no rows"),
    "repeated id": ("data_id,video__a__mean\n001,1\n001,2\n", r"1 data_id is repeated"),
    "repeated name": ("data_id,video__a__mean,video__a__mean\n001,1,2\n", "not a feature table"),
    "empty id": ("data_id,video__a__mean\n,1\n", "a data_id is not valid"),
    "path as id": ("data_id,video__a__mean\n../x,1\n", "a data_id is not valid"),
    "text": ("data_id,video__a__mean\n001,1\n002,high\n", "a feature is not a number"),
    "infinite": ("data_id,video__a__mean\n001,1\n002,inf\n", "a feature is infinite"),
    "ragged": ("data_id,video__a__mean\n001,1,2\n", "cannot be read"),
    "empty row": ("data_id,video__a__mean\n001,1\n002,\n", "is not complete"),
    "covariates": ("data_id,covariates__age__value\n001,1\n", "depend on a label table"),
    "changes": ("data_id,video_change__a__mean\n001,1\n", "depend on a label table"),
    "persons": ("data_id,video__a__mean@E1,quality__events__present@E1\n001,1,1\n", "depend on a label table"),
    "empty file": ("", "cannot be read"),
}


@pytest.mark.parametrize("name", list(BAD_TABLES))
def test_a_bad_text_table_is_refused(tmp_path: Path, name: str) -> None:
    text, message = BAD_TABLES[name]
    table = tmp_path / "features.csv"
    table.write_text(text)
    with pytest.raises(DataError, match=message) as error:
        load_features(table)
    assert error.value.finding.file == table


def test_the_message_names_the_bad_cell(tmp_path: Path) -> None:
    (tmp_path / "features.csv").write_text("data_id,video__a__mean\n001,1\n002,high\n")
    with pytest.raises(DataError) as error:
        load_features(tmp_path / "features.csv")
    assert error.value.finding.column == "video__a__mean"
    assert error.value.finding.found == "'high', data_id '002'"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.assign(data_id=range(len(table))), "the ids are not text"),
        (lambda table: table.drop(columns=table.columns[1]), "is not complete"),
        (lambda table: pd.concat([table, table.tail(1).assign(data_id="new")]), "is not complete"),
        (lambda table: table.head(3), "was changed after"),
        (lambda table: table.assign(video__AU99_r__mean=1.0), r"more columns: video__AU99_r__mean"),
        (lambda table: table.assign(**{table.columns[1]: "x"}), "a feature is not a number"),
        (lambda table: table.assign(**{table.columns[1]: np.inf}), "a feature is infinite"),
    ],
    ids=["ids", "column", "row", "fewer rows", "more columns", "text", "infinite"],
)
def test_a_changed_parquet_table_is_refused(
    tables: Path, tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    table = write_changed(tables / "test.parquet", tmp_path / "changed.parquet", change)
    with pytest.raises(DataError, match=message):
        load_features(table)


@pytest.mark.parametrize("blob", [b"x", b"eJyrVkpUslIyVKoFABBAAyE="], ids=["damaged", "other"])
def test_damaged_facts_about_files_are_refused(tables: Path, tmp_path: Path, blob: bytes) -> None:
    table = pq.read_table(tables / "test.parquet")
    metadata = {**table.schema.metadata, b"pdmr_classic_files": blob}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "x.parquet")
    with pytest.raises(DataError, match="description of the files"):
        load_features(tmp_path / "x.parquet")


def test_a_file_that_is_not_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("data_id\n")
    with pytest.raises(DataError, match="cannot be read"):
        load_features(tmp_path / "x.parquet")


def test_labels_of_other_recordings_are_refused(tables: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("data_id,status\nx,Normal\n")
    with pytest.raises(DataError, match="no data_id in the label table matches"):
        load_features(tables / "test.parquet", labels=tmp_path / "labels.csv")


def test_a_text_table_says_what_is_not_checked(tables: Path) -> None:
    codes = [finding.code for finding in load_features(tables / "test.csv").findings]
    assert codes == ["undescribed-table"]
    assert not load_features(tables / "test.parquet").findings


def test_label_columns_of_a_table_are_not_used(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("data_id,label__status,video__a__mean\n001,Normal,1\n")
    data = load_features(tmp_path / "x.csv")
    assert data.labels is None
    assert "labels-in-features" in [finding.code for finding in data.findings]


# ------------------------------------------------------------------------------------------------ subjects


@pytest.fixture(scope="module")
def of_paths(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Recordings of two events each, of subjects whom only the folders name."""
    folder = tmp_path_factory.mktemp("paths")
    files = sorted((small_set / "test" / "video").glob("*.csv"))[:4]
    for number, file in enumerate(files):
        target = folder / "people" / f"p{number // 2}" / f"E{number % 2 + 1}.csv"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    settings = SETTINGS.data.model_copy(update={"video_pattern": "people/{subject}/{event}.csv"})
    return load_dataset(folder, settings=settings)


def write_status(data: Dataset, path: Path) -> Path:
    """Write a label table without subjects."""
    pd.DataFrame({"data_id": data.data_ids, "status": ["Normal", "Depression"] * 2}).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["x.parquet", "store"])
def test_subjects_and_events_that_paths_tell_are_kept(of_paths: Dataset, tmp_path: Path, name: str) -> None:
    if name == "store":
        extract_store(FeatureExtractor(SETTINGS), of_paths, tmp_path / name)
    else:
        write_table(of_paths, tmp_path / name)
    data = load_features(tmp_path / name, labels=write_status(of_paths, tmp_path / "status.csv"))
    assert data.groups is not None
    assert data.groups_source == "column"
    assert sorted(data.groups) == ["p0", "p0", "p1", "p1"]
    assert data.labels is not None
    assert sorted(data.labels["event"]) == ["E1", "E1", "E2", "E2"]
    settings = SETTINGS.data.model_copy(update={"events": "event"})
    persons = load_features(tmp_path / name, settings=settings)
    assert {person.data_id: [event for event, _ in person.events] for person in persons.recordings} == {
        "p0": ["E1", "E2"],
        "p1": ["E1", "E2"],
    }


def test_a_column_of_subjects_is_not_ignored_without_a_word(of_paths: Dataset, tmp_path: Path) -> None:
    labels = pd.DataFrame({"label__subject_id": ["p0", "p0", "p1", "p1"]}, pd.Index(of_paths.data_ids, name="data_id"))
    table = write_features(FeatureExtractor(SETTINGS).transform(of_paths), tmp_path / "x.csv", labels)
    status = write_status(of_paths, tmp_path / "status.csv")
    with pytest.raises(DataError, match="the subjects in the feature table are not read"):
        load_features(table, labels=status)
    assert load_features(table).groups is None
    subjects = pd.read_csv(status).assign(subject_id=["p0", "p0", "p1", "p1"])
    subjects.to_csv(tmp_path / "subjects.csv", index=False)
    assert load_features(table, labels=status, groups=str(tmp_path / "subjects.csv")).groups_source == "table"


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_subjects_that_paths_tell_are_not_lost_in_text(of_paths: Dataset, tmp_path: Path, suffix: str) -> None:
    table = write_table(of_paths, tmp_path / f"x{suffix}")
    status = write_status(of_paths, tmp_path / "status.csv")
    with pytest.raises(DataError, match=r"the subjects in the feature table are not read(.|\n)*--groups"):
        load_features(table, labels=status)
    columns = pd.read_csv(table, sep=None, engine="python", dtype=str).set_index("data_id")["label__subject_id"]
    subjects = columns.rename("subject_id").rename_axis("data_id")
    subjects.to_csv(tmp_path / "subjects.csv")
    data = load_features(table, labels=status, groups=str(tmp_path / "subjects.csv"))
    assert data.groups is not None
    assert data.groups.to_dict() == dict(zip(of_paths.data_ids, ["p0", "p0", "p1", "p1"], strict=True))
    features = FeatureExtractor(SETTINGS).transform(data)
    expected = FeatureExtractor(SETTINGS).transform(of_paths)
    pd.testing.assert_frame_equal(features, expected, check_exact=True)


def test_subjects_of_a_label_table_stay_those_of_the_label_table(of_paths: Dataset, tmp_path: Path) -> None:
    labels = pd.DataFrame({"label__subject_id": ["a", "a", "b", "b"]}, pd.Index(of_paths.data_ids, name="data_id"))
    extraction = FeatureExtractor(SETTINGS).extract(of_paths)
    table = write_features(extraction.features, tmp_path / "x.csv", labels, records=extraction.records)
    assert list(pd.read_csv(table)["label__subject_id"]) == ["a", "a", "b", "b"]
