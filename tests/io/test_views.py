"""Further folders are views: found or given, told once, matched by data_id, and nothing is lost in silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pdmr_classic import Settings, load_dataset
from pdmr_classic.config import DataSettings
from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.evaluation.check_data import check_data
from pdmr_classic.io.dataset import Dataset, scan_dataset
from pdmr_classic.io.inspection import inspect_files
from pdmr_classic.io.view_files import read_modality_stream, read_vector

IDS = ("001", "002", "003")


def write(path: Path, values: np.ndarray, header: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, np.atleast_2d(values), delimiter=",", fmt="%.5f", header=header, comments="")


def write_view(folder: Path, shape: tuple[int, ...], ids: tuple[str, ...] = IDS, header: str = "") -> None:
    for seed, data_id in enumerate(ids):
        write(folder / f"{data_id}.csv", np.random.default_rng(seed).normal(size=shape), header)


@pytest.fixture
def split(tmp_path: Path) -> Path:
    write_view(tmp_path / "data" / "train" / "audio", (1, 12))
    return tmp_path / "data" / "train"


def views_of(data: Dataset) -> dict[str, tuple[str, ...]]:
    return {recording.data_id: tuple(name for name, _ in recording.further) for recording in data.recordings}


def load_with(folder: Path, *views: str) -> Dataset:
    return load_dataset(folder, settings=DataSettings(views=views))


def whats(data: Dataset, code: str) -> list[str]:
    return [finding.what for finding in data.findings if finding.code == code]


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ((1, 300), "vectors of 300 columns"),
        ((768, 1), "vectors of 768 columns"),
        ((128, 500), "streams of 500 columns"),
        ((500, 128), "streams of 128 columns"),
        ((40, 2), "streams of 2 columns"),
    ],
)
def test_a_folder_beside_audio_is_a_view_and_told_once(split: Path, shape: tuple[int, int], told: str) -> None:
    write_view(split / "text", shape)
    data = load_dataset(split)
    assert views_of(data) == dict.fromkeys(IDS, ("text",))
    assert whats(data, "view") == [f"text/ is read as a further view: {told}"]
    assert whats(data, "ignored-files") == []


def test_a_recording_may_have_only_a_further_view(split: Path) -> None:
    write_view(split / "text", (1, 4), ("002", "004"))
    assert views_of(load_dataset(split)) == {"001": (), "002": ("text",), "003": (), "004": ("text",)}


def test_one_file_with_several_rows_makes_the_whole_view_a_stream(split: Path) -> None:
    write_view(split / "text", (1, 4))
    write(split / "text" / "003.csv", np.random.default_rng(0).normal(size=(5, 4)))
    assert load_dataset(split).view_kinds["text"].kind == "stream"


def test_single_columns_of_different_lengths_are_one_channel_over_time(split: Path) -> None:
    for n, data_id in enumerate(IDS):
        write(split / "pulse" / f"{data_id}.csv", np.random.default_rng(n).normal(size=(50 + n, 1)))
    assert load_dataset(split).view_kinds["pulse"].kind == "stream"


@pytest.mark.parametrize("name", ["Text", "a__b", "label", "quality", "both", "text_change", "mood-2"])
def test_a_folder_whose_name_cannot_be_that_of_a_view_is_told(split: Path, name: str) -> None:
    write_view(split / name, (1, 4))
    data = load_dataset(split)
    assert views_of(data) == dict.fromkeys(IDS, ())
    assert whats(data, "ignored-files") == ["the folder is not read: its name cannot be that of a view"]


def test_a_found_folder_without_a_matching_id_is_told_and_not_read(split: Path) -> None:
    write_view(split / "text", (1, 4), ("a", "b"))
    data = load_dataset(split)
    assert data.data_ids == list(IDS)
    assert whats(data, "view-matches-nothing") == [
        "no file of view text belongs to a recording: the folder is not read"
    ]


def test_a_given_folder_without_a_matching_id_is_refused(split: Path, tmp_path: Path) -> None:
    write_view(tmp_path / "bert", (1, 4), ("1", "2"))
    with pytest.raises(DataError, match="no file of view text belongs to a recording") as caught:
        load_with(split, f"text={tmp_path / 'bert'}")
    assert "'001'" in str(caught.value)


@pytest.mark.parametrize("place", ["bert", "bert/train"])
def test_a_given_folder_may_be_a_root_of_splits_or_belong_to_the_other_split(
    split: Path, tmp_path: Path, place: str
) -> None:
    for seed, name in enumerate(("train", "test")):
        write_view(tmp_path / "bert" / name, (1, 4 + seed))
    write_view(split.parent / "test" / "audio", (1, 12))
    for folder, width in ((split, 4), (split.parent / "test", 5)):
        data = load_with(folder, f"text={tmp_path / place}")
        assert (views_of(data)["001"], data.view_kinds["text"].width) == (("text",), width)


def test_a_given_folder_of_another_split_only_is_refused(split: Path, tmp_path: Path) -> None:
    write_view(tmp_path / "bert" / "test", (1, 4))
    with pytest.raises(DataError, match="the folder of view text does not exist"):
        load_with(split, f"text={tmp_path / 'bert' / 'test'}")


def test_files_of_a_given_folder_without_a_recording_are_told(split: Path, tmp_path: Path) -> None:
    write_view(tmp_path / "bert", (1, 4), (*IDS, "900"))
    data = load_with(split, f"text={tmp_path / 'bert'}")
    assert data.data_ids == list(IDS)
    assert whats(data, "ignored-files") == ["1 file of view text is not read: there is no recording with this id"]


def test_a_view_joins_recordings_of_another_layout(tmp_path: Path) -> None:
    for subject in ("S1", "S2"):
        write_view(tmp_path / "data" / subject, (30, 3), ("a", "b"), header="pose_Rx,AU12_r,AU04_r")
    ids = ("S1_a", "S1_b", "S2_a", "S2_b")
    write_view(tmp_path / "data" / "text", (1, 4), ids)
    data = load_with(tmp_path / "data", f"text={tmp_path / 'data' / 'text'}")
    assert views_of(data) == dict.fromkeys(ids, ("text",))


def test_patterns_and_views_are_told_apart(tmp_path: Path) -> None:
    write_view(tmp_path / "audio", (1, 12))
    write_view(tmp_path / "text", (1, 4))
    data = load_dataset(tmp_path, settings=DataSettings(audio_pattern="audio/{id}.csv"))
    assert views_of(data) == dict.fromkeys(IDS, ("text",))
    assert whats(data, "ignored-files") == []


@pytest.mark.parametrize(
    ("views", "message"),
    [
        (("text",), "--view is not valid"),
        (("text=",), "--view is not valid"),
        (("Video=x",), "the name of a view is not valid"),
        (("video=x",), "the name of a view is not valid"),
        (("text=x", "text=y"), "a view is given twice"),
    ],
)
def test_an_option_that_is_no_view_is_refused(split: Path, views: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_with(split, *views)


def test_a_given_folder_replaces_the_one_beside_the_recordings(split: Path, tmp_path: Path) -> None:
    write_view(split / "text", (1, 4))
    write_view(tmp_path / "bert", (1, 9))
    data = load_with(split, f"text={tmp_path / 'bert'}")
    assert data.view_kinds["text"].width == 9
    assert whats(data, "ignored-files") == ["1 folder is not read"]


def test_rows_of_a_vector_view_are_not_averaged(tmp_path: Path) -> None:
    write(tmp_path / "001.csv", np.random.default_rng(0).normal(size=(5, 4)))
    with pytest.raises(DataError, match="several rows, but view text consists of vectors"):
        read_vector(tmp_path / "001.csv", "text")


def test_settings_of_the_video_do_not_apply_to_a_further_stream(tmp_path: Path) -> None:
    values = np.column_stack([np.arange(30) / 64, np.random.default_rng(0).normal(size=(30, 2))])
    write(tmp_path / "001.csv", values, "timestamp,Cz,vector")
    reading = Settings().override({"reading.fps": 25.0, "reading.tracker": "openface2"}).reading
    stream = read_modality_stream(tmp_path / "001.csv", "eeg", reading)
    assert (stream.channels, stream.frame_rate_hz) == (("Cz", "vector_channel"), pytest.approx(64))


def test_check_lists_views_with_their_problems(split: Path) -> None:
    write_view(split / "text", (1, 4))
    write(split / "text" / "003.csv", np.ones((1, 5)))
    write_view(split / "eeg", (40, 3))
    (split / "eeg" / "002.csv").write_text("not,numbers\na,b\n")
    data, errors = scan_dataset(split)
    facts = inspect_files(data, Settings().reading, signatures=True)
    check = check_data({"train": (data, facts)}, Settings(), errors)
    assert {error.what for error in check.errors} >= {"the text vector has the wrong length"}
    assert {str(error.file) for error in check.errors} == {
        str(split / "text" / "003.csv"),
        str(split / "eeg" / "002.csv"),
    }


def test_files_of_a_view_that_look_like_label_tables_are_told(split: Path) -> None:
    for data_id in IDS:
        write(split / "text" / f"{data_id}.csv", np.arange(3.0), "data_id,status,mood")
    (split / "tables").mkdir()
    (split / "tables" / "labels2.csv").write_text("data_id,status\n001,Normal\n")
    data = load_dataset(split)
    assert whats(data, "label-table") == ["3 tables describe recordings and are not read as recordings"]
