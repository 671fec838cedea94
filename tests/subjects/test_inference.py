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
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.subjects.inference import add_face_shape, infer_subjects, propose_subjects

FAMILIES = {"features.families": ("distribution", "quality", "audio_vector")}


class FindingReporter(CollectingReporter):
    def get(self, code: str) -> Finding:
        (match,) = (finding for finding in self.findings if finding.code == code)
        return match


def make_ids(n: int) -> pd.Index:
    return pd.Index([f"{row:03d}" for row in range(n)], name="data_id")


def make_empty_hashes(n: int) -> pd.DataFrame:
    return pd.DataFrame("", index=make_ids(n), columns=["video", "audio"], dtype=object)


def make_voices(n_subjects: int, n_each: int, noise: float, seed: int = 0) -> pd.DataFrame:
    """Return audio vectors: one centre per subject, with noise per recording; subjects alternate."""
    rng = np.random.default_rng(seed)
    values = np.tile(rng.normal(size=(n_subjects, 40)), (n_each, 1)) + noise * rng.normal(
        size=(n_subjects * n_each, 40)
    )
    return pd.DataFrame(values, index=make_ids(len(values)), columns=[f"audio__vector__{k:03d}" for k in range(40)])


def rename_as_habits(features: pd.DataFrame) -> pd.DataFrame:
    axes = [f"pose_{kind}{axis}" for kind in "TR" for axis in "xyz"]
    channels = [*axes, "gaze_angle_x", "gaze_angle_y", *(f"AU{unit:02d}_r" for unit in (1, 2, 4, 5, 6, 7, 9, 10))]
    return features.iloc[:, : len(channels)].set_axis([f"video__{name}__mean" for name in channels], axis=1)


# --------------------------------------------------------------------------------------- known subjects


def test_subjects_with_well_separated_voices_are_inferred() -> None:
    inferred = infer_subjects(make_voices(12, 3, noise=0.3), make_empty_hashes(36))
    assert inferred.is_accepted
    assert inferred.confidence > 0.9
    assert inferred.groups.tolist() == [f"{row % 12:03d}" for row in range(36)]
    assert len(inferred.pairs) == 12 * 3
    assert set(inferred.pairs["reason"]) == {"similar"}


def test_subjects_are_inferred_from_habits_if_there_is_no_voice() -> None:
    inferred = infer_subjects(rename_as_habits(make_voices(12, 3, noise=0.2)), make_empty_hashes(36))
    assert inferred.groups.nunique() == 12
    assert "pose, gaze and action units" in inferred.note


def test_a_recording_without_one_modality_is_grouped_by_the_other() -> None:
    features = make_voices(12, 3, noise=0.3)
    features = features.join(rename_as_habits(make_voices(12, 3, noise=0.2, seed=1)))
    features.loc["002", features.columns.str.startswith("audio__")] = np.nan
    features.loc["003", features.columns.str.startswith("video__")] = np.nan
    groups = infer_subjects(features, make_empty_hashes(36)).groups
    assert groups["002"] == groups["014"] == groups["026"]
    assert groups["003"] == groups["015"] == groups["027"]


def test_the_same_seed_gives_the_same_proposal() -> None:
    first, second = (infer_subjects(make_voices(12, 3, noise=0.6), make_empty_hashes(36), seed=1) for _ in range(2))
    pd.testing.assert_series_equal(first.groups, second.groups)
    assert first.confidence == second.confidence


# ------------------------------------------------------------------------------------------- no evidence


@pytest.mark.parametrize("seed", range(5))
def test_each_recording_is_its_own_subject_if_there_are_no_clusters(seed: int) -> None:
    features = make_voices(60, 1, noise=0.3, seed=seed)
    inferred = infer_subjects(features, make_empty_hashes(60))
    assert inferred.groups.tolist() == features.index.tolist()
    assert (inferred.is_accepted, inferred.confidence, len(inferred.pairs)) == (False, 0.0, 0)
    assert "not enough evidence" in inferred.note


def test_two_large_clusters_are_not_accepted_as_two_subjects() -> None:
    features = make_voices(2, 30, noise=0.5)
    assert infer_subjects(features, make_empty_hashes(60)).groups.nunique() > 2


def test_channels_without_standard_names_are_not_used() -> None:
    features = rename_as_habits(make_voices(12, 3, noise=0.1))
    features.columns = [f"video__ch{k:03d}__mean" for k in range(features.shape[1])]
    inferred = infer_subjects(features, make_empty_hashes(36))
    assert inferred.groups.nunique() == 36
    assert "too few recordings have audio vectors" in inferred.note


@pytest.mark.parametrize("n", [1, 2, 5])
def test_very_few_recordings_are_not_compared(n: int) -> None:
    assert infer_subjects(make_voices(n, 1, noise=0.1), make_empty_hashes(n)).groups.nunique() == n


# ------------------------------------------------------------------------------------------------ copies


@pytest.mark.parametrize("modality", ["video", "audio"])
def test_files_with_identical_content_are_one_subject(modality: str) -> None:
    contents = make_empty_hashes(60)
    contents[modality] = [f"hash{row}" for row in range(60)]
    contents.loc["007", modality] = contents.loc["003", modality]
    inferred = infer_subjects(make_voices(60, 1, noise=0.3), contents)
    assert inferred.groups["007"] == "003"
    assert inferred.groups.nunique() == 59
    assert inferred.pairs.to_numpy().tolist() == [["003", "007", "copy"]]
    assert not inferred.is_accepted
    assert "1 pair of copies" in inferred.note


def test_near_identical_audio_vectors_are_one_subject() -> None:
    features = make_voices(60, 1, noise=0.3)
    features.loc["040"] = features.loc["010"] * 1.0001
    inferred = infer_subjects(features, make_empty_hashes(60))
    assert inferred.groups["040"] == "010"
    assert inferred.groups.nunique() == 59


# --------------------------------------------------------------------------------------------- face shape


def make_face_stream(subject: int, seed: int, n: int = 60) -> Stream:
    """Return a stream of 68 landmarks: the face of a subject, translated, scaled and rotated in every frame."""
    face_rng, rng = np.random.default_rng(subject), np.random.default_rng([7, seed])
    shape = face_rng.normal(size=68) + 1j * face_rng.normal(size=68)
    moved = shape * np.exp(1j * 0.3 * rng.normal(size=(n, 1))) * rng.uniform(20, 90, (n, 1)) + rng.normal(
        300, 50, (n, 1)
    )
    moved = moved + 0.5 * (rng.normal(size=moved.shape) + 1j * rng.normal(size=moved.shape))
    names = tuple(f"{axis}_{point}" for axis in "xy" for point in range(68))
    values = np.hstack([moved.real, moved.imag]).astype(np.float32)
    return Stream(values, names, np.arange(n) / 30, 30.0, np.ones(n, dtype=bool))


def test_subjects_are_inferred_from_face_shapes_whatever_their_position() -> None:
    settings = Settings().features
    rows = [face_shape(make_face_stream(row % 12, seed=row), settings) for row in range(36)]
    table = pd.DataFrame([{f"material__{c}__{f}": v for (c, f), v in row.items()} for row in rows], index=make_ids(36))
    inferred = infer_subjects(table, make_empty_hashes(36))
    assert inferred.groups.tolist() == [f"{row % 12:03d}" for row in range(36)]
    assert "face shapes" in inferred.note


def test_a_stream_without_landmarks_has_no_face_shape() -> None:
    stream = make_face_stream(0, 0)
    without = Stream(stream.values[:, :2], ("AU12_r", "AU04_r"), stream.time_s, 30.0, stream.valid)
    assert face_shape(without, Settings().features) == {}


# -------------------------------------------------------------------------------------------- reporting


def test_a_proposal_is_reported_and_written(tmp_path: Path) -> None:
    reporter, features = FindingReporter(), make_voices(12, 3, noise=0.3).assign(material__face_shape__x_0=np.nan)
    out = tmp_path / "mine.groups.csv"
    remaining, groups, _ = propose_subjects(Extraction(features, (), (), make_empty_hashes(36)), out, reporter)
    finding = reporter.get("inferred-groups")
    assert "12 subjects are proposed for 36 recordings" in finding.what
    assert "confidence" in str(finding.found)
    assert finding.file == out
    assert "--groups" in str(finding.hint)
    written = pd.read_csv(out, dtype=str).set_index("data_id")["subject_id"]
    assert written.to_dict() == groups.to_dict()
    assert not [name for name in remaining.columns if name.startswith("material__")]


def test_weak_evidence_is_reported(tmp_path: Path) -> None:
    reporter = FindingReporter()
    _, groups, _ = propose_subjects(
        Extraction(make_voices(40, 1, noise=0.3), (), (), make_empty_hashes(40)), tmp_path / "g.csv", reporter
    )
    assert groups.nunique() == 40
    assert "no subjects could be inferred" in reporter.get("own-groups").what
    assert (tmp_path / "g.csv").exists()


@pytest.fixture
def without_subjects(small_set: Path, tmp_path: Path) -> Path:
    """Return a copy of a training split without subject ids."""
    shutil.copytree(small_set / "train", tmp_path / "train")
    labels = tmp_path / "train" / "labels.csv"
    pd.read_csv(labels, dtype=str).drop(columns="subject_id").to_csv(labels, index=False)
    return tmp_path / "train"


def test_loading_with_inferred_groups_first_makes_each_recording_its_own_group(without_subjects: Path) -> None:
    data = load_dataset(without_subjects, groups="infer")
    assert data.groups_source == "infer"
    assert data.groups is not None
    assert data.groups.tolist() == data.data_ids
    assert "own-groups" not in {finding.code for finding in data.findings}
    assert data.select_labelled().groups_source == "infer"


def test_inference_raises_an_error_if_there_are_subject_ids(small_set: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?s)infer is only for data sets without subject ids.*subject_id"):
        load_dataset(small_set / "train", groups="infer")


def test_a_corrected_proposal_is_used_as_groups(without_subjects: Path, tmp_path: Path) -> None:
    data = load_dataset(without_subjects)
    table = pd.DataFrame({"data_id": data.data_ids, "subject_id": [f"P{row // 2}" for row in range(len(data))]})
    table.to_csv(tmp_path / "mine.groups.csv", index=False)
    data = load_dataset(without_subjects, groups=str(tmp_path / "mine.groups.csv"))
    assert data.groups is not None
    assert data.groups.tolist() == table["subject_id"].tolist()
    assert data.groups_source == "table"


def test_a_table_of_groups_must_contain_every_labelled_recording(without_subjects: Path, tmp_path: Path) -> None:
    data = load_dataset(without_subjects)
    table = pd.DataFrame({"data_id": data.data_ids[1:], "subject_id": "P1"})
    table.to_csv(tmp_path / "g.csv", index=False)
    with pytest.raises(DataError, match=rf"(?s)1 labelled recording has no subject.*{data.data_ids[0]}"):
        load_dataset(without_subjects, groups=str(tmp_path / "g.csv"))


def test_a_table_without_subjects_raises_an_error(without_subjects: Path) -> None:
    with pytest.raises(ConfigError, match="the table of --groups has no subject ids"):
        load_dataset(without_subjects, groups=str(without_subjects / "labels.csv"))


@pytest.mark.slow
def test_fit_uses_the_proposed_groups_and_removes_the_face_shape(without_subjects: Path, tmp_path: Path) -> None:
    reporter, out = FindingReporter(), tmp_path / "m.groups.csv"
    settings = Settings().override({**FAMILIES, "learning.learners": ("linear",), "learning.trials": 1})
    model = fit(load_dataset(without_subjects, groups="infer"), settings=settings, groups_out=out, reporter=reporter)
    n_subjects = pd.read_csv(out, dtype=str)["subject_id"].nunique()
    assert model.metadata_["n_subjects"] == n_subjects
    assert {finding.code for finding in reporter.findings} & {"inferred-groups", "own-groups"}
    assert not [name for name in model.feature_names_ if name.startswith("material__")]


def test_corrected_subjects_are_not_overwritten(without_subjects: Path, tmp_path: Path) -> None:
    out, settings = tmp_path / "m.groups.csv", add_face_shape(Settings().override(FAMILIES))
    extraction = FeatureExtractor(settings).extract(load_dataset(without_subjects))
    for _ in range(2):  # the file may already contain the same proposal
        propose_subjects(extraction, out, FindingReporter())
    out.write_text(corrected := out.read_text().replace("\n", "\nx", 1))
    with pytest.raises(TargetError, match=r"edited by hand[^\0]*--groups FILE"):
        propose_subjects(extraction, out, FindingReporter())
    assert out.read_text() == corrected


@pytest.mark.slow
def test_evaluate_warns_that_the_groups_are_inferred(without_subjects: Path, tmp_path: Path) -> None:
    settings = Settings().override({**FAMILIES, "learning.learners": ("linear",), "learning.trials": 1})
    data = load_dataset(without_subjects, groups="infer")
    evaluation = evaluate(
        data,
        settings=settings,
        folds=2,
        repeats=1,
        stress=False,
        groups_out=tmp_path / "e.csv",
        reporter=FindingReporter(),
    )
    assert evaluation["warnings"][0]["code"] in {"inferred-groups", "own-groups"}
    assert evaluation["data"]["n_subjects"] == pd.read_csv(tmp_path / "e.csv")["subject_id"].nunique()


@pytest.mark.slow
def test_most_synthetic_subjects_are_inferred(tmp_path: Path) -> None:
    from pdmr_classic import make_synthetic

    synthetic = make_synthetic(tmp_path / "set", subjects=30, segments=3, seconds=(8, 12))
    data = load_dataset(synthetic.out / "train")
    extraction = FeatureExtractor(add_face_shape(Settings().override(FAMILIES))).extract(data)
    inferred = infer_subjects(extraction.features, extraction.content_hashes)
    assert data.groups is not None
    true = data.groups.to_numpy()
    is_proposed = inferred.groups.to_numpy()[:, None] == inferred.groups.to_numpy()
    is_true = true[:, None] == true
    pairs = np.triu_indices(len(true), 1)
    assert (is_proposed & is_true)[pairs].sum() / is_proposed[pairs].sum() > 0.8
    assert (is_proposed & is_true)[pairs].sum() / is_true[pairs].sum() > 0.8
