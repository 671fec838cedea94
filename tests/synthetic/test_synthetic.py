from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pdmr_classic.errors import ConfigError, TargetError
from pdmr_classic.synthetic import signals
from pdmr_classic.synthetic.dataset import (
    LABEL_COLUMNS,
    PlannedRecording,
    Signals,
    fixed_width,
    make_signals,
    make_synthetic,
    plan_recordings,
)

SMALL: dict[str, Any] = {"subjects": 10, "segments": 2, "seconds": (4, 6), "missing": 0.3, "masked": 0.5}
PLAN: dict[str, Any] = {"segments": 3, "seed": 0, "missing": 0.05, "masked": 0.2, "seconds": (20, 40)}

E_DAIC = (
    "frame,timestamp,confidence,success,pose_Tx,pose_Ty,pose_Tz,pose_Rx,pose_Ry,pose_Rz,"
    "gaze_0_x,gaze_0_y,gaze_0_z,gaze_1_x,gaze_1_y,gaze_1_z,gaze_angle_x,gaze_angle_y,"
    "AU01_r,AU02_r,AU04_r,AU05_r,AU06_r,AU07_r,AU09_r,AU10_r,AU12_r,AU14_r,AU15_r,AU17_r,AU20_r,AU23_r,"
    "AU25_r,AU26_r,AU45_r,AU01_c,AU02_c,AU04_c,AU05_c,AU06_c,AU07_c,AU09_c,AU10_c,AU12_c,AU14_c,AU15_c,"
    "AU17_c,AU20_c,AU23_c,AU25_c,AU26_c,AU28_c,AU45_c"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synthetic") / "set"
    make_synthetic(out, **SMALL, truth=True)
    return out


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def read_video(path: Path) -> dict[str, np.ndarray]:
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    return dict(zip(signals.VIDEO_COLUMNS, table.T, strict=True))


def read_all_files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# ---------------------------------------------------------------- layout


def test_the_folder_has_the_layout_of_pdmr(made: Path) -> None:
    assert {p.name for p in made.iterdir()} == {"train", "test", "truth", "SYNTHETIC.md"}
    for split in ("train", "test"):
        assert {p.name for p in (made / split).iterdir()} == {"video", "audio", "labels.csv"}
        rows = read_rows(made / split / "labels.csv")
        assert tuple(rows[0]) == LABEL_COLUMNS
        assert [row["data_id"] for row in rows] == [f"{i:03d}" for i in range(1, len(rows) + 1)]
        files = {p.stem for kind in ("video", "audio") for p in (made / split / kind).glob("*.csv")}
        assert files == {row["data_id"] for row in rows}
    assert "synthetic" in (made / "SYNTHETIC.md").read_text()
    assert "subjects=10" in (made / "SYNTHETIC.md").read_text()


def test_video_has_the_e_daic_columns_and_openface_values(made: Path) -> None:
    path = sorted((made / "train" / "video").iterdir())[0]
    assert path.read_text().splitlines()[0] == E_DAIC
    video = read_video(path)
    assert np.array_equal(video["frame"], np.arange(1, len(video["frame"]) + 1))
    step = np.diff(video["timestamp"]).mean()
    assert np.isclose(1 / step, [25, 30], rtol=1e-2).any()
    for name, values in video.items():
        if name.endswith("_r"):
            assert values.min() >= 0
            assert values.max() <= 5
        if name.endswith("_c") or name == "success":
            assert set(values) <= {0.0, 1.0}


def test_gaze_vectors_are_unit_and_agree_with_the_angles(made: Path) -> None:
    paths = list((made / "train" / "video").iterdir())
    assert paths
    for path in paths:
        video = read_video(path)
        visible = video["confidence"] >= 0.7
        eyes = np.array([[video[f"gaze_{eye}_{axis}"][visible] for axis in "xyz"] for eye in (0, 1)])
        assert np.allclose(np.linalg.norm(eyes, axis=1), 1, atol=1e-4)
        mean = eyes.sum(axis=0)
        assert np.allclose(np.arctan2(mean[0], -mean[2]), video["gaze_angle_x"][visible], atol=1e-3)
        assert np.allclose(np.arctan2(mean[1], -mean[2]), video["gaze_angle_y"][visible], atol=1e-3)


def test_presence_follows_intensity(made: Path) -> None:
    video = read_video(sorted((made / "train" / "video").iterdir())[0])
    visible = video["confidence"] >= 0.7
    n_high = n_low = 0
    for unit in signals._INTENSITY_AUS:
        intensity, present = video[f"AU{unit:02d}_r"][visible], video[f"AU{unit:02d}_c"][visible]
        high, low = intensity > signals.PRESENT_ABOVE + 0.01, intensity < signals.ABSENT_BELOW - 0.01
        assert present[high].all()
        assert not present[low].any()
        n_high, n_low = n_high + high.sum(), n_low + low.sum()
    assert min(n_high, n_low) > 100


def test_audio_is_one_headerless_row_normalised_as_netvlad_is(made: Path) -> None:
    paths = list((made / "test" / "audio").iterdir())
    assert paths
    for path in paths:
        vector = np.loadtxt(path, delimiter=",", ndmin=2)
        assert vector.shape == (1, 768)
        assert np.allclose(np.linalg.norm(vector.reshape(16, 48), axis=1), 0.25, atol=1e-4)


def test_the_file_size_depends_only_on_the_number_of_rows(tmp_path: Path) -> None:
    make_synthetic(tmp_path / "set", subjects=20, segments=1, seconds=(3, 3), masked=0.5)
    sizes = defaultdict(set)
    for path in tmp_path.glob("set/*/video/*.csv"):
        sizes[len(path.read_text().splitlines())].add(path.stat().st_size)
    assert set(sizes) == {1 + 75, 1 + 90}
    assert all(len(size) == 1 for size in sizes.values())
    assert len({path.stat().st_size for path in tmp_path.glob("set/*/audio/*.csv")}) == 1


@pytest.mark.parametrize(
    ("value", "width", "text"),
    [
        (0.12346, 6, "0.1235"),
        (-0.12345, 6, "-0.123"),
        (551.239, 6, "551.23"),
        (-0.0, 4, "0.00"),
        (5.0, 4, "5.00"),
        (1.0, 1, "1"),
        (-999.0, 6, "-999.0"),
        (99.99999, 6, "100.00"),
    ],
)
def test_fixed_width_reduces_decimals_for_signs_and_large_values(value: float, width: int, text: str) -> None:
    assert fixed_width(np.array([value]), width).tobytes().decode() == text


# ---------------------------------------------------------------- seeds


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    few: dict[str, Any] = {"subjects": 8, "segments": 1, "seconds": (2, 3), "truth": True}
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        make_synthetic(tmp_path / name, **few, seed=seed)
    first, repeated, other = (read_all_files(tmp_path / name) for name in "abc")
    assert first == repeated
    assert first["train/video/001.csv"] != other["train/video/001.csv"]


def test_more_segments_do_not_change_the_first_ones() -> None:
    few, many = (
        {(r.subject, r.segment): r for r in plan_recordings(subjects=9, **(PLAN | {"segments": segments}))}
        for segments in (1, 3)
    )
    compared = 0
    for key, recording in few.items():
        assert (many[key].subject_id, many[key].severity) == (recording.subject_id, recording.severity)
        few_signals, many_signals = make_signals(recording, seed=0), make_signals(many[key], seed=0)
        assert np.array_equal(few_signals.behaviours, many_signals.behaviours)
        if few_signals.video is not None and many_signals.video is not None:
            assert np.array_equal(few_signals.video, many_signals.video)
            compared += 1
    assert compared > 4


# ---------------------------------------------------------------- labels


def test_train_and_test_share_no_subject_and_a_subject_has_one_status(made: Path) -> None:
    subjects = {}
    for split in ("train", "test"):
        labels_by_subject = defaultdict(set)
        for row in read_rows(made / split / "labels.csv"):
            labels_by_subject[row["subject_id"]].add((row["status"], row["severity"], row["gender"]))
            assert (int(row["severity"]) >= 10) == (row["status"] == "Depression")
            assert 0 <= int(row["severity"]) <= 24
            assert row["gender"] in ("f", "m")
        assert all(len(labels) == 1 for labels in labels_by_subject.values())
        assert {status for labels in labels_by_subject.values() for status, _, _ in labels} == {"Depression", "Normal"}
        subjects[split] = set(labels_by_subject)
    assert not subjects["train"] & subjects["test"]
    assert (len(subjects["train"]), len(subjects["test"])) == (7, 3)


@pytest.mark.parametrize("subjects", [8, 9, 11, 60])
def test_about_half_of_the_subjects_are_depressed(subjects: int) -> None:
    plan = plan_recordings(subjects=subjects, **PLAN)
    depressed = {r.subject for r in plan if r.status == "Depression"}
    assert abs(len(depressed) - subjects / 2) <= 1


def test_recordings_never_lack_both_modalities() -> None:
    plan = plan_recordings(subjects=200, **(PLAN | {"missing": 0.3}))
    assert all(r.has_video or r.has_audio for r in plan)
    assert np.mean([not (r.has_video and r.has_audio) for r in plan]) == pytest.approx(0.3, abs=0.06)
    none = plan_recordings(subjects=20, **(PLAN | {"missing": 0.0}))
    assert all(r.has_video and r.has_audio for r in none)
    every = plan_recordings(subjects=20, **(PLAN | {"missing": 1.0}))
    assert all(r.has_video != r.has_audio for r in every)


def auc(score: np.ndarray, positive: np.ndarray) -> float:
    """Return the area under the ROC curve; ties count half."""
    above = score[positive][:, None] - score[~positive][None, :]
    return float(np.mean((above > 0) + 0.5 * (above == 0)))


@pytest.mark.parametrize(
    "shortcut",
    [
        "n_frames",
        "frame_rate_hz",
        "has_video",
        "has_audio",
        "masked",
        "data_id",
        "subject_id",
        "subject",
        "gender",
    ],
)
def test_recording_conditions_do_not_predict_the_label(shortcut: str) -> None:
    plan = [r for r in plan_recordings(subjects=1500, **PLAN) if r.split == "train"]
    values = np.array([getattr(r, shortcut) for r in plan])
    _, score = np.unique(values, return_inverse=True)
    positive = np.array([r.status == "Depression" for r in plan])
    # With 1000 subjects and identical values in all segments, the standard error of the AUC is 0.018.
    assert auc(score, positive) == pytest.approx(0.5, abs=0.055)


# ---------------------------------------------------------------- quality


def plan_recording(severity: float = 5.0, subject: int = 0, **parts: Any) -> PlannedRecording:
    shape: dict[str, Any] = {
        "split": "train",
        "data_id": "001",
        "segment": 0,
        "subject_id": "S001",
        "gender": "f",
        "frame_rate_hz": 30.0,
        "n_frames": 900,
        "has_video": True,
        "has_audio": True,
        "masked": False,
    }
    return PlannedRecording(subject=subject, severity=severity, **(shape | parts))


def test_masked_spans_differ_from_the_truth_only_where_confidence_is_low() -> None:
    kinds = set()
    for subject in range(20):
        clear, hidden = (make_signals(plan_recording(subject=subject, masked=m), seed=1).video for m in (False, True))
        assert clear is not None
        assert hidden is not None
        low = hidden[:, 2] < 0.7
        assert clear[:, 2].min() > 0.7
        assert 0 < low.mean() < 0.7
        assert (hidden[~low, 3] == 1).all()
        assert np.array_equal(hidden[~low], clear[~low])
        assert not np.allclose(hidden[low, 4:], clear[low, 4:])
        kinds |= set(hidden[low, 3])
    assert kinds == {0.0, 1.0}


def test_a_set_without_masks_has_high_confidence_throughout(tmp_path: Path) -> None:
    make_synthetic(tmp_path / "set", subjects=8, segments=1, seconds=(2, 3), masked=0.0)
    lowest = [read_video(path)["confidence"].min() for path in (tmp_path / "set").glob("*/video/*.csv")]
    assert len(lowest) > 4
    assert min(lowest) >= 0.7


# ---------------------------------------------------------------- effects


@pytest.fixture(scope="module")
def contrast() -> dict[str, np.ndarray]:
    """Measure 120 subjects at severity 2 and at severity 20; each measure has shape [2, 120]."""
    rows = [[measure(make_signals(plan_recording(s, subject), seed=5)) for subject in range(120)] for s in (2.0, 20.0)]
    return {name: np.array([[row[name] for row in side] for side in rows]) for name in rows[0][0]}


def run_lengths(active: np.ndarray) -> np.ndarray:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active, [0]])))
    return edges[1::2] - edges[::2]


def measure(made: Signals) -> dict[str, float]:
    assert made.video is not None
    assert made.audio is not None
    column = dict(zip(signals.VIDEO_COLUMNS, made.video.T, strict=True))
    head = np.column_stack([column[f"pose_R{axis}"] for axis in "xyz"])
    moving_channels = np.column_stack([column[name] for name in (*signals.POSE, "gaze_angle_x")])
    spectrum = np.linalg.eigvalsh(np.corrcoef(moving_channels.T)).clip(1e-9)
    share = spectrum / spectrum.sum()
    smiles, blinks = column["AU12_c"] > 0, column["AU45_r"] > 1.2
    slow = np.abs(np.fft.rfft(column["pose_Tx"] - column["pose_Tx"].mean())) ** 2
    hz = np.fft.rfftfreq(900, 1 / 30)
    return {
        "amplitude": float(head.std(axis=0).mean()),
        "velocity": float(np.sqrt(np.mean(np.diff(head, axis=0) ** 2))),
        "slow_centroid": float(np.sum(hz * slow) / np.sum(slow)),
        "nodding": float(np.sqrt(np.mean(np.diff(column["pose_Rx"], n=2) ** 2))),
        "smiling": float(smiles.mean()),
        "smile_frames": float(run_lengths(smiles).mean()) if smiles.any() else np.nan,
        "cheek_with_smile": float(column["AU06_c"][smiles].mean()) if smiles.any() else np.nan,
        "AU14": float(column["AU14_r"].mean()),
        "AU15": float(column["AU15_r"].mean()),
        "AU17": float(column["AU17_r"].mean()),
        "gaze_down": float(column["gaze_angle_y"].mean()),
        "blink_frames": float(run_lengths(blinks).mean()) if blinks.any() else np.nan,
        "blinks": float(len(run_lengths(blinks))),
        "coordination_entropy": float(-np.sum(share * np.log(share))),
        "voice": float(made.audio @ signals.make_voice_space().direction),
        "AU04": float(column["AU04_r"].mean()),
        "AU25": float(column["AU25_r"].mean()),
    }


@pytest.mark.parametrize(
    ("name", "sign"),
    [
        ("amplitude", -1),
        ("velocity", -1),
        ("slow_centroid", -1),
        ("nodding", -1),
        ("smiling", -1),
        ("smile_frames", -1),
        ("cheek_with_smile", -1),
        ("AU14", 1),
        ("AU15", -1),
        ("AU17", 1),
        ("gaze_down", 1),
        ("blink_frames", 1),
        ("coordination_entropy", -1),
        ("voice", 1),
    ],
)
def test_severity_moves_behaviour_in_the_documented_direction(
    contrast: dict[str, np.ndarray], name: str, sign: int
) -> None:
    low, high = contrast[name]
    spread = np.sqrt((np.nanvar(low) + np.nanvar(high)) / 2)
    assert sign * (np.nanmean(high) - np.nanmean(low)) / spread > 0.25


@pytest.mark.parametrize("name", ["blinks", "AU04", "AU25"])
def test_severity_does_not_change_other_measures(contrast: dict[str, np.ndarray], name: str) -> None:
    low, high = contrast[name]
    assert abs(high.mean() - low.mean()) / np.sqrt((low.var() + high.var()) / 2) < 0.35


def test_a_voice_is_recognised_across_segments() -> None:
    voices = {
        (subject, segment): make_signals(plan_recording(subject=subject, segment=segment), seed=2).audio
        for subject in range(20)
        for segment in (0, 1)
    }
    first, second = (np.array([voices[subject, segment] for subject in range(20)]) for segment in (0, 1))
    assert ((first @ second.T).argmax(axis=1) == np.arange(20)).mean() > 0.9


# ---------------------------------------------------------------- truth


def test_truth_is_written_only_on_request(tmp_path: Path, made: Path) -> None:
    make_synthetic(tmp_path / "set", subjects=8, segments=1, seconds=(2, 3))
    assert not (tmp_path / "set" / "truth").exists()
    assert {p.name for p in (made / "truth").iterdir()} == {"train.csv", "test.csv", "ceiling.json"}


def test_truth_contains_the_latent_behaviours_and_the_ceiling(made: Path) -> None:
    for split in ("train", "test"):
        labels, rows = (read_rows(made / folder) for folder in (f"{split}/labels.csv", f"truth/{split}.csv"))
        assert [row["data_id"] for row in rows] == [row["data_id"] for row in labels]
        assert set(signals.BEHAVIOUR_NAMES) < set(rows[0])
        for row, label in zip(rows, labels, strict=True):
            assert int(float(row["severity"])) == int(label["severity"])
            assert 0 <= float(row["probability"]) <= 1
    ceiling = json.loads((made / "truth" / "ceiling.json").read_text())
    assert 0.5 < ceiling["oracle_auc"] <= 1
    assert ceiling["always_positive_f1"] == pytest.approx(2 / 3, abs=0.07)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("subjects", 7),
        ("subjects", 8.5),
        ("segments", 0),
        ("seed", -1),
        ("missing", 1.5),
        ("missing", float("nan")),
        ("masked", -0.1),
        ("seconds", (6, 4)),
        ("seconds", (0, 4)),
        ("seconds", (4, float("inf"))),
        ("seconds", (4,)),
    ],
)
def test_invalid_arguments_are_rejected_and_nothing_is_written(tmp_path: Path, argument: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"{argument} is out of range"):
        make_synthetic(tmp_path / "set", **{argument: value})
    assert not list(tmp_path.iterdir())


def test_a_folder_with_content_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine.txt").write_text("mine")
    with pytest.raises(TargetError, match="not empty"):
        make_synthetic(tmp_path / "set", **SMALL)
    assert read_all_files(tmp_path) == {"set/mine.txt": b"mine"}


def test_a_file_and_a_path_through_a_file_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(TargetError, match="a file"):
        make_synthetic(tmp_path / "file", **SMALL)
    with pytest.raises(TargetError, match="cannot be written"):
        make_synthetic(tmp_path / "file" / "set", **SMALL)
    assert read_all_files(tmp_path) == {"file": b"mine"}


def test_the_current_folder_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TargetError, match="the current folder"):
        make_synthetic(".", **SMALL)


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    made = make_synthetic(tmp_path, subjects=8, segments=1, seconds=(2, 3))
    assert (tmp_path / "train" / "labels.csv").exists()
    assert (made.n_train, made.n_test, made.n_subjects) == (5, 3, 8)


def test_an_interrupted_set_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_synthetic(tmp_path / "set", **SMALL, progress=stop)
    assert not list(tmp_path.iterdir())


def test_progress_counts_every_recording(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    made = make_synthetic(
        tmp_path / "set",
        subjects=8,
        segments=2,
        seconds=(2, 3),
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls == [(i, 16) for i in range(1, 17)]
    assert made.n_train + made.n_test == 16
