"""Further views have the general features under their own names, and every guarantee of video and audio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import Settings, load_dataset
from pdmr_classic.evaluation.baselines import drop_modality, select_shortcut_features
from pdmr_classic.evaluation.stress import extract_altered_features
from pdmr_classic.features._jobs import Job
from pdmr_classic.features.exclusions import NO_EXCLUSIONS, Exclusions, find_exclusions
from pdmr_classic.features.extractor import Extraction, FeatureExtractor
from pdmr_classic.features.names import modality_columns, quality_modality
from pdmr_classic.models.measurements import compare_measurements, summarise_measurements
from pdmr_classic.progress import LogReporter
from pdmr_classic.subjects.copies import find_copies_between_subjects, find_near_copies

N = 12
QUICK = Settings().override({"features.families": ("distribution", "dynamics", "movement", "quality", "audio_vector")})


def write(path: Path, values: np.ndarray, header: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, np.atleast_2d(values), delimiter=",", fmt="%.5f", header=header, comments="")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve recordings with audio, a text vector and a stream of two channels."""
    rng = np.random.default_rng(0)
    for number in range(1, N + 1):
        name = f"{number:03d}.csv"
        write(tmp_path / "audio" / name, rng.normal(size=12))
        write(tmp_path / "text" / name, rng.normal(size=768))
        write(tmp_path / "eeg" / name, rng.normal(size=(60 + number, 2)), "Cz,Pz")
    return tmp_path


def extract(folder: Path, **options: object) -> Extraction:
    return FeatureExtractor(QUICK, **options).extract(load_dataset(folder))  # type: ignore[arg-type]


def rewrite(folder: Path, view: str, column: np.ndarray) -> None:
    """Append a column to the files of a view; one value per file."""
    for value, path in zip(column, sorted((folder / view).glob("*.csv")), strict=True):
        text = path.read_text().splitlines()
        ends = ["marker"] * text[0].startswith("Cz") + [str(value)] * len(text)
        path.write_text("".join(f"{line},{end}\n" for line, end in zip(text, ends, strict=False)))


def test_features_have_the_name_of_the_view_and_no_meaning_of_a_face(folder: Path) -> None:
    features = extract(folder).features
    assert list(modality_columns(features.columns)) == ["audio", "eeg", "text"]
    assert {"text__vector__000", "text__vector__767", "eeg__Cz__mean", "eeg__Pz__velocity_rms"} <= {*features}
    # NetVLAD is audio, whatever the width of another vector.
    assert not [name for name in features if "netvlad" in name]
    assert features["quality__eeg__n_frames"].tolist() == [60 + number for number in range(1, N + 1)]


@pytest.mark.parametrize("shape", [(128, 500), (500, 128)])
def test_matrices_of_the_challenge_page_are_streams(tmp_path: Path, shape: tuple[int, int]) -> None:
    write(tmp_path / "audio" / "001.csv", np.random.default_rng(0).normal(size=12))
    write(tmp_path / "deep" / "001.csv", np.random.default_rng(0).normal(size=shape))
    extraction = FeatureExtractor(Settings().override({"features.families": ["distribution"]})).extract(
        load_dataset(tmp_path)
    )
    assert extraction.errors == ()
    assert extraction.features.filter(regex="^deep__.*__mean$").shape == (1, shape[1])


def test_the_baseline_of_recording_conditions_sees_length_and_presence(folder: Path) -> None:
    (folder / "text" / "003.csv").unlink()
    shortcuts = select_shortcut_features(extract(folder).features)
    assert shortcuts["missing__text"].tolist() == [float(number == 3) for number in range(1, N + 1)]
    assert "quality__eeg__duration_s" in shortcuts


def test_without_a_view_its_quality_is_missing_too(folder: Path) -> None:
    features = extract(folder).features
    dropped = drop_modality(features, "eeg").isna().all()
    views = {name: name.split("__")[0] for name in features}
    expected = {n for n, view in views.items() if view == "eeg" or (view == "quality" and quality_modality(n) == "eeg")}
    assert set(dropped.index[dropped]) == expected


def test_stress_tests_drop_and_degrade_further_views(folder: Path) -> None:
    data, features = load_dataset(folder), extract(folder).features
    altered = extract_altered_features(data, features, QUICK, jobs=1, reporter=LogReporter())
    assert list(altered)[:3] == ["without text", "without eeg", "without audio"]
    noisy = altered["noise of 10% of the sd"]
    for name in ("audio__vector__000", "text__vector__000", "eeg__Cz__mean"):
        assert (noisy[name] != features[name]).all()
    halved = altered["half the frame rate"]
    pd.testing.assert_series_equal(halved["text__vector__000"], features["text__vector__000"])
    assert (halved["quality__eeg__n_frames"] < features["quality__eeg__n_frames"]).all()


# --------------------------------------------------------------------------- what marks recordings is not learned


@pytest.mark.parametrize("values", [np.arange(N), 100 - 0.5 * np.arange(N)])
def test_a_counter_in_a_vector_view_is_excluded(folder: Path, values: np.ndarray) -> None:
    plain = extract(folder).features
    rewrite(folder, "text", values)
    first = extract(folder)
    exclusions, (finding,) = find_exclusions(first.files, first.features)
    assert (exclusions["text"], finding.what.split()[:3]) == (("768",), ["1", "text", "component"])
    pd.testing.assert_frame_equal(extract(folder, exclusions=exclusions).features, plain)


def test_a_label_in_a_stream_view_is_excluded_whatever_its_name(folder: Path) -> None:
    plain = extract(folder).features
    rewrite(folder, "eeg", np.arange(N) % 2)
    first = extract(folder)
    exclusions, _ = find_exclusions(first.files, first.features)
    assert exclusions["eeg"] == ("marker",)
    pd.testing.assert_frame_equal(extract(folder, exclusions=exclusions).features[plain.columns], plain)
    assert not [name for name in extract(folder, exclusions=exclusions).features if "marker" in name]


def test_clocks_ids_and_labels_are_left_out_by_name(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    header = "index,timestamp,PHQ8_Score,gender,mood,pace"
    for number in range(3):
        write(tmp_path / "audio" / f"{number}.csv", rng.normal(size=12))
        write(tmp_path / "text" / f"{number}.csv", np.r_[number, 1.5, number, 1, rng.normal(size=2)], header)
    names = [name for name in extract(tmp_path).features if name.startswith("text")]
    assert names == ["text__vector__mood", "text__vector__pace"]


def test_exclusions_of_views_survive_the_manifest() -> None:
    stored = {"video": [], "audio": ["3"], "eeg": ["Cz"]}
    assert Exclusions.from_dict(stored).as_dict() == stored
    assert NO_EXCLUSIONS.as_dict() == {"video": [], "audio": []}


# ------------------------------------------------------------------------------------ copies, cache, predictions


def test_copies_in_a_view_are_found_and_placeholders_are_none(folder: Path) -> None:
    (folder / "text" / "002.csv").write_bytes((folder / "text" / "001.csv").read_bytes())
    for number in (3, 4):
        write(folder / "text" / f"{number:03d}.csv", np.zeros(768))
    contents = extract(folder).content_hashes
    finding = find_copies_between_subjects(contents, pd.Series(contents.index, contents.index))
    assert finding is not None
    assert finding.found == "text of '001', '002'"


def test_a_rounded_vector_of_a_view_is_a_near_copy(folder: Path) -> None:
    values = np.loadtxt(folder / "text" / "001.csv", delimiter=",")
    write(folder / "text" / "002.csv", values.round(2))
    near = find_near_copies(extract(folder).features, modalities=["audio", "text", "eeg"])
    assert {(copy.modality, copy.data_id) for copy in near} == {("text", "001"), ("text", "002")}


def test_a_view_is_read_once_and_again_as_another_modality(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = folder / "cache"
    expected = extract(folder, cache=cache).features
    runs: list[str] = []
    run = Job.run
    monkeypatch.setattr(Job, "run", lambda job: runs.append(job.modality) or run(job))
    pd.testing.assert_frame_equal(extract(folder, cache=cache).features, expected)
    assert runs == []
    (folder / "text").rename(folder / "words")
    renamed = extract(folder, cache=cache).features
    assert runs == ["words"] * N
    np.testing.assert_array_equal(renamed["words__vector__000"], expected["text__vector__000"])


def test_a_model_decides_the_kind_of_a_view_and_which_views_are_used(folder: Path) -> None:
    for path in (folder / "eeg").glob("*.csv"):
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    extraction = extract(folder, trained_names=("eeg__Cz__mean", "audio__vector__000"))
    assert load_dataset(folder).view_kinds["eeg"].kind == "vector"
    assert extraction.features["eeg__Cz__mean"].notna().all()
    assert [finding.what for finding in extraction.findings if finding.code == "unused-view"] == [
        "view text is not used: the model was trained without it"
    ]


def test_an_unreadable_file_of_a_view_leaves_the_other_views(folder: Path) -> None:
    (folder / "text" / "002.csv").write_text("smile,sad\na,b\n")
    extraction = extract(folder)
    assert [error.file for error in extraction.errors] == [folder / "text" / "002.csv"]
    row = extraction.features.loc["002"]
    assert row.filter(like="text__").isna().all()
    assert row.filter(like="eeg__Cz__mean").notna().all()


def test_the_frame_rate_of_a_view_is_compared_with_training(folder: Path) -> None:
    trained = summarise_measurements(extract(folder).files)
    assert trained["views"] == {"eeg": {"frame_rate_hz": [30.0, 30.0, 30.0]}, "text": {"frame_rate_hz": []}}
    for path in (folder / "eeg").glob("*.csv"):
        values = np.loadtxt(path, delimiter=",", skiprows=1)
        write(path, np.column_stack([np.arange(len(values)) / 128, values]), "timestamp,Cz,Pz")
    _, (error,) = compare_measurements(extract(folder).files, trained)
    assert error.what.startswith("the frame rate of eeg differs from that of the training set")
