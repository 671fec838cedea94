from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import DataError, DepressionModel, Settings, evaluate, load_dataset
from pdmr_classic.features.extractor import Extraction, FeatureExtractor
from pdmr_classic.io.results import NOTES_SCHEMA, write_notes
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.subjects.copies import Copy, find_copies_between_subjects
from pdmr_classic.subjects.overlap import (
    find_overlap,
    hash_contents,
    load_sibling_train,
    make_overlap_finding,
    make_unreadable_finding,
)

# ---------------------------------------------------------------------------------- identical content


def test_copies_are_found_in_both_modalities_and_empty_hashes_are_ignored() -> None:
    contents = pd.DataFrame({"video": ["v1", "v2", ""], "audio": ["a1", "", "a3"]}, index=["1", "2", "3"])
    extraction = Extraction(pd.DataFrame(index=contents.index), (), (), contents)
    stored = hash_contents(pd.DataFrame({"video": ["v2", ""], "audio": ["x", "a3"]}))
    assert len(stored["hashes"]) == 3
    assert find_overlap(extraction, stored) == [Copy("2", "video", "same content"), Copy("3", "audio", "same content")]


def test_the_same_files_have_different_hashes_in_each_model() -> None:
    contents = pd.DataFrame({"video": ["v1", "v2"], "audio": ["a1", ""]})
    first, second = hash_contents(contents), hash_contents(contents)
    assert not set(first["hashes"]) & set(second["hashes"])
    assert hash_contents(contents, first["salt"]) == first


def test_the_original_is_named_if_the_training_set_is_available() -> None:
    contents = pd.DataFrame({"video": ["v1"], "audio": [""]}, index=["1"])
    train = contents.set_axis(["t9"])
    empty = pd.DataFrame()
    assert find_overlap(Extraction(empty, (), (), contents), None, Extraction(empty, (), (), train)) == [
        Copy("1", "video", "same content", "t9")
    ]


def test_placeholder_files_have_no_content_hash(small_set: Path, tmp_path: Path) -> None:
    shutil.copytree(small_set / "test", tmp_path / "test")
    audio = sorted((tmp_path / "test" / "audio").iterdir())
    audio[0].write_text(",".join(["0.0"] * 768) + "\n")
    shutil.copy(audio[1], audio[2])
    contents = FeatureExtractor().extract(load_dataset(tmp_path / "test")).content_hashes
    assert contents.loc[audio[0].stem, "audio"] == ""
    assert contents.loc[audio[1].stem, "audio"] == contents.loc[audio[2].stem, "audio"] != ""


# --------------------------------------------------------------------------------------- overlap check


def test_predicting_training_recordings_raises_an_error_that_names_the_first(
    fitted_model: DepressionModel, small_set: Path
) -> None:
    train = load_dataset(small_set / "train")
    with pytest.raises(
        DataError, match=r"(?s)16 recordings are also in the training set.*'001'.*'005'.* and 11 more.*--allow-overlap"
    ):
        fitted_model.predict(train)


def test_allowed_overlap_is_reported_and_written_to_the_notes(
    fitted_model: DepressionModel, small_set: Path, tmp_path: Path
) -> None:
    reporter = CollectingReporter()
    predictions = fitted_model.predict(load_dataset(small_set / "train"), allow_overlap=True, reporter=reporter)
    assert "overlap" in {finding.code for finding in reporter.findings}
    assert {note["data_id"] for note in predictions.attrs["overlap"]} == set(predictions.index)
    path = write_notes(predictions, tmp_path / "results.jsonl")
    assert path == tmp_path / "results.notes.json"
    assert json.loads(path.read_text())["overlap"] == predictions.attrs["overlap"]


def test_notes_on_earlier_results_are_removed(fitted_model: DepressionModel, small_set: Path, tmp_path: Path) -> None:
    (tmp_path / "results.notes.json").write_text(json.dumps({"schema": NOTES_SCHEMA}))
    assert write_notes(fitted_model.predict(load_dataset(small_set / "test")), tmp_path / "results.jsonl") is None
    assert list(tmp_path.iterdir()) == []


def test_a_near_copy_raises_an_error_if_the_training_set_is_available(
    fitted_model: DepressionModel, small_set: Path, tmp_path: Path
) -> None:
    shutil.copytree(small_set, tmp_path / "set")
    source = sorted((tmp_path / "set" / "train" / "audio").iterdir())[0]
    values = np.loadtxt(source, delimiter=",")
    np.savetxt(tmp_path / "set" / "test" / "audio" / "copy.csv", values[None, :] * 1.0001, delimiter=",")
    data = load_dataset(tmp_path / "set" / "test")
    assert "copy" in fitted_model.predict(data).index
    with pytest.raises(DataError, match=rf"'copy' \(audio: near-identical to '{source.stem}'\)"):
        fitted_model.predict(data, train=load_sibling_train(data))


def test_only_a_train_folder_next_to_the_split_is_loaded(small_set: Path, tmp_path: Path) -> None:
    train = load_sibling_train(load_dataset(small_set / "test"))
    assert train is not None
    assert train.data_ids == load_dataset(small_set / "train").data_ids
    assert load_sibling_train(load_dataset(small_set / "train")) is None
    shutil.copytree(small_set / "test", tmp_path / "without_train")
    assert load_sibling_train(load_dataset(tmp_path / "without_train")) is None


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("empty", "there are no recordings in this folder (an empty folder)"),
        ("no CSV", "there are no recordings in this folder (notes.txt)"),
        ("broken link", "the data folder does not exist (nothing)"),
    ],
)
def test_a_train_folder_that_cannot_be_read_is_reported(
    small_set: Path, tmp_path: Path, broken: str, reason: str
) -> None:
    shutil.copytree(small_set / "test", tmp_path / "test")
    train = tmp_path / "train"
    if broken == "broken link":
        train.symlink_to(tmp_path / "elsewhere")
    else:
        train.mkdir()
    if broken == "no CSV":
        (train / "notes.txt").touch()
    reporter = CollectingReporter()
    assert load_sibling_train(load_dataset(tmp_path / "test"), reporter) is None
    (finding,) = reporter.findings
    assert finding.code == "train-unread"
    assert "near-duplicates of training recordings cannot be detected" in finding.what
    assert (finding.file, finding.found) == (tmp_path.resolve() / "train", reason)
    assert finding.hint


def test_invalid_names_in_train_are_reported_and_the_other_files_are_used(small_set: Path, tmp_path: Path) -> None:
    shutil.copytree(small_set, tmp_path / "set")
    for name in ("x.csv", "X.csv"):
        (tmp_path / "set/train/video" / name).touch()
    reporter = CollectingReporter()
    train = load_sibling_train(load_dataset(tmp_path / "set", split="test"), reporter)
    assert train is not None
    assert set(train.data_ids) > set(load_dataset(small_set, split="train").data_ids)
    (finding,) = reporter.findings
    assert finding.what.startswith("1 file in train/ cannot be read")
    assert finding.found == "video/x.csv: the names of two files differ only in case (X.csv)"


def test_a_complete_or_missing_train_folder_is_not_reported(small_set: Path, tmp_path: Path) -> None:
    reporter = CollectingReporter()
    assert load_sibling_train(load_dataset(small_set / "test"), reporter) is not None
    shutil.copytree(small_set / "test", tmp_path / "without_train")
    assert load_sibling_train(load_dataset(tmp_path / "without_train"), reporter) is None
    assert reporter.findings == []


def test_training_files_that_cannot_be_read_are_reported_with_reasons(small_set: Path, tmp_path: Path) -> None:
    shutil.copytree(small_set / "train", tmp_path / "train")
    broken = sorted((tmp_path / "train/video").iterdir())[:2]
    for path in broken:
        path.write_bytes(b"")
    finding = make_unreadable_finding(FeatureExtractor().extract(load_dataset(tmp_path / "train")).errors)
    assert finding.what.startswith("2 files in train/ cannot be read, so near-duplicates")
    assert not any(path.stem in finding.what for path in broken), "it may be logged"
    assert finding.found is not None
    for path in broken:
        assert f"video/{path.name}: the file is empty" in finding.found


def test_training_files_that_cannot_be_read_are_reported_at_prediction(
    fitted_model: DepressionModel, small_set: Path, tmp_path: Path
) -> None:
    shutil.copytree(small_set, tmp_path / "set")
    sorted((tmp_path / "set/train/audio").iterdir())[0].write_bytes(b"")
    data, reporter = load_dataset(tmp_path / "set/test"), CollectingReporter()
    fitted_model.predict(data, train=load_sibling_train(data), reporter=reporter)
    (finding,) = [finding for finding in reporter.findings if finding.code == "train-unread"]
    assert "the file is empty" in str(finding.found)


def test_the_model_stores_hashes_without_names(fitted_model: DepressionModel, small_set: Path) -> None:
    stored = fitted_model.metadata_["content_hashes"]
    data = load_dataset(small_set / "train")
    assert len(stored["hashes"]) == sum((r.video is not None) + (r.audio is not None) for r in data.recordings)
    assert all(len(content) == 32 and set(content) <= set("0123456789abcdef") for content in stored["hashes"])


def test_a_model_without_hashes_still_predicts(
    fitted_file: Path, small_set: Path, fitted_model: DepressionModel
) -> None:
    model = DepressionModel.load(fitted_file)
    del model.metadata_["content_hashes"]
    assert len(model.predict(load_dataset(small_set / "train"))) == len(load_dataset(small_set / "train"))


def test_a_long_list_of_ids_is_truncated() -> None:
    finding = make_overlap_finding([Copy(f"{k:03d}", "video", "same content") for k in range(60)])
    assert "60 recordings" in finding.what
    assert "and 55 more" in str(finding.found)


# ------------------------------------------------------------------------------- copies between subjects


def test_copies_of_one_subject_are_not_reported() -> None:
    contents = pd.DataFrame({"video": ["a", "a", "b"], "audio": ["", "", ""]}, index=["1", "2", "3"])
    assert find_copies_between_subjects(contents, pd.Series(["S1", "S1", "S2"], contents.index)) is None
    warning = find_copies_between_subjects(contents, pd.Series(["S1", "S2", "S2"], contents.index))
    assert warning is not None
    assert "'1', '2'" in str(warning.found)


@pytest.mark.slow
def test_evaluate_warns_about_copies_between_subjects(small_set: Path, tmp_path: Path) -> None:
    shutil.copytree(small_set / "train", tmp_path / "train")
    labels = pd.read_csv(tmp_path / "train" / "labels.csv", dtype=str).set_index("data_id")
    with_audio = [path.stem for path in sorted((tmp_path / "train" / "audio").iterdir())]
    first = with_audio[0]
    second = next(i for i in with_audio if labels.loc[i, "subject_id"] != labels.loc[first, "subject_id"])
    shutil.copy(tmp_path / f"train/audio/{first}.csv", tmp_path / f"train/audio/{second}.csv")
    reporter = CollectingReporter()
    settings = Settings().override(
        {
            "features.families": ("quality", "distribution", "audio_vector"),
            "learning.learners": ("linear",),
            "learning.trials": 1,
        }
    )
    evaluation = evaluate(
        load_dataset(tmp_path / "train"), settings=settings, folds=2, repeats=1, stress=False, reporter=reporter
    )
    assert "copies-between-subjects" in {finding.code for finding in reporter.findings}
    assert "copies-between-subjects" in {warning["code"] for warning in evaluation["warnings"]}
