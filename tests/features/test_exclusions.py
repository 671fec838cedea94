"""Channels that mark recordings are told and never learned from, whatever their names are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import DepressionModel, Settings, fit, load_dataset
from pdmr_classic.evaluation.check_data import check_data
from pdmr_classic.evaluation.evaluate import evaluate
from pdmr_classic.features.exclusions import Exclusions, find_counter_components, find_exclusions
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.io.inspection import inspect_files
from pdmr_classic.io.set_checks import ExtractedFile
from pdmr_classic.io.stream_facts import StreamFacts
from pdmr_classic.progress import CollectingReporter

N = 40
QUICK = Settings().override(
    {"learning.learners": ("linear",), "learning.trials": 1, "learning.repeats": 1, "learning.importance": False}
)


def write_recordings(folder: Path, *, moving: bool = False, modality: str = "video", channel: str = "xq7") -> Path:
    """Write noise, in which one more channel gives the label away; `moving`: it has a second value in one file."""
    rng = np.random.default_rng(3)
    (folder / modality).mkdir(parents=True)
    labels = []
    for number in range(N):
        table = pd.DataFrame(rng.normal(size=(20, 3)).round(3), columns=["pose_Rx", "AU12_r", "AU04_r"])
        table[channel] = number % 2 * 8 + number % 5
        if moving and not number:
            table.loc[3, channel] = 99
        table.to_csv(folder / modality / f"{number:03d}.csv", index=False, header=modality == "video")
        labels.append(f"{number:03d},{('Normal', 'Depression')[number % 2]},S{number}")
    (folder / "labels.csv").write_text("\n".join(["data_id,status,subject_id", *labels]))
    return folder


@pytest.mark.parametrize(("modality", "channel"), [("video", "xq7"), ("video", "AU45_r"), ("audio", "xq7")])
def test_a_channel_that_marks_recordings_gives_no_score(tmp_path: Path, modality: str, channel: str) -> None:
    folders = [write_recordings(tmp_path / str(m), moving=m, modality=modality, channel=channel) for m in (True, False)]
    learned, excluded = (fit(load_dataset(folder), settings=QUICK) for folder in folders)
    assert learned.metadata_["inner_scores"]["auc"] > 0.85
    assert excluded.metadata_["inner_scores"]["auc"] < 0.75
    names = excluded.metadata_["excluded_channels"][modality]
    assert names == [channel if modality == "video" else "3"]
    assert not any(channel in name for name in excluded.feature_names_)


def test_fit_evaluate_and_check_tell_it_and_predict_leaves_the_channel_out(tmp_path: Path) -> None:
    folder, reporter = write_recordings(tmp_path / "set"), CollectingReporter()
    data = load_dataset(folder)
    model = fit(data, settings=QUICK, reporter=reporter)
    evaluation = CollectingReporter()
    scores = evaluate(data, settings=QUICK, folds=2, repeats=1, reporter=evaluation)["scores"]
    assert scores["auc"]["mean"] < 0.75
    check = check_data({"train": (data, inspect_files(data, QUICK.reading))}, QUICK)
    for findings in (reporter.findings, evaluation.findings, check.findings):
        (finding,) = [finding for finding in findings if finding.code == "identifying-channel"]
        assert finding.found == "xq7 (10 values)"
    assert model.predict(data, allow_overlap=True)["probability"].notna().all()
    model.save(tmp_path / "m.joblib")
    loaded = DepressionModel.load(tmp_path / "m.joblib")
    pd.testing.assert_frame_equal(loaded.predict(data, allow_overlap=True), model.predict(data, allow_overlap=True))


def make_file(modality: str = "video", n_frames: int = 9, **constants: float) -> ExtractedFile:
    channels = ("a", "b", "c") if modality == "video" else ()
    return ExtractedFile(Path("x.csv"), modality, StreamFacts(channels, n_frames, constants=constants))


@pytest.mark.parametrize(
    ("files", "excluded"),
    [
        ([make_file(a=1), make_file(a=2)], ("a",)),
        ([make_file(a=1), make_file(a=1)], ()),
        ([make_file(a=1)], ()),
        ([make_file(a=1), make_file(a=2), make_file()], ()),
        ([make_file(a=1), make_file(a=2), make_file(n_frames=1)], ("a",)),
        ([make_file(a=1, b=0), make_file(a=2, b=0)], ("a",)),
    ],
)
def test_a_channel_is_excluded_if_it_is_constant_in_files_and_differs_between_them(
    files: list[ExtractedFile], excluded: tuple[str, ...]
) -> None:
    assert find_exclusions(files)[0]["video"] == excluded


def test_a_unit_may_be_present_or_absent_throughout_short_recordings() -> None:
    channels = ("AU12_c", "AU14_c")
    facts = [StreamFacts(channels, 9, constants={"AU12_c": x, "AU14_c": 7.0 + x}) for x in (0.0, 1.0)]
    exclusions, _ = find_exclusions([ExtractedFile(Path("x.csv"), "video", fact) for fact in facts])
    assert exclusions["video"] == ("AU14_c",)


def test_audio_and_video_are_judged_separately() -> None:
    exclusions, _ = find_exclusions([make_file(a=1), make_file("audio", a=2), make_file(), make_file("audio", a=3)])
    assert (exclusions["video"], exclusions["audio"]) == ((), ("a",))


@pytest.mark.parametrize(
    ("values", "is_counter"),
    [
        (np.arange(12), True),
        (100 - 0.1 * np.arange(12), True),
        (np.delete(np.arange(15), [3, 4, 9]), True),
        (np.arange(6), True),
        (np.arange(5), False),
        (np.arange(12) ** 2.0 + 0.37 * np.arange(12) ** 0.5, False),
        (np.random.default_rng(0).normal(size=12), False),
        (np.zeros(12), False),
    ],
)
def test_components_that_count_the_recordings_are_found(values: np.ndarray, is_counter: bool) -> None:
    ids = [str(number) for number in range(1, len(values) + 1)]
    table = pd.DataFrame({"audio__vector__000": np.ones(len(ids)), "audio__vector__001": values}, index=ids)
    assert find_counter_components(table[::-1]) == (["1"] if is_counter else [])


def test_a_counter_is_not_learned_from_and_check_tells_it(tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    rng, labels = np.random.default_rng(0), []
    for number in range(N):
        values = [number, *rng.normal(size=6).round(4)]
        (tmp_path / "audio" / f"{number:03d}.csv").write_text(",".join(map(str, values)) + "\n")
        labels.append(f"{number:03d},{('Normal', 'Depression')[number // 20]},S{number}")
    (tmp_path / "labels.csv").write_text("\n".join(["data_id,status,subject_id", *labels]))
    data = load_dataset(tmp_path)
    model = fit(data, settings=QUICK)
    assert model.metadata_["excluded_channels"]["audio"] == ["0"]
    assert model.metadata_["inner_scores"]["auc"] < 0.8
    assert model.predict(data, allow_overlap=True)["probability"].notna().all()
    check = check_data({"train": (data, inspect_files(data, QUICK.reading))}, QUICK)
    assert "counter-component" in {finding.code for finding in check.findings}


def test_no_family_uses_an_excluded_channel(tmp_path: Path) -> None:
    """Families that combine channels give the same values as if the file had never had the channel."""
    rng = np.random.default_rng(0)
    names = [*(f"pose_{a}{b}" for a in "TR" for b in "xyz"), "gaze_angle_x", "gaze_angle_y", "AU06_r", "AU12_r"]
    names += [f"{axis}_{point}" for axis in "xy" for point in range(68)]
    table = pd.DataFrame(rng.uniform(0, 3, size=(90, len(names))).round(3), columns=names)
    excluded = ("gaze_angle_y", "AU12_r", "x_37", "pose_Ry")
    for folder, columns in (("with", table), ("without", table.drop(columns=list(excluded)))):
        (tmp_path / folder / "video").mkdir(parents=True)
        columns.to_csv(tmp_path / folder / "video" / "a.csv", index=False)
    families = ("distribution", "dynamics", "au_together", "eyes", "movement", "coordination", "au_tangent", "kinemes")
    settings = Settings().override({"features.families": families})
    features = FeatureExtractor(settings, exclusions=Exclusions({"video": excluded})).transform(
        load_dataset(tmp_path / "with")
    )
    pd.testing.assert_frame_equal(features, FeatureExtractor(settings).transform(load_dataset(tmp_path / "without")))


def test_the_norm_of_a_cluster_with_an_excluded_component_is_left_out() -> None:
    names = (
        *(f"audio__netvlad__{k:03d}" for k in range(768)),
        *(f"audio__netvlad_cluster__{k:02d}" for k in range(16)),
    )
    kept, values = Exclusions({"audio": ("100",)}).drop_components(names, np.arange(784.0))
    assert set(names) - set(kept) == {"audio__netvlad__100", "audio__netvlad_cluster__02"}
    assert len(values) == 782


def test_a_stream_without_any_other_channel_has_no_video_features(tmp_path: Path) -> None:
    (tmp_path / "video").mkdir()
    (tmp_path / "video" / "a.csv").write_text("xq7\n1\n1\n1\n")
    features = FeatureExtractor(exclusions=Exclusions({"video": ("xq7",)})).transform(load_dataset(tmp_path))
    assert not [name for name in features if name.startswith("video")]


def test_exclusions_change_the_key_of_the_cache(tmp_path: Path) -> None:
    folder = write_recordings(tmp_path / "set")
    for exclusions in (None, Exclusions({"video": ("xq7",)}), None):
        extractor = FeatureExtractor(QUICK, cache=tmp_path / "cache", exclusions=exclusions)
        extraction = extractor.extract(load_dataset(folder))
        assert ("video__xq7__mean" in extraction.features) == (exclusions is None)
        assert "xq7" in extraction.files[0].facts.constants
