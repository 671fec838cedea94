"""From a folder of sound files to a folder of vectors: the codebook, splits, refusals, and what is told."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from audio.sounds import make_sound, write_sound, write_sounds

from pdmr_classic.audio.embed import Embedded, embed_sounds
from pdmr_classic.errors import ArtifactError, ConfigError, DataError, TargetError
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.io.audio.embeddings import read_embedding
from pdmr_classic.io.dataset import load_dataset
from pdmr_classic.progress import CollectingReporter


def embed(sounds: Path, out: Path, **options: object) -> tuple[Embedded, dict[str, str]]:
    """Return the result, and the findings by code."""
    reporter = CollectingReporter()
    result = embed_sounds(sounds, out, reporter=reporter, **options)  # type: ignore[arg-type]
    return result, {finding.code: str(finding) for finding in reporter.findings}


def read_all(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a folder with sounds of two splits, of which training is embedded."""
    write_sounds(tmp_path / "wavs", "001 002 003")
    write_sounds(tmp_path / "new", "101 102", seed=10)
    embed(tmp_path / "wavs", tmp_path / "train/audio")
    return tmp_path


def test_vectors_are_read_as_netvlad_features(data: Path) -> None:
    embed(data / "new", data / "test/audio")
    vector = read_embedding(data / "train/audio/001.csv")
    assert vector.findings == ()
    assert np.linalg.norm(vector.values) == pytest.approx(1, abs=1e-4)
    features = FeatureExtractor().extract(load_dataset(data / "train")).require_features()
    assert list(features.index) == ["001", "002", "003"]
    norms = features.filter(like="audio__netvlad_cluster__")
    assert norms.shape[1] == 16
    # Each cluster has norm 1 before the whole vector is divided by its own; empty clusters have 0.
    assert set(norms.to_numpy().ravel().round(2)) <= {0.0, *(round(n**-0.5, 2) for n in range(1, 17))}


def test_the_same_recording_has_the_same_vector_in_either_split(data: Path) -> None:
    shutil.copy(data / "wavs/001.wav", data / "new/103.wav")
    _, findings = embed(data / "new", data / "test/audio")
    assert (data / "test/audio/103.csv").read_bytes() == (data / "train/audio/001.csv").read_bytes()
    assert "1 file is identical to training files" in findings["training-files"]
    assert "103.wav" in findings["training-files"]


def test_embedding_the_training_files_again_warns_of_nothing(data: Path) -> None:
    result, findings = embed(data / "wavs", data / "train/audio", overwrite=True)
    assert not result.fitted
    assert set(findings) == {"silence"}


def test_without_split_folders_some_training_files_among_others_are_told(tmp_path: Path) -> None:
    write_sounds(tmp_path / "wavs", "001 002 003")
    embed(tmp_path / "wavs", tmp_path / "a/audio", codebook=tmp_path / "book.npz")
    _, findings = embed(tmp_path / "wavs", tmp_path / "b/audio", codebook=tmp_path / "book.npz")
    assert "training-files" not in findings
    write_sounds(tmp_path / "wavs", "004", seed=9)
    _, findings = embed(tmp_path / "wavs", tmp_path / "c/audio", codebook=tmp_path / "book.npz")
    assert "3 files are identical" in findings["training-files"]


@pytest.mark.slow
def test_results_do_not_depend_on_jobs_or_place(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdmr_classic.audio.embed._BYTES_PER_WORKER", 1)
    monkeypatch.setattr("pdmr_classic.audio.embed._FILES_PER_TASK", 1)
    embed(data / "wavs", data / "again/train/audio", jobs=2)
    assert read_all(data / "again/train/audio") == read_all(data / "train/audio")
    assert (data / "again/audio_codebook.npz").read_bytes() == (data / "audio_codebook.npz").read_bytes()


def test_the_codebook_is_beside_the_splits_with_a_manifest(data: Path) -> None:
    manifest = json.loads((data / "audio_codebook.json").read_text())
    assert manifest["schema"] == "pdmr-classic/codebook/1"
    assert {"soundfile", "soxr", "scikit-learn"} <= set(manifest["libraries"])
    assert manifest["training"]["split"] == "train"
    assert len(manifest["training"]["contents"]) == manifest["training"]["n_files"] == 3
    assert "001" not in {part for text in manifest["training"]["contents"] for part in text.split("/")}
    assert str(data) not in json.dumps(manifest)


def test_a_codebook_in_the_data_folder_is_not_taken_for_a_recording(data: Path) -> None:
    assert [recording.data_id for recording in load_dataset(data, split="train").recordings] == ["001", "002", "003"]
    embed(data / "wavs", data / "set/audio")
    assert (data / "set/audio_codebook.npz").is_file()
    assert len(load_dataset(data / "set").recordings) == 3


@pytest.mark.parametrize(
    ("sounds", "out"),
    [
        ("wavs", "test/audio"),
        ("wavs", "val/audio"),
        ("wavs", "test"),
        ("test_wavs", "audio"),
        ("Test", "audio"),
        ("dev/wavs", "audio"),
    ],
)
def test_no_codebook_is_fitted_on_a_folder_named_test(tmp_path: Path, sounds: str, out: str) -> None:
    write_sounds(tmp_path / sounds, "001 002")
    with pytest.raises(ConfigError, match=r"must not be fitted on (test|dev) recordings"):
        embed(tmp_path / sounds, tmp_path / out)
    with pytest.raises(ConfigError, match=r"must not be fitted on (test|dev) recordings"):
        embed(tmp_path / sounds, tmp_path / out, fit=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [sounds.split("/")[0]]


def test_a_new_codebook_is_fitted_on_request(data: Path) -> None:
    before = (data / "audio_codebook.npz").read_bytes()
    result, findings = embed(data / "new", data / "b/train/audio", codebook=data / "audio_codebook.npz", fit=True)
    assert result.fitted
    assert "was replaced" in findings["codebook-replaced"]
    assert (data / "audio_codebook.npz").read_bytes() != before


def test_the_seed_changes_the_codebook(tmp_path: Path) -> None:
    write_sounds(tmp_path / "wavs", "001 002 003")
    for seed in (0, 0, 1):
        embed(tmp_path / "wavs", tmp_path / "out/audio", seed=seed, fit=True, overwrite=True)
        shutil.copy(tmp_path / "out/audio_codebook.npz", tmp_path / f"{seed}.npz")
    first, again, other = ((tmp_path / f"{seed}.npz").read_bytes() for seed in (0, 0, 1))
    assert first == again != other


# ------------------------------------------------------------------------------------------------ refusals


def test_all_bad_files_are_reported_together_and_nothing_is_written(tmp_path: Path) -> None:
    write_sounds(tmp_path / "wavs", "good")
    (tmp_path / "wavs/empty.wav").touch()
    (tmp_path / "wavs/text.wav").write_text("hello")
    write_sound(tmp_path / "wavs/silent.flac", np.zeros(16_000))
    write_sound(tmp_path / "wavs/nan.wav", np.full(16_000, np.nan), subtype="FLOAT")
    with pytest.raises(DataError) as error:
        embed(tmp_path / "wavs", tmp_path / "train/audio")
    assert [finding.code for finding in error.value.findings] == ["empty", "not-finite", "silent", "not-sound"]
    assert [path.name for path in tmp_path.iterdir()] == ["wavs"]


def test_bad_files_are_skipped_on_request(tmp_path: Path) -> None:
    write_sounds(tmp_path / "wavs", "a b")
    (tmp_path / "wavs/bad.wav").touch()
    result, findings = embed(tmp_path / "wavs", tmp_path / "train/audio", skip_bad=True)
    assert result.data_ids == ("a", "b")
    assert [finding.code for finding in result.skipped] == ["empty"]
    assert "bad.wav" in findings["empty"]
    assert sorted(read_all(tmp_path / "train/audio")) == ["a.csv", "b.csv"]


def test_only_bad_files_cannot_be_skipped(tmp_path: Path) -> None:
    (tmp_path / "wavs").mkdir()
    (tmp_path / "wavs/bad.wav").touch()
    with pytest.raises(DataError, match="the file is empty"):
        embed(tmp_path / "wavs", tmp_path / "train/audio", skip_bad=True)


def test_vectors_are_not_replaced_without_permission(data: Path) -> None:
    before = read_all(data / "train/audio")
    write_sounds(data / "other", "001 009", seed=5)
    with pytest.raises(TargetError, match=r"1 vector exists already(.|\n)*001\.csv"):
        embed(data / "other", data / "train/audio")
    assert read_all(data / "train/audio") == before
    _, findings = embed(data / "other", data / "train/audio", overwrite=True)
    assert "2 other vectors" in findings["other-vectors"]
    assert sorted(read_all(data / "train/audio")) == ["001.csv", "002.csv", "003.csv", "009.csv"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a.wav", "a.flac"), "differ only in their suffix"),
        (("a.wav", "A.wav"), "differ only in case"),
        (("labels.wav",), "the name of a label table"),
        (("aux.wav",), "reserved by Windows"),
    ],
)
def test_names_that_cannot_be_ids_are_refused(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    (tmp_path / "wavs").mkdir()
    for name in names:
        write_sound(tmp_path / "wavs" / name, make_sound(seconds=0.5))
    with pytest.raises(DataError, match=message):
        embed(tmp_path / "wavs", tmp_path / "out/audio")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "an empty folder"),
        (["a.mp3", "b.m4a"], "ffmpeg"),
        (["sub/a.wav"], "pass one of these folders"),
    ],
)
def test_a_folder_without_sounds_is_refused(tmp_path: Path, files: list[str], message: str) -> None:
    (tmp_path / "wavs").mkdir()
    for name in files:
        (tmp_path / "wavs" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "wavs" / name).touch()
    with pytest.raises(DataError, match=f"no sound files(.|\n)*{message}"):
        embed(tmp_path / "wavs", tmp_path / "out/audio")
    with pytest.raises(DataError, match="does not exist"):
        embed(tmp_path / "nowhere", tmp_path / "out/audio")


def test_too_little_sound_for_a_codebook_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wavs").mkdir()
    write_sound(tmp_path / "wavs/a.wav", make_sound(seconds=0.2))
    with pytest.raises(DataError, match="too little sound for 16 centres"):
        embed(tmp_path / "wavs", tmp_path / "out/audio")


def test_a_pure_tone_has_a_finite_vector_but_no_codebook(data: Path) -> None:
    (data / "tones").mkdir()
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(32_000) / 16_000)
    write_sound(data / "tones/a.wav", tone, subtype="FLOAT")
    embed(data / "tones", data / "test/audio")
    assert np.linalg.norm(read_embedding(data / "test/audio/a.csv").values) == pytest.approx(1, abs=1e-4)
    with pytest.raises(DataError, match="too little sound"):
        embed(data / "tones", data / "other/audio")


def test_missing_libraries_are_named_with_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(ConfigError, match=r"soxr(.|\n)*pdmr-classic\[audio\]"):
        embed(tmp_path, tmp_path / "out/audio")


# ----------------------------------------------------------------------------------------- damaged codebooks


def test_a_damaged_codebook_is_refused(data: Path) -> None:
    path = data / "audio_codebook.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ArtifactError, match="does not match its manifest"):
        embed(data / "new", data / "test/audio")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "pdmr-classic/codebook/0"}, "of this version"),
        ({"sha256": "0" * 63}, "corrupt"),
        ({"settings": {"bands": 40}}, "other settings"),
        ({"training": {"contents": [], "split": ""}}, "corrupt"),
    ],
)
def test_a_changed_manifest_is_refused(data: Path, change: dict[str, object], message: str) -> None:
    path = data / "audio_codebook.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ArtifactError, match=message):
        embed(data / "new", data / "test/audio")


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_a_manifest_that_is_none_is_refused(data: Path, text: str) -> None:
    (data / "audio_codebook.json").write_text(text)
    with pytest.raises(ArtifactError, match="manifest"):
        embed(data / "new", data / "test/audio")


def test_a_codebook_without_manifest_is_refused(data: Path) -> None:
    (data / "audio_codebook.json").unlink()
    with pytest.raises(ArtifactError, match="cannot be read"):
        embed(data / "new", data / "test/audio")


def test_a_codebook_with_objects_is_not_unpickled(data: Path) -> None:
    import hashlib

    path = data / "audio_codebook.npz"
    np.savez(path, scale=np.array([{}], dtype=object), centres=np.zeros((16, 48)), sharpness=1.0)
    manifest = json.loads((data / "audio_codebook.json").read_text())
    manifest["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (data / "audio_codebook.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="damaged"):
        embed(data / "new", data / "test/audio")


def test_a_foreign_json_file_is_not_overwritten(tmp_path: Path) -> None:
    write_sounds(tmp_path / "wavs", "001 002")
    (tmp_path / "book.json").write_text('{"mine": 1}')
    with pytest.raises(TargetError, match="would overwrite another file"):
        embed(tmp_path / "wavs", tmp_path / "train/audio", codebook=tmp_path / "book.npz")
    with pytest.raises(ConfigError, match=r"must end in \.npz"):
        embed(tmp_path / "wavs", tmp_path / "train/audio", codebook=tmp_path / "book.bin")


# ------------------------------------------------------------------------------------------------- findings


def test_changes_and_risks_are_told(tmp_path: Path) -> None:
    write_sounds(tmp_path / "wavs", "a b")
    shutil.copy(tmp_path / "wavs/a.wav", tmp_path / "wavs/copy.wav")
    write_sound(tmp_path / "wavs/phone.wav", make_sound(3, rate_hz=8000), 8000)
    write_sound(tmp_path / "wavs/stereo.wav", np.column_stack([make_sound(4), make_sound(4)]))
    (tmp_path / "wavs/notes.txt").touch()
    (tmp_path / "wavs/.hidden.wav").touch()
    (tmp_path / "wavs/more").mkdir()
    _, findings = embed(tmp_path / "wavs", tmp_path / "train/audio")
    assert set(findings) == {"silence", "mixed-down", "low-rate", "several-rates", "same-content", "ignored-files"}
    assert "stereo.wav" in findings["mixed-down"]
    assert "nothing above 4 kHz" in findings["low-rate"]
    assert "copy.wav" in findings["same-content"]


def test_digits_of_real_speakers_are_embedded(real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "wavs").mkdir()
    for path in sorted((real_data / "fsdd-wav").glob("*_0.wav")):
        (tmp_path / "wavs" / path.name).symlink_to(path)
    result, _ = embed(tmp_path / "wavs", tmp_path / "train/audio")
    vectors = np.array([read_embedding(path).values for path in sorted((tmp_path / "train/audio").iterdir())])
    digits = np.array([data_id[0] for data_id in result.data_ids])
    speakers = np.array([data_id.split("_")[1] for data_id in result.data_ids])
    similarity = vectors @ vectors.T
    other_speaker = speakers[:, None] != speakers
    same, different = (
        similarity[other_speaker & mask].mean() for mask in (digits[:, None] == digits, digits[:, None] != digits)
    )
    assert same > different + 0.1


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    write_sounds(tmp_path / "wavs", "001 002")

    class Interrupting(CollectingReporter):
        def progress(self, stage: str, done: int, total: int) -> None:
            if stage == "embedding" and done == total:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_sounds(tmp_path / "wavs", tmp_path / "train/audio", reporter=Interrupting())
    assert [path.name for path in tmp_path.iterdir()] == ["wavs"]
