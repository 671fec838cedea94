"""Small data sets in the exact published form of DAIC-WOZ, E-DAIC, MPDD, and of other programs, traps included.

Names, columns, separators and label tables are those of the publications; the values are simulated. Depressed people
move their faces less and speak differently, so that a model has something to learn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_AUS_2 = ["01", "02", "04", "05", "06", "07", "09", "10", "12", "14", "15", "17", "20", "23", "25", "26", "45"]
_PRESENCE_2 = [*_AUS_2[:-1], "28", "45"]
_AUS_0 = ["01", "02", "04", "05", "06", "09", "10", "12", "14", "15", "17", "20", "25", "26"]
_PRESENCE_0 = ["04", "12", "15", "23", "28", "45"]
N_FRAMES = 60


def simulate_intensities(rng: np.random.Generator, names: Sequence[str], depressed: bool) -> dict[str, Floats]:
    """Return AU intensities (0..5) by unit; all are weaker in depression."""
    levels = {unit: rng.uniform(0.3, 0.9) + (0 if depressed else 1.5) for unit in names}
    steps = {unit: rng.normal(size=N_FRAMES).cumsum() * 0.1 for unit in names}
    return {unit: np.clip(levels[unit] + steps[unit] - steps[unit].mean(), 0, 5).round(2) for unit in names}


def simulate_pose(rng: np.random.Generator) -> dict[str, Floats]:
    """Return head position (mm) and rotation (rad) by axis."""
    position = {
        axis: rng.normal(size=N_FRAMES).cumsum() + level for axis, level in zip("xyz", (5, 20, 500), strict=True)
    }
    rotation = {axis: rng.normal(size=N_FRAMES).cumsum() * 0.01 for axis in "xyz"}
    return {f"T{axis}": position[axis].round(1) for axis in "xyz"} | {
        f"R{axis}": rotation[axis].round(3) for axis in "xyz"
    }


def simulate_landmarks(rng: np.random.Generator, n: int = 68) -> dict[str, Floats]:
    """Return pixel coordinates by name, `x0` to `y67`."""
    drift = rng.normal(size=(2, N_FRAMES)).cumsum(axis=1)
    places = rng.uniform(200, 400, size=(2, n))
    return {
        f"{axis}{point}": (places[row, point] + drift[row] + rng.normal(size=N_FRAMES) * 0.3).round(1)
        for row, axis in enumerate("xy")
        for point in range(n)
    }


def frame_columns(rng: np.random.Generator, *, first: int = 1, fps: float = 30.0) -> dict[str, Floats]:
    """Return frame, timestamp (s), confidence and success, as OpenFace writes them."""
    frames = np.arange(first, first + N_FRAMES)
    confidence = np.where(rng.random(N_FRAMES) < 0.05, 0.1, 0.98)
    return {
        "frame": frames,
        "timestamp": ((frames - first) / fps).round(3),
        "confidence": confidence,
        "success": (confidence > 0.5).astype(int),
    }


def write_openface(path: Path, columns: dict[str, Floats]) -> None:
    """Write a table as OpenFace does: `, ` between names and values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = zip(*(values.tolist() for values in columns.values()), strict=True)
    lines = [", ".join(columns), *(", ".join(f"{value:g}" for value in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


def daic_ids(n: int) -> list[int]:
    """Return the first participants of DAIC-WOZ; 342, 394, 398 and 460 do not exist."""
    return [number for number in range(300, 493) if number not in (342, 394, 398, 460)][:n]


# ------------------------------------------------------------------------------------------------ DAIC-WOZ


def make_daic_woz(root: Path, n_train: int = 16, n_dev: int = 6, n_test: int = 8) -> Path:
    """Write DAIC-WOZ as it is unpacked: one folder per session and the split tables of AVEC 2017."""
    rng = np.random.default_rng(1)
    ids = daic_ids(n_train + n_dev + n_test)
    scores = {
        number: int(rng.integers(10, 24) if index % 2 else rng.integers(0, 10)) for index, number in enumerate(ids)
    }
    for number, score in scores.items():
        _write_daic_session(root / f"{number}_P", number, rng, depressed=score >= 10)
    train, dev, test = np.split(np.array(ids), [n_train, n_train + n_dev])
    for name, numbers in (("train", train), ("dev", dev)):
        _daic_items(numbers, scores, rng).to_csv(root / f"{name}_split_Depression_AVEC2017.csv", index=False)
    gender = rng.integers(0, 2, len(test))
    pd.DataFrame({"participant_ID": test, "Gender": gender}).to_csv(
        root / "test_split_Depression_AVEC2017.csv", index=False
    )
    phq = [scores[number] for number in test]
    full = {"Participant_ID": test, "PHQ_Binary": np.array(phq) >= 10, "PHQ_Score": phq, "Gender": gender}
    pd.DataFrame(full).astype(int).to_csv(root / "full_test_split.csv", index=False)
    (root / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    return root


def _write_daic_session(folder: Path, number: int, rng: np.random.Generator, *, depressed: bool) -> None:
    meta = frame_columns(rng)
    units = simulate_intensities(rng, _AUS_0, depressed)
    presence = {unit: (rng.random(N_FRAMES) < 0.3).astype(int) for unit in _PRESENCE_0}
    pose = simulate_pose(rng)
    gaze = {f"{axis}_{eye}": rng.normal(size=N_FRAMES).round(3) for eye in ("0", "1", "h0", "h1") for axis in "xyz"}
    points = simulate_landmarks(rng)
    aus = {f"AU{unit}_r": values for unit, values in units.items()} | {f"AU{u}_c": v for u, v in presence.items()}
    write_openface(folder / f"{number}_CLNF_AUs.txt", meta | aus)
    write_openface(folder / f"{number}_CLNF_gaze.txt", meta | gaze)
    write_openface(
        folder / f"{number}_CLNF_pose.txt",
        meta | dict(zip(("X", "Y", "Z", "Rx", "Ry", "Rz"), pose.values(), strict=True)),
    )
    write_openface(folder / f"{number}_CLNF_features.txt", meta | points)
    solid = {
        f"{axis}{point}": points[f"{low}{point}"] for axis, low in zip("XYZ", "xyx", strict=True) for point in range(68)
    }
    write_openface(folder / f"{number}_CLNF_features3D.txt", meta | solid)
    (folder / f"{number}_CLNF_hog.bin").write_bytes(rng.bytes(64))
    (folder / f"{number}_AUDIO.wav").write_bytes(b"RIFF" + rng.bytes(64))
    (folder / f"{number}_TRANSCRIPT.csv").write_text(
        "start_time\tstop_time\tspeaker\tvalue\n0.1\t1.2\tEllie\thi i'm ellie\n"
    )
    np.savetxt(folder / f"{number}_COVAREP.csv", _covarep(rng, depressed), delimiter=",", fmt="%.6g")
    np.savetxt(folder / f"{number}_FORMANT.csv", rng.uniform(200, 4000, (40, 5)), delimiter=",", fmt="%.3f")


def _covarep(rng: np.random.Generator, depressed: bool) -> Floats:
    values = rng.normal(size=(40, 74))
    voiced = np.arange(40) % 4 != 0
    values[:, 0] = np.where(voiced, rng.normal(130, 10, 40), 0)
    values[:, 1] = voiced
    values[:, 2:] += 0 if depressed else 1.5
    values[~voiced, 2:] = 0
    return values


def _daic_items(numbers: Sequence[int], scores: dict[int, int], rng: np.random.Generator) -> pd.DataFrame:
    items = ["NoInterest", "Depressed", "Sleep", "Tired", "Appetite", "Failure", "Concentrating", "Moving"]
    totals = np.array([scores[number] for number in numbers])
    frame = pd.DataFrame({"Participant_ID": numbers, "PHQ8_Binary": (totals >= 10).astype(int), "PHQ8_Score": totals})
    frame["Gender"] = rng.integers(0, 2, len(frame))
    for item in items:
        frame[f"PHQ8_{item}"] = (totals // 8).astype(str)
    frame.loc[1, "PHQ8_Sleep"] = ""  # empty for one participant in the published table
    return frame


# ------------------------------------------------------------------------------------------------ E-DAIC


def make_e_daic(root: Path, n_train: int = 16, n_dev: int = 6, n_test: int = 8) -> Path:
    """Write E-DAIC as it is unpacked: features/ in each session, and train_split.csv and its kin in labels/."""
    rng = np.random.default_rng(2)
    ids = [*range(300, 300 + n_train + n_dev), *range(600, 600 + n_test)]
    rows = []
    for index, number in enumerate(ids):
        score = int(rng.integers(10, 24) if index % 2 else rng.integers(0, 10))
        _write_e_daic_session(root / f"{number}_P", number, rng, depressed=score >= 10)
        gender = ("male", "female")[index // 2 % 2]
        rows.append((number, gender, int(score >= 10), score, 0, 20))
    names = ["Participant_ID", "Gender", "PHQ_Binary", "PHQ_Score", "PCL-C (PTSD)", "PTSD Severity"]
    table = pd.DataFrame(rows, columns=names)
    (root / "labels").mkdir()
    parts = {"train": slice(n_train), "dev": slice(n_train, n_train + n_dev), "test": slice(n_train + n_dev, None)}
    for name, rows in parts.items():
        table.iloc[rows].to_csv(root / "labels" / f"{name}_split.csv", index=False)
    return root


def openface_2_columns(rng: np.random.Generator, depressed: bool, **frames: float) -> dict[str, Floats]:
    """Return the 53 columns of E-DAIC: OpenFace 2.1 with pose, gaze and AUs."""
    pose = {f"pose_{name}": values for name, values in simulate_pose(rng).items()}
    gaze = {f"gaze_{eye}_{axis}": rng.normal(size=N_FRAMES).round(3) for eye in "01" for axis in "xyz"}
    angles = {f"gaze_angle_{axis}": (rng.normal(size=N_FRAMES) * 0.1).round(3) for axis in "xy"}
    units = {f"AU{unit}_r": v for unit, v in simulate_intensities(rng, _AUS_2, depressed).items()}
    presence = {f"AU{unit}_c": (rng.random(N_FRAMES) < 0.3).astype(int) for unit in _PRESENCE_2}
    return frame_columns(rng, **frames) | pose | gaze | angles | units | presence  # type: ignore[arg-type]


def _write_e_daic_session(folder: Path, number: int, rng: np.random.Generator, *, depressed: bool) -> None:
    features = folder / "features"
    write_openface(features / f"{number}_OpenFace2.1.0_Pose_gaze_AUs.csv", openface_2_columns(rng, depressed))
    egemaps = rng.normal(size=(30, 23)) + (0 if depressed else 1.5)
    _write_opensmile(
        features / f"{number}_OpenSMILE2.3.0_egemaps.csv", egemaps, [f"feature{k}_sma3" for k in range(23)]
    )
    _write_opensmile(
        features / f"{number}_OpenSMILE2.3.0_mfcc.csv", rng.normal(size=(30, 39)), [f"mfcc{k}" for k in range(39)]
    )
    for name in ("BoAW_openSMILE_2.3.0_eGeMAPS", "BoVW_openFace_2.1.0_Pose_Gaze_AUs", "densenet201", "vgg16"):
        np.savetxt(features / f"{number}_{name}.csv", rng.random((5, 6)), delimiter=",", fmt="%.3f")
    (features / f"{number}_CNN_ResNet.mat").write_bytes(b"MATLAB 5.0 MAT-file" + rng.bytes(64))
    (folder / f"{number}_AUDIO.wav").write_bytes(b"RIFF" + rng.bytes(64))
    (folder / f"{number}_Transcript.csv").write_text("Start_Time,End_Time,Text,Confidence\n0.5,2.1,good morning,0.93\n")


def _write_opensmile(path: Path, values: Floats, names: Sequence[str]) -> None:
    """Write low-level descriptors as openSMILE does: `;`, a name and a clock first, 100 Hz."""
    lines = [";".join(["name", "frameTime", *names])]
    for row, time in zip(values, np.arange(len(values)) / 100, strict=True):
        lines.append(";".join(["'unknown'", f"{time:.6f}", *(f"{value:.4f}" for value in row)]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


# ------------------------------------------------------------------------------------------------ MPDD


def make_mpdd_young(root: Path, n_train: int = 16, n_test: int = 6) -> Path:
    """Write the track Young of MPDD-AVG 2026: arrays per person and event; some test videos have 0 bytes."""
    rng = np.random.default_rng(3)
    for split, folder, people in (
        ("train", "MPDD-AVG2026-trainval", range(1, n_train + 1)),
        ("test", "MPDD-AVG2026-test", range(n_train + 1, n_train + n_test + 1)),
    ):
        track = root / folder / "Young"
        for person in people:
            for event in (1, 2, 3):
                _write_mpdd_event(
                    track, person, event, rng, depressed=person % 2 == 0, empty=split == "test" and person % 3 == 0
                )
        labels = np.array([person % 2 == 0 for person in people]).astype(int)
        phq = np.where(labels, 14, 3)
        table = {"split": split, "label3": labels * 2, "label2": labels, "ID": list(people), "PHQ-9": phq}
        pd.DataFrame(table).to_csv(track / f"split_labels_{split}.csv", index=False)
        np.save(track / "descriptions_embeddings_with_ids.npy", np.array([{"id": 1}], dtype=object), allow_pickle=True)
    return root


def _write_mpdd_event(
    track: Path, person: int, event: int, rng: np.random.Generator, *, depressed: bool, empty: bool
) -> None:
    video = rng.normal(size=(N_FRAMES, 710)).astype(np.float32)
    video[:, -35:] += 0 if depressed else 1.5
    path = track / "Video" / "openface" / str(person) / f"event_{event}" / f"event_{event}_all.npy"
    _save(path, video)
    if empty:
        path.write_bytes(b"")
    _save(track / "Video" / "resnet" / str(person) / f"event_{event}" / f"event_{event}_all.npy", rng.random((8, 10)))
    for kind, width in (("mfcc64", 64), ("opensmile", 65), ("wav2vec", 96)):
        values = rng.normal(size=(12, width)).astype(np.float32) + (0 if depressed else 0.7)
        _save(track / "Audio" / kind / str(person) / f"E{event}.npy", values)
    _save(track / "IMU" / f"{person}.npy", rng.normal(size=(20, 12)))


def _save(path: Path, values: Floats) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, values)


# ------------------------------------------------------------------------------------------------ other programs


def make_pyfeat(root: Path) -> Path:
    """Write Fex tables of py-feat (no suffix in AU names, degrees, several faces in some frames) and their labels."""
    return _make_splits(root, _write_pyfeat_split, "labels.tsv")


def _write_pyfeat_split(folder: Path, people: range, rng: np.random.Generator) -> None:
    (folder / "video").mkdir(parents=True)
    units = [*_AUS_2[:8], "11", *_AUS_2[8:13], "23", "24", "25", "26", "28", "43"]
    for index in people:
        levels = simulate_intensities(rng, units, index % 2 == 0)
        pose = simulate_pose(rng)
        face: dict[str, object] = {"input": f"{index:03d}.mp4", "frame": np.arange(N_FRAMES)}
        face["approx_time"] = [f"00:{frame // 30:02d}" for frame in range(N_FRAMES)]  # whole seconds
        face |= {"FaceRectX": 200.0, "FaceRectY": 100.0, "FaceRectWidth": 150.0, "FaceRectHeight": 180.0}
        face |= {"FaceScore": rng.uniform(0.95, 1, N_FRAMES).round(4)}
        face |= {
            name: np.degrees(pose[axis]).round(2) for name, axis in (("Pitch", "Rx"), ("Roll", "Rz"), ("Yaw", "Ry"))
        }
        face |= {f"AU{unit}": (values / 5).round(4) for unit, values in levels.items()}
        face |= {name: rng.random(N_FRAMES).round(4) for name in ("anger", "disgust", "happiness", "neutral")}
        face |= {f"{name[0]}_{name[1:]}": values for name, values in simulate_landmarks(rng).items()}
        frame = pd.DataFrame(face)
        second = frame[frame["frame"] % 20 == 0].assign(FaceScore=0.6, FaceRectX=900.0)
        both = pd.concat([frame, second]).sort_values(["frame", "FaceScore"], ascending=[True, False], kind="stable")
        both.to_csv(folder / "video" / f"{index:03d}.csv", index=False)


def make_opensmile(root: Path) -> Path:
    """Write one ARFF file of openSMILE functionals per recording, and their labels."""
    return _make_splits(root, _write_opensmile_split, "labels.csv")


def _write_opensmile_split(folder: Path, people: range, rng: np.random.Generator) -> None:
    (folder / "audio").mkdir(parents=True)
    names = [
        "F0semitoneFrom27.5Hz_sma3nz_amean",
        "loudness_sma3_amean",
        "jitterLocal_sma3nz_amean",
        "HNRdBACF_sma3nz_amean",
    ]
    for index in people:
        values = rng.normal(size=len(names)) + np.array([0, 0 if index % 2 == 0 else 4, 0, 0])
        header = ["@relation openSMILE_features", "", "@attribute name string", "@attribute frameTime numeric"]
        header += [f"@attribute {name} numeric" for name in names] + ["@attribute class numeric", "", "@data", ""]
        row = ",".join(["'unknown'", "0.000000", *(f"{value:.6e}" for value in values), "?"])
        (folder / "audio" / f"{index:03d}.arff").write_text("\n".join([*header, row]) + "\n")


def _make_splits(root: Path, write: Callable[[Path, range, np.random.Generator], None], labels: str) -> Path:
    """Write train/ and test/ with different people, and a label table with columns of other names."""
    for seed, (split, n) in enumerate((("train", 24), ("test", 8))):
        people = range(100 * seed, 100 * seed + n)
        write(root / split, people, np.random.default_rng(seed))
        diagnosis = np.where(np.array(people) % 2 == 0, "Depression", "Normal")
        table = pd.DataFrame({"Participant": [f"{person:03d}" for person in people], "diagnosis": diagnosis})
        table.to_csv(root / split / labels, sep="\t" if labels.endswith(".tsv") else ",", index=False)
    return root
