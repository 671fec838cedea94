from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import Settings, evaluate, load_dataset
from pdmr_classic.evaluation.check_data import check_data
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.features.file_features import compute_stream_features
from pdmr_classic.features.registry import load_families
from pdmr_classic.io.inspection import inspect_files
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.models.training import prepare_training_set
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.subjects.copies import find_near_copies, find_near_copies_between_subjects
from pdmr_classic.subjects.inference import infer_subjects

FAMILIES = (load_families()["distribution"],)
FAST = {"features.families": ("distribution", "audio_vector"), "learning.learners": ("linear",), "learning.trials": 1}


# ------------------------------------------------------------------------------------------ simulated sets


def make_stream(person: np.random.Generator, rng: np.random.Generator, n_frames: int = 600) -> Stream:
    """Return smooth behaviour in 12 channels around the levels of a person."""
    level, spread = person.normal(size=12), person.uniform(0.3, 0.6, 12)
    noise = rng.normal(size=(n_frames + 60, 12))
    window = np.hanning(31) / np.linalg.norm(np.hanning(31))
    smooth = np.apply_along_axis(np.convolve, 0, noise, window, "valid")[:n_frames]
    values = (level + spread * smooth).astype(np.float32)
    channels = ("gaze_angle_x", "gaze_angle_y", *(f"AU{unit:02d}_r" for unit in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14)))
    return Stream(values, channels, np.arange(n_frames) / 30, 30.0, np.ones(n_frames, bool))


def make_streams(n_subjects: int, n_each: int = 1, seed: int = 0) -> list[Stream]:
    return [
        make_stream(np.random.default_rng([seed, subject]), np.random.default_rng([seed, subject, recording]))
        for subject in range(n_subjects)
        for recording in range(n_each)
    ]


def make_table(streams: list[Stream]) -> pd.DataFrame:
    rows = [compute_stream_features(stream, FAMILIES, Settings().features) for stream in streams]
    return pd.DataFrame([values for _, values in rows], columns=rows[0][0]).rename(index="{:03d}".format)


def make_vectors(n: int, seed: int = 0) -> pd.DataFrame:
    """Return unit vectors of 48 components that vary in 20 directions."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 20)) @ rng.normal(size=(20, 48)) + 3
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return pd.DataFrame(values, columns=[f"audio__vector__{k:03d}" for k in range(48)]).rename(index="{:03d}".format)


def keep_frames(stream: Stream, frames: slice) -> Stream:
    return replace(
        stream,
        values=stream.values[frames],
        time_s=stream.time_s[frames],
        valid=np.ones(len(stream.time_s[frames]), bool),
    )


def add_noise(values: np.ndarray, share: float) -> np.ndarray:
    noise = np.random.default_rng(9).normal(size=values.shape)
    return np.asarray(values + share * values.std(axis=0) * noise, dtype=values.dtype)


VIDEO_CHANGES: dict[str, Callable[[Stream], Stream]] = {
    "3 decimals": lambda stream: replace(stream, values=stream.values.round(3)),
    "2 decimals": lambda stream: replace(stream, values=stream.values.round(2)),
    "1% noise": lambda stream: replace(stream, values=add_noise(stream.values, 0.01)),
    "5% noise": lambda stream: replace(stream, values=add_noise(stream.values, 0.05)),
    "half the frame rate": lambda stream: replace(keep_frames(stream, slice(None, None, 2)), frame_rate_hz=15.0),
    "cut to 95%": lambda stream: keep_frames(stream, slice(0, 570)),
    "cut to 80% from the end": lambda stream: keep_frames(stream, slice(120, None)),
}
AUDIO_CHANGES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "3 decimals": lambda vectors: vectors.round(3),
    "1% noise": lambda vectors: vectors * 0 + add_noise(vectors.to_numpy(), 0.01),
    "5% noise": lambda vectors: vectors * 0 + add_noise(vectors.to_numpy(), 0.05),
}


def add_copies(originals: pd.DataFrame, changed: pd.DataFrame, share: float) -> tuple[pd.DataFrame, list[str]]:
    """Return a set in which this share of the recordings are copies of others, named c-ORIGINAL-NUMBER."""
    n_copies = round(share / (1 - share) * len(originals))
    sources = [originals.index[k % len(originals)] for k in range(n_copies)]
    copies = changed.loc[sources].set_axis([f"c-{source}-{k}" for k, source in enumerate(sources)])
    return pd.concat([originals, copies]), sources


def recall_and_precision(features: pd.DataFrame, sources: list[str]) -> tuple[float, float]:
    def name(data_id: str | None) -> str:
        parts = str(data_id).split("-")
        return parts[1] if len(parts) > 1 else parts[0]

    found = find_near_copies(features)
    copies = {copy.data_id for copy in found if copy.data_id.startswith("c-")}
    return len(copies) / len(sources), float(np.mean([name(copy.data_id) == name(copy.original) for copy in found]))


@pytest.mark.parametrize("share", [0.1, 0.4, 0.6])
@pytest.mark.parametrize("change", VIDEO_CHANGES)
def test_changed_copies_of_video_are_found_however_many_they_are(change: str, share: float) -> None:
    streams = make_streams(40)
    features, sources = add_copies(
        make_table(streams), make_table([VIDEO_CHANGES[change](stream) for stream in streams]), share
    )
    recall, precision = recall_and_precision(features, sources)
    assert precision == 1
    assert recall >= (0.9 if "80%" in change else 1)


@pytest.mark.parametrize("share", [0.1, 0.4, 0.6])
@pytest.mark.parametrize("change", AUDIO_CHANGES)
def test_changed_copies_of_audio_vectors_are_found_however_many_they_are(change: str, share: float) -> None:
    vectors = make_vectors(40)
    assert recall_and_precision(*add_copies(vectors, AUDIO_CHANGES[change](vectors), share)) == (1, 1)


@pytest.mark.parametrize("modality", ["video", "audio"])
def test_many_copies_of_one_recording_are_found(modality: str) -> None:
    streams = make_streams(40)
    originals = make_table(streams) if modality == "video" else make_vectors(40)
    rng = np.random.default_rng(0)
    for k in range(60):
        if modality == "video":
            noisy = replace(streams[7], values=streams[7].values + 0.01 * rng.normal(size=(600, 12)).astype(np.float32))
            row = make_table([noisy])
        else:
            row = originals.loc[["007"]] + 1e-3 * rng.normal(size=48)
        originals = pd.concat([originals, row.set_axis([f"c{k}"])])
    found = find_near_copies(originals)
    assert {copy.data_id for copy in found} == {"007", *(f"c{k}" for k in range(60))}


@pytest.mark.parametrize("n_each", [1, 4])
@pytest.mark.parametrize("seed", range(5))
def test_recordings_of_the_same_or_other_people_are_not_copies(seed: int, n_each: int) -> None:
    features = make_table(make_streams(100 // n_each, n_each, seed=seed))
    assert find_near_copies(features.join(make_vectors(len(features), seed))) == []


def test_both_recordings_are_named_with_one_another_as_original() -> None:
    streams = make_streams(20)
    features = make_table([*streams, VIDEO_CHANGES["2 decimals"](streams[4])])
    assert {(copy.data_id, copy.original, copy.kind) for copy in find_near_copies(features)} == {
        ("004", "020", "near-identical"),
        ("020", "004", "near-identical"),
    }


@pytest.mark.parametrize("modality", ["video", "audio"])
def test_a_copy_in_another_set_is_found_with_its_original(modality: str) -> None:
    streams, others = make_streams(40), make_streams(10, seed=1)
    others[4] = VIDEO_CHANGES["2 decimals"](streams[7])
    train, test = make_table(streams), make_table(others)
    if modality == "audio":
        train, test = make_vectors(40), make_vectors(10, seed=1)
        test.loc["004"] = train.loc["007"].round(3)
    (copy,) = find_near_copies(test, train)
    assert (copy.data_id, copy.modality, copy.original) == ("004", modality, "007")


def test_a_channel_that_few_recordings_lack_does_not_hide_their_copies() -> None:
    streams = make_streams(40)
    features = make_table([*streams, VIDEO_CHANGES["2 decimals"](streams[4])])
    features.loc[["004", "040"], features.columns.str.contains("AU14_r|AU12_r")] = np.nan
    assert {copy.data_id for copy in find_near_copies(features)} == {"004", "040"}


def test_a_missing_modality_and_missing_columns_do_not_match() -> None:
    train = make_table(make_streams(40))
    test = train.iloc[:3].copy()
    test.iloc[:] = np.nan
    assert find_near_copies(test, train) == []
    assert find_near_copies(train.iloc[:3], train.rename(columns=lambda name: name.replace("__AU", "__XY"))) == []


def test_constant_audio_vectors_are_not_copies() -> None:
    vectors = make_vectors(40)
    vectors.iloc[:5] = 0.0
    assert find_near_copies(vectors) == []


def test_all_copies_of_a_recording_are_inferred_to_be_one_subject() -> None:
    streams = make_streams(20)
    copies = [VIDEO_CHANGES[change](streams[3]) for change in ("3 decimals", "2 decimals", "1% noise", "5% noise")]
    features = make_table([*streams, *copies])
    contents = pd.DataFrame("", index=features.index, columns=["video", "audio"], dtype=object)
    groups = infer_subjects(features, contents).groups
    assert groups[groups == groups["003"]].index.tolist() == ["003", "020", "021", "022", "023"]


# ---------------------------------------------------------------------------------------------- real sets


@pytest.mark.parametrize("name", ["badrobots-gaze", "watch-exercise", "youtubepd-wavlm"])
def test_recordings_of_real_sets_are_not_copies(real_data: Path, name: str) -> None:
    for split in ("train", "test"):
        if (real_data / name / split).is_dir():
            settings = Settings().override({"features.families": ("distribution", "audio_vector")})
            assert find_near_copies(FeatureExtractor(settings).transform(load_dataset(real_data / name / split))) == []


# -------------------------------------------------------------------------------- copies between subjects


def warn(features: pd.DataFrame, groups: list[str], contents: list[str] | None = None) -> str | None:
    hashes = pd.DataFrame({"video": contents or "", "audio": ""}, index=features.index, dtype=object)
    finding = find_near_copies_between_subjects(features, hashes, pd.Series(groups, features.index))
    return None if finding is None else f"{finding.what}: {finding.found}"


def test_near_copies_are_reported_only_if_they_cross_subjects() -> None:
    streams = make_streams(20)
    features = make_table([*streams, VIDEO_CHANGES["2 decimals"](streams[4])])
    groups = [f"S{k}" for k in range(20)]
    assert warn(features, [*groups, "S4"]) is None
    assert str(warn(features, [*groups, "S5"])).startswith(
        "2 recordings are nearly identical to one of another subject"
    )
    assert str(warn(features, [*groups, "S5"])).endswith(": video of '004' and '020'")


def test_a_copy_that_is_closer_to_its_own_subject_still_crosses() -> None:
    streams = make_streams(20)
    copies = [VIDEO_CHANGES[change](streams[4]) for change in ("3 decimals", "5% noise", "2 decimals")]
    features = make_table([*streams, *copies])
    assert "4 recordings" in str(warn(features, [*(f"S{k}" for k in range(20)), "S4", "X", "X"]))


def test_identical_files_are_not_reported_again() -> None:
    streams = make_streams(20)
    features = make_table([*streams, streams[4]])
    groups, contents = [f"S{k}" for k in range(21)], [*(f"hash{k}" for k in range(20)), "hash4"]
    assert warn(features, groups) is not None
    assert warn(features, groups, contents) is None


# --------------------------------------------------------------------------------------------- whole path


def add_rounded_copies(split: Path, n_copies: int = 4) -> list[tuple[str, str]]:
    """Replace recordings of a training set by ones of other subjects with 2 decimals; return the pairs."""
    labels = pd.read_csv(split / "labels.csv", dtype=str).set_index("data_id")
    videos = [path.stem for path in sorted((split / "video").iterdir())]
    pairs = []
    for original in videos[:n_copies]:
        taken = {name for pair in pairs for name in pair} | set(videos[:n_copies])
        other = next(k for k in videos if k not in taken and labels.subject_id[k] != labels.subject_id[original])
        pd.read_csv(split / f"video/{original}.csv").round(2).to_csv(split / f"video/{other}.csv", index=False)
        pairs.append((original, other))
    return pairs


@pytest.fixture
def set_with_rounded_copies(small_set: Path, tmp_path: Path) -> tuple[Path, list[tuple[str, str]]]:
    shutil.copytree(small_set / "train", tmp_path / "train")
    return tmp_path / "train", add_rounded_copies(tmp_path / "train")


def test_training_warns_about_rounded_copies_of_other_subjects(
    set_with_rounded_copies: tuple[Path, list[tuple[str, str]]],
) -> None:
    folder, pairs = set_with_rounded_copies
    reporter = CollectingReporter()
    training = prepare_training_set(load_dataset(folder), Settings().override(FAST), reporter=reporter)
    (noted,) = [finding for finding in reporter.findings if finding.code == "near-copies-between-subjects"]
    (stored,) = [finding for finding in training.leakage_warnings if finding.code == "near-copies-between-subjects"]
    assert noted.what.startswith("8 recordings are nearly identical")
    assert noted.found == ", ".join(f"video of {one!r} and {other!r}" for one, other in pairs)
    assert stored.found is None


def test_recordings_without_known_subjects_are_compared_too(
    set_with_rounded_copies: tuple[Path, list[tuple[str, str]]],
) -> None:
    folder, _ = set_with_rounded_copies
    table = pd.read_csv(folder / "labels.csv", dtype=str)
    table.drop(columns="subject_id").to_csv(folder / "labels.csv", index=False)
    reporter = CollectingReporter()
    prepare_training_set(load_dataset(folder), Settings().override(FAST), reporter=reporter)
    assert {"near-copies-between-subjects"} <= {finding.code for finding in reporter.findings}


def test_check_warns_about_rounded_copies_of_other_subjects(
    set_with_rounded_copies: tuple[Path, list[tuple[str, str]]], small_set: Path
) -> None:
    for folder, is_found in ((set_with_rounded_copies[0], True), (small_set / "train", False)):
        data = load_dataset(folder)
        facts = inspect_files(data, Settings().reading, signatures=True)
        codes = {finding.code for finding in check_data({"train": (data, facts)}, Settings()).findings}
        assert ("near-copies-between-subjects" in codes) == is_found


@pytest.mark.slow
def test_evaluate_warns_about_rounded_copies_without_naming_them(
    set_with_rounded_copies: tuple[Path, list[tuple[str, str]]],
) -> None:
    folder, _ = set_with_rounded_copies
    evaluation = evaluate(load_dataset(folder), settings=Settings().override(FAST), folds=2, repeats=1, stress=False)
    (warning,) = [one for one in evaluation["warnings"] if one["code"] == "near-copies-between-subjects"]
    assert warning["what"].startswith("8 recordings")
    assert not warning.get("found")
