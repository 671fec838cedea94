"""Small files in the wild that earlier versions read wrongly in silence: each gets what is right, see their README."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pdmr_classic import DataError, read_stream
from pdmr_classic.config import Settings
from pdmr_classic.errors import PdmrError
from pdmr_classic.io.audio.embeddings import read_embedding
from pdmr_classic.io.dataset import load_dataset
from pdmr_classic.io.labels.labels import read_labels
from pdmr_classic.models.target_checks import select_target


@pytest.fixture(scope="session")
def cases(real_data: Path) -> Path:
    folder = real_data.parent / "cases"
    if not folder.is_dir():
        pytest.skip("there is no folder cases/ beside the real datasets")
    return folder


# Finding code, frame rate (Hz) and number of valid frames.
READ = {
    "rate_30_01.csv": (None, 30, 1800),
    "rate_1000_hz.csv": ("odd-rate", 1000, 300),
    "skip_2.csv": ("skipped-frames", 15, 300),
    "names_R.csv": (None, 30, 200),
    "libreface.csv": ("time-unit", 25, 300),
    "timestamp_ms.csv": ("time-unit", 25, 300),
    "two_faces.csv": ("several-faces", 30, 300),
    "gaze_constant.csv": ("constant-channel", 30, 300),
    "missing_is_minus_1.csv": ("missing-rows", 30, 280),
    "one_stamp_missing.csv": ("blank-time", 25, 300),
    "label_in_stream.csv": ("dropped-column", 25, 300),
    "openface3_names.csv": ("other-units", 30, 300),
    "trailing_comma_in_header.csv": ("trailing-comma", 30, 50),
    "success_true.csv": ("truth-values", 30, 50),
    "clock_hms.csv": ("clock", 30, 50),
    "excel_sep.csv": (None, 30, 41),
    "clnf_pose.csv": (None, 30, 300),
}


@pytest.mark.parametrize("name", READ)
def test_a_stream_is_read_and_what_was_done_is_reported(cases: Path, name: str) -> None:
    stream = read_stream(cases / name)
    code, rate, n_valid = READ[name]
    assert (round(stream.frame_rate_hz, 2), int(stream.valid.sum())) == (rate, n_valid)
    assert code is None or code in {finding.code for finding in stream.findings}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("degrees.csv", "angles are too large for radians"),
        ("two_runs.csv", "the file holds several runs"),
        ("decimal_comma_no_header.csv", "decimal commas"),
    ],
)
def test_a_doubtful_stream_is_refused(cases: Path, name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_stream(cases / name)


def test_degrees_that_are_stated_give_the_values_in_radians(cases: Path) -> None:
    degrees = Settings().override({"reading.angle_unit": "degrees"}).reading
    converted, radians = read_stream(cases / "degrees.csv", degrees), read_stream(cases / "radians.csv")
    np.testing.assert_allclose(converted.select(["pose_Ry"]), radians.select(["pose_Ry"]), atol=1e-3)


def test_names_as_r_writes_them_give_the_same_stream(cases: Path) -> None:
    plain, from_r = read_stream(cases / "names_plain.csv"), read_stream(cases / "names_R.csv")
    assert plain.channels == from_r.channels
    np.testing.assert_array_equal(plain.values, from_r.values)


def test_no_id_or_label_is_a_channel(cases: Path) -> None:
    channels = set(read_stream(cases / "label_in_stream.csv").channels)
    assert not channels & {"PHQ8_Score", "Participant_ID", "video", "gender"}


def test_units_of_openface_3_are_not_taken_for_those_of_openface_2(cases: Path) -> None:
    assert not [name for name in read_stream(cases / "openface3_names.csv").channels if name.startswith("AU")]


def test_the_clock_of_opensmile_is_no_component(cases: Path) -> None:
    assert read_embedding(cases / "audio_opensmile.csv").names == ("Loudness_sma3", "alphaRatio_sma3")


def test_components_are_aligned_by_name(cases: Path) -> None:
    folder = cases / "audio_columns_permuted" / "audio"
    vectors = [read_embedding(folder / name) for name in ("r0.csv", "r1.csv")]
    values = [dict(zip(vector.names, vector.values.tolist(), strict=True)) for vector in vectors]
    assert values[0] == values[1]


def test_files_of_other_types_are_recordings_or_reported(cases: Path) -> None:
    data = load_dataset(cases / "ignored_files")
    assert data.data_ids == ["a", "b", "c", "e"]  # .csv and .npy, .txt, .tsv, .csv.gz
    assert [(finding.code, finding.found) for finding in data.findings] == [("ignored-files", "sub")]


def test_minus_1_is_no_class(cases: Path) -> None:
    assert set(read_labels(cases / "labels_minus1.csv")[0]["status"]) == {"", "0", "1"}


@pytest.mark.parametrize(
    ("name", "message"), [("labels_scores.csv", "--cutoff 'status>="), ("labels_minus1.csv", "--positive")]
)
def test_scores_and_unnamed_classes_are_refused_with_the_option_to_use(
    cases: Path, name: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "audio").mkdir()
    for number in range(40):
        (tmp_path / "audio" / f"r{number:02d}.csv").write_text("0.1,0.2\n")
    with pytest.raises(PdmrError, match=message):
        select_target(load_dataset(tmp_path, labels=cases / name), Settings())


def test_spellings_of_a_subject_are_one_subject(cases: Path, tmp_path: Path) -> None:
    table = read_labels(cases / "labels_subjects_spelled.csv")[0]
    (tmp_path / "audio").mkdir()
    for data_id in table.index:
        (tmp_path / "audio" / f"{data_id}.csv").write_text("0.1,0.2\n")
    groups = load_dataset(tmp_path, labels=cases / "labels_subjects_spelled.csv").groups
    assert groups is not None
    assert groups["r00"] == groups["r01"] == groups["r02"]
    assert groups.nunique() < table["subject_id"].nunique()
