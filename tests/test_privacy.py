"""No output identifies a person: all outputs are searched for planted names and values."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from pdmr_classic import DepressionModel, Settings, evaluate, fit, load_dataset, make_synthetic
from pdmr_classic.evaluation.evaluate import write_evaluation
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.models.learners.learners import LEARNERS
from pdmr_classic.progress import LogReporter

ID, SUBJECT = "Rq7xRec", "Zw9kSub"
QUICK = {
    "learning.trials": 2,
    "learning.repeats": 1,
    "learning.folds": 3,
    "features.families": ("quality", "distribution", "audio_vector"),
}
ALL = tuple(LEARNERS)


class CopyingReporter(LogReporter):
    """Reporter that copies files which exist only while the work is in progress."""

    def __init__(self, *files: Path) -> None:
        self.files = files

    def progress(self, stage: str, done: int, total: int) -> None:
        for file in self.files:
            copied = sorted(file.iterdir())[-1] if file.is_dir() else file
            if done and copied.exists():
                shutil.copy(copied, file.with_name(f"copy-of-{file.name}"))


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a training set with distinctive ids and subjects, and one recording with distinctive values."""
    root = tmp_path_factory.mktemp("privacy")
    make_synthetic(root / "made", subjects=24, segments=2, seconds=(4, 5))
    labels = pd.read_csv(root / "made/train/labels.csv", dtype=str)
    names = {old: f"{ID}{place:03d}_{SUBJECT}" for place, old in enumerate(labels["data_id"])}
    for modality in ("video", "audio"):
        (root / "train" / modality).mkdir(parents=True)
        for path in (root / "made/train" / modality).iterdir():
            shutil.copy(path, root / "train" / modality / f"{names[path.stem]}.csv")
    subjects = SUBJECT + labels["subject_id"]
    labels.assign(data_id=labels["data_id"].map(names), subject_id=subjects).to_csv(
        root / "train/labels.csv", index=False
    )
    shutil.copy(
        sorted((root / "train/audio").iterdir())[0], root / "train/audio" / f"{ID}999_{SUBJECT}.csv"
    )  # no label
    np.savetxt(distinctive_file(root), np.random.default_rng(7).uniform(0.01, 0.09, size=(1, 768)), delimiter=",")
    return root


def distinctive_file(root: Path) -> Path:
    return sorted((root / "train/audio").iterdir())[5]


@pytest.fixture(scope="module")
def outputs(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all outputs of fit and evaluate, including intermediate files and the log."""
    folder = tmp_path_factory.mktemp("outputs")
    data, settings = load_dataset(planted / "train"), Settings().override({**QUICK, "learning.learners": ALL})
    with log_to(folder / "log.txt"):
        reporter = CopyingReporter(folder / "mine.studies", folder / "evaluation.json.folds")
        cache = {"cache": folder / "cache", "reporter": reporter}
        fit(data, settings=settings, studies=reporter.files[0], **cache).save(folder / "mine.joblib")
        linear = settings.override({"learning.learners": ("linear",), "learning.trials": 1})
        evaluation = evaluate(
            data,
            settings=linear,
            folds=2,
            repeats=2,
            stress=False,
            by=["gender"],
            checkpoint=reporter.files[1],
            **cache,
        )
        write_evaluation(evaluation, folder / "evaluation.json")
    return folder


@contextlib.contextmanager
def log_to(file: Path) -> Iterator[None]:
    handler = logging.FileHandler(file)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def uncompressed(path: Path) -> bytes:
    data = path.read_bytes()
    return zlib.decompress(data) if path.suffix == ".joblib" else data


def encode_variants(text: str) -> list[bytes]:
    return [text.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-32-le")]


OUTPUTS = (
    "mine.joblib", "mine.json", "copy-of-mine.studies", "copy-of-evaluation.json.folds", "evaluation.json", "log.txt"
)  # fmt: skip


@pytest.mark.slow
def test_no_output_contains_an_id_or_a_subject(outputs: Path) -> None:
    files = [path for path in outputs.rglob("*") if path.is_file()]
    assert set(OUTPUTS) <= {path.name for path in files if path.stat().st_size}
    assert {path.parent.name for path in files} == {outputs.name, "cache", "evaluation.json.folds"}
    words = [(word, text) for word in (ID, SUBJECT) for text in encode_variants(word)]
    matches = [(file.name, word) for file in files for word, text in words if text in uncompressed(file)]
    assert matches == []
    assert not [file.name for file in files if ID in file.name or SUBJECT in file.name]


def test_a_planted_id_would_be_detected(tmp_path: Path) -> None:
    index = pd.Index([f"{ID}001_{SUBJECT}"], name="data_id")
    joblib.dump({"rows": pd.DataFrame({"p": [0.5]}, index=index)}, tmp_path / "a.joblib", compress=3)
    assert all(word.encode() in uncompressed(tmp_path / "a.joblib") for word in (ID, SUBJECT))


# ------------------------------------------------------------------------------------------ order and rows


@pytest.mark.slow
def test_a_saved_model_does_not_store_column_ranges(outputs: Path) -> None:
    models = DepressionModel.load(outputs / "mine.joblib").stacker_.models_
    boosters = [model[-1].booster_.model_to_string() for name, model in models.items() if name.endswith("/lightgbm")]
    assert boosters
    lines = [line for text in boosters for line in text.splitlines() if line.startswith("feature_infos=")]
    assert {word for line in lines for word in line.removeprefix("feature_infos=").split()} == {"none"}


@pytest.mark.slow
def test_channels_of_a_single_recording_are_not_in_the_model(planted: Path, tmp_path: Path) -> None:
    shutil.copytree(planted / "train", tmp_path / "train")
    video = next(iter(sorted((tmp_path / "train/video").iterdir())))
    table = pd.read_csv(video)
    table.assign(AU99_r=np.random.default_rng(8).uniform(0, 5, len(table))).to_csv(video, index=False)
    settings = Settings().override({**QUICK, "learning.learners": ("linear",), "learning.training_rows": False})
    data = load_dataset(tmp_path / "train")
    model = fit(data, settings=settings)
    unusual = [name for name in model.feature_names_ if "AU99" in name]
    values = FeatureExtractor(settings).fit_transform(data).loc[video.stem, unusual].to_numpy(dtype=float)
    assert len(unusual) > 10
    assert share_contained(uncompressed(model.save(tmp_path / "m.joblib")), values[values != 0]) < 0.1


@pytest.mark.slow
def test_nothing_in_a_saved_model_is_in_the_order_of_the_names(outputs: Path, planted: Path) -> None:
    model = DepressionModel.load(outputs / "mine.joblib")
    status = load_dataset(planted / "train").select_labelled().status
    assert status is not None
    assert not hasattr(model, "oof_")
    for name in ("oof_probability_", "oof_scores_", "training_rows_"):
        assert not hasattr(model.stacker_, name)
    p = model.decision_.probability_[:, -1]
    assert (np.diff(p) >= 0).all()
    assert (np.array(model.classes_)[model.decision_.one_hot_.argmax(axis=1)] != status.to_numpy()).any()
    assert model.decision_.subjects_[0] == 0
    assert (np.diff(pd.unique(model.decision_.subjects_)) == 1).all()


def read_distinctive_row(planted: Path) -> np.ndarray:
    return np.loadtxt(distinctive_file(planted), delimiter=",")


def share_contained(data: bytes, values: np.ndarray) -> float:
    """Return the share of these values that the data contain, in any encoding."""
    encodings = [
        (value.tobytes(), np.float32(value).tobytes(), struct.pack(">f", value), repr(float(value)).encode())
        for value in values
    ]
    return float(np.mean([any(text in data for text in texts) for texts in encodings]))


def share_recovered(model: DepressionModel, values: np.ndarray) -> float:
    """Return the share of a recording's values that can be computed from the support vectors of the audio SVM."""
    pipeline = model.stacker_.models_["audio/svm"]
    vectors = pipeline[-1].support_vectors_ * pipeline[-2].scale_ + pipeline[-2].center_
    return max(float(np.isin(np.round(row, 9), np.round(values, 9)).mean()) for row in vectors)


@pytest.mark.slow
def test_an_svm_stores_training_rows_and_the_manifest_says_so(planted: Path, tmp_path: Path) -> None:
    settings = Settings().override({**QUICK, "learning.learners": ("svm",), "learning.trials": 1})
    path = fit(load_dataset(planted / "train"), settings=settings).save(tmp_path / "m.joblib")
    assert json.loads(path.with_suffix(".json").read_text())["contains_training_rows"] is True
    assert share_recovered(DepressionModel.load(path), read_distinctive_row(planted)) > 0.5


@pytest.mark.slow
def test_a_model_without_training_rows_contains_no_row(planted: Path, tmp_path: Path) -> None:
    data = load_dataset(planted / "train")
    settings = Settings().override({**QUICK, "learning.learners": ALL, "learning.training_rows": False})
    path = fit(data, settings=settings).save(tmp_path / "m.joblib")
    manifest = json.loads(path.with_suffix(".json").read_text())
    assert manifest["contains_training_rows"] is False
    assert {member["learner"] for member in manifest["base_learners"]} == {*ALL} - {"svm"}
    values = read_distinctive_row(planted)
    table = FeatureExtractor(settings).fit_transform(data)
    assert set(values) <= set(table.loc[distinctive_file(planted).stem]), "the planted values are the training features"
    # Single values are not a row: the threshold of a tree may equal the value of one recording.
    assert share_contained(uncompressed(path), values) < 0.1
    assert share_contained(path.with_suffix(".json").read_bytes(), values) == 0
