from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import Finding, Settings, evaluate, fit, load_dataset
from pdmr_classic.errors import ConfigError, DataError, TargetError
from pdmr_classic.features.extractor import Extraction, FeatureExtractor
from pdmr_classic.features.families.shape import face_shape
from pdmr_classic.io.stream import Stream
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.subjects.inference import infer_subjects, propose_subjects, with_face_shape

FAMILIES = {"features.families": ("distribution", "quality", "audio_vector")}


class Told(CollectingReporter):
    def the(self, code: str) -> Finding:
        (found,) = (finding for finding in self.findings if finding.code == code)
        return found


def ids(n: int) -> pd.Index:
    return pd.Index([f"{row:03d}" for row in range(n)], name="data_id")


def no_contents(n: int) -> pd.DataFrame:
    return pd.DataFrame("", index=ids(n), columns=["video", "audio"], dtype=object)


def voices(n_subjects: int, each: int, spread: float, seed: int = 0) -> pd.DataFrame:
    """Return audio vectors: a voice of each subject, and a spread of its recordings; subjects alternate."""
    rng = np.random.default_rng(seed)
    values = np.tile(rng.normal(size=(n_subjects, 40)), (each, 1)) + spread * rng.normal(size=(n_subjects * each, 40))
    return pd.DataFrame(values, index=ids(len(values)), columns=[f"audio__vector__{k:03d}" for k in range(40)])


def habits(features: pd.DataFrame) -> pd.DataFrame:
    axes = [f"pose_{kind}{axis}" for kind in "TR" for axis in "xyz"]
    channels = [*axes, "gaze_angle_x", "gaze_angle_y", *(f"AU{unit:02d}_r" for unit in (1, 2, 4, 5, 6, 7, 9, 10))]
    return features.iloc[:, : len(channels)].set_axis([f"video__{name}__mean" for name in channels], axis=1)


# ---------------------------------------------------------------------------------------- known answers


def test_the_subjects_of_well_separated_voices_are_found() -> None:
    found = infer_subjects(voices(12, 3, spread=0.3), no_contents(36))
    assert found.recurring
    assert found.confidence > 0.9
    assert found.groups.tolist() == [f"{row % 12:03d}" for row in range(36)]
    assert len(found.pairs) == 12 * 3
    assert set(found.pairs["why"]) == {"alike"}


def test_habits_say_who_it_is_where_there_is_no_voice() -> None:
    found = infer_subjects(habits(voices(12, 3, spread=0.2)), no_contents(36))
    assert found.groups.nunique() == 12
    assert "pose, gaze and action units" in found.note


def test_a_recording_without_a_modality_is_placed_by_the_other() -> None:
    features = voices(12, 3, spread=0.3)
    features = features.join(habits(voices(12, 3, spread=0.2, seed=1)))
    features.loc["002", features.columns.str.startswith("audio__")] = np.nan
    features.loc["003", features.columns.str.startswith("video__")] = np.nan
    groups = infer_subjects(features, no_contents(36)).groups
    assert groups["002"] == groups["014"] == groups["026"]
    assert groups["003"] == groups["015"] == groups["027"]


def test_the_same_seed_gives_the_same_proposal() -> None:
    first, second = (infer_subjects(voices(12, 3, spread=0.6), no_contents(36), seed=1) for _ in range(2))
    pd.testing.assert_series_equal(first.groups, second.groups)
    assert first.confidence == second.confidence


# ------------------------------------------------------------------------------------------- no evidence


@pytest.mark.parametrize("seed", range(5))
def test_a_set_without_structure_keeps_its_own_groups_and_says_so(seed: int) -> None:
    features = voices(60, 1, spread=0.3, seed=seed)
    found = infer_subjects(features, no_contents(60))
    assert found.groups.tolist() == features.index.tolist()
    assert (found.recurring, found.confidence, len(found.pairs)) == (False, 0.0, 0)
    assert "too weak to go by" in found.note


def test_two_clumps_are_no_two_people() -> None:
    features = voices(2, 30, spread=0.5)
    assert infer_subjects(features, no_contents(60)).groups.nunique() > 2


def test_channels_without_known_names_are_no_evidence() -> None:
    features = habits(voices(12, 3, spread=0.1))
    features.columns = [f"video__ch{k:03d}__mean" for k in range(features.shape[1])]
    found = infer_subjects(features, no_contents(36))
    assert found.groups.nunique() == 36
    assert "no audio vectors" in found.note


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_handful_of_recordings_is_not_compared(n: int) -> None:
    assert infer_subjects(voices(n, 1, spread=0.1), no_contents(n)).groups.nunique() == n


# ------------------------------------------------------------------------------------------------ copies


@pytest.mark.parametrize("modality", ["video", "audio"])
def test_files_of_one_content_are_one_subject_though_nothing_else_is_known(modality: str) -> None:
    contents = no_contents(60)
    contents[modality] = [f"hash{row}" for row in range(60)]
    contents.loc["007", modality] = contents.loc["003", modality]
    found = infer_subjects(voices(60, 1, spread=0.3), contents)
    assert found.groups["007"] == "003"
    assert found.groups.nunique() == 59
    assert found.pairs.to_numpy().tolist() == [["003", "007", "copy"]]
    assert not found.recurring
    assert "1 pair of copies" in found.note


def test_near_identical_audio_vectors_are_one_subject() -> None:
    features = voices(60, 1, spread=0.3)
    features.loc["040"] = features.loc["010"] * 1.0001
    found = infer_subjects(features, no_contents(60))
    assert found.groups["040"] == "010"
    assert found.groups.nunique() == 59


# --------------------------------------------------------------------------------------------- face shape


def faces(subject: int, seed: int, n: int = 60) -> Stream:
    """Return a stream of 68 landmarks: a face of its own, moved, scaled and turned in the plane in every frame."""
    own, rng = np.random.default_rng(subject), np.random.default_rng([7, seed])
    shape = own.normal(size=68) + 1j * own.normal(size=68)
    moved = shape * np.exp(1j * 0.3 * rng.normal(size=(n, 1))) * rng.uniform(20, 90, (n, 1)) + rng.normal(
        300, 50, (n, 1)
    )
    moved = moved + 0.5 * (rng.normal(size=moved.shape) + 1j * rng.normal(size=moved.shape))
    names = tuple(f"{axis}_{point}" for axis in "xy" for point in range(68))
    values = np.hstack([moved.real, moved.imag]).astype(np.float32)
    return Stream(values, names, np.arange(n) / 30, 30.0, np.ones(n, dtype=bool))


def test_the_face_shape_tells_people_apart_wherever_they_sit() -> None:
    settings = Settings().features
    rows = [face_shape(faces(row % 12, seed=row), settings) for row in range(36)]
    table = pd.DataFrame([{f"material__{c}__{f}": v for (c, f), v in row.items()} for row in rows], index=ids(36))
    found = infer_subjects(table, no_contents(36))
    assert found.groups.tolist() == [f"{row % 12:03d}" for row in range(36)]
    assert "face shapes" in found.note


def test_a_stream_without_landmarks_has_no_face_shape() -> None:
    stream = faces(0, 0)
    without = Stream(stream.values[:, :2], ("AU12_r", "AU04_r"), stream.time_s, 30.0, stream.valid)
    assert face_shape(without, Settings().features) == {}


# ------------------------------------------------------------------------------------- never in silence


def test_a_proposal_is_told_and_written(tmp_path: Path) -> None:
    told, features = Told(), voices(12, 3, spread=0.3).assign(material__face_shape__x_0=np.nan)
    out = tmp_path / "mine.groups.csv"
    kept, groups, _ = propose_subjects(Extraction(features, (), (), no_contents(36)), out, told)
    finding = told.the("inferred-groups")
    assert "12 subjects are proposed for 36 recordings" in finding.what
    assert "confidence" in str(finding.found)
    assert finding.file == out
    assert "--groups" in str(finding.hint)
    written = pd.read_csv(out, dtype=str).set_index("data_id")["subject_id"]
    assert written.to_dict() == groups.to_dict()
    assert not [name for name in kept.columns if name.startswith("material__")]


def test_what_is_too_weak_is_told_too(tmp_path: Path) -> None:
    told = Told()
    _, groups, _ = propose_subjects(
        Extraction(voices(40, 1, spread=0.3), (), (), no_contents(40)), tmp_path / "g.csv", told
    )
    assert groups.nunique() == 40
    assert "no subjects could be inferred" in told.the("own-groups").what
    assert (tmp_path / "g.csv").exists()


@pytest.fixture
def unnamed(small_set: Path, tmp_path: Path) -> Path:
    """Return a copy of a training split whose labels do not say who is who."""
    shutil.copytree(small_set / "train", tmp_path / "train")
    labels = tmp_path / "train" / "labels.csv"
    pd.read_csv(labels, dtype=str).drop(columns="subject_id").to_csv(labels, index=False)
    return tmp_path / "train"


def test_loading_with_groups_to_infer_keeps_own_groups_until_then(unnamed: Path) -> None:
    data = load_dataset(unnamed, groups="infer")
    assert data.groups_source == "infer"
    assert data.groups is not None
    assert data.groups.tolist() == data.data_ids
    assert "own-groups" not in {finding.code for finding in data.findings}
    assert data.labelled().groups_source == "infer"


def test_there_is_nothing_to_infer_where_subjects_are_known(small_set: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?s)infer is for sets without subject ids.*subject_id"):
        load_dataset(small_set / "train", groups="infer")


def test_a_corrected_proposal_is_used_as_groups(unnamed: Path, tmp_path: Path) -> None:
    data = load_dataset(unnamed)
    table = pd.DataFrame({"data_id": data.data_ids, "subject_id": [f"P{row // 2}" for row in range(len(data))]})
    table.to_csv(tmp_path / "mine.groups.csv", index=False)
    again = load_dataset(unnamed, groups=str(tmp_path / "mine.groups.csv"))
    assert again.groups is not None
    assert again.groups.tolist() == table["subject_id"].tolist()
    assert again.groups_source == "table"


def test_a_table_of_groups_must_name_every_labelled_recording(unnamed: Path, tmp_path: Path) -> None:
    data = load_dataset(unnamed)
    table = pd.DataFrame({"data_id": data.data_ids[1:], "subject_id": "P1"})
    table.to_csv(tmp_path / "g.csv", index=False)
    with pytest.raises(DataError, match=rf"(?s)1 labelled recording has no subject.*{data.data_ids[0]}"):
        load_dataset(unnamed, groups=str(tmp_path / "g.csv"))


def test_a_table_without_subjects_is_refused(unnamed: Path) -> None:
    with pytest.raises(ConfigError, match="the table of --groups has no subjects"):
        load_dataset(unnamed, groups=str(unnamed / "labels.csv"))


@pytest.mark.slow
def test_fit_trains_on_the_proposed_groups_and_leaves_the_face_out(unnamed: Path, tmp_path: Path) -> None:
    told, out = Told(), tmp_path / "m.groups.csv"
    settings = Settings().override({**FAMILIES, "learning.learners": ("linear",), "learning.trials": 1})
    model = fit(load_dataset(unnamed, groups="infer"), settings=settings, groups_out=out, reporter=told)
    proposed = pd.read_csv(out, dtype=str)["subject_id"].nunique()
    assert model.facts_["n_subjects"] == proposed
    assert {finding.code for finding in told.findings} & {"inferred-groups", "own-groups"}
    assert not [name for name in model.feature_names_ if name.startswith("material__")]


def test_subjects_that_somebody_corrected_are_not_written_over(unnamed: Path, tmp_path: Path) -> None:
    out, settings = tmp_path / "m.groups.csv", with_face_shape(Settings().override(FAMILIES))
    extraction = FeatureExtractor(settings).extract(load_dataset(unnamed))
    for _ in range(2):  # the same proposal may stand there already
        propose_subjects(extraction, out, Told())
    out.write_text(corrected := out.read_text().replace("\n", "\nx", 1))
    with pytest.raises(TargetError, match=r"corrected by hand[^\0]*--groups FILE"):
        propose_subjects(extraction, out, Told())
    assert out.read_text() == corrected


@pytest.mark.slow
def test_evaluate_warns_that_its_groups_are_a_guess(unnamed: Path, tmp_path: Path) -> None:
    settings = Settings().override({**FAMILIES, "learning.learners": ("linear",), "learning.trials": 1})
    data = load_dataset(unnamed, groups="infer")
    found = evaluate(
        data, settings=settings, folds=2, repeats=1, stress=False, groups_out=tmp_path / "e.csv", reporter=Told()
    )
    assert found["warnings"][0]["code"] in {"inferred-groups", "own-groups"}
    assert found["data"]["n_subjects"] == pd.read_csv(tmp_path / "e.csv")["subject_id"].nunique()


@pytest.mark.slow
def test_most_synthetic_subjects_are_found(tmp_path: Path) -> None:
    from pdmr_classic import make_synthetic

    made = make_synthetic(tmp_path / "set", subjects=30, segments=3, seconds=(8, 12))
    data = load_dataset(made.out / "train")
    extraction = FeatureExtractor(with_face_shape(Settings().override(FAMILIES))).extract(data)
    found = infer_subjects(extraction.features, extraction.contents)
    assert data.groups is not None
    true = data.groups.to_numpy()
    together = found.groups.to_numpy()[:, None] == found.groups.to_numpy()
    same = true[:, None] == true
    upper = np.triu_indices(len(true), 1)
    assert (together & same)[upper].sum() / together[upper].sum() > 0.8
    assert (together & same)[upper].sum() / same[upper].sum() > 0.8
