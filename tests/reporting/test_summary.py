from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from pdmr_classic import DepressionModel, Settings, load_dataset
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.features.registry import families
from pdmr_classic.io.inspection import inspect_files
from pdmr_classic.progress import LogReporter
from pdmr_classic.reporting.summary import (
    summarise_check,
    summarise_extraction,
    summarise_families,
    summarise_fit,
    summarise_predictions,
)
from pdmr_classic.reporting.tables import (
    check_tables,
    extraction_table,
    families_table,
    fit_table,
    prediction_table,
    score_table,
)


def shown(renderable: RenderableType) -> str:
    """Return what a terminal of 80 columns would show."""
    console = Console(file=io.StringIO(), width=80, highlight=False, markup=False)
    console.print(renderable)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= 80
    return text


def checked(folder: Path, name: str = "train", **settings: Any) -> dict[str, Any]:
    chosen = Settings().override(settings)
    data = load_dataset(folder)
    facts = inspect_files(data, chosen.reading, jobs=1, reporter=LogReporter())
    return summarise_check({name: (data, facts)}, chosen)


def test_a_check_counts_what_is_there(small_set: Path) -> None:
    found = checked(small_set / "train")
    data = load_dataset(small_set / "train")
    split = found["splits"]["train"]
    assert found["synthetic"] is True
    assert found["refused"] == []
    assert split["recordings"] == 16
    assert split["subjects"] == 8
    assert split["classes"] == {"Depression": 8, "Normal": 8}
    assert split["with_video"] == sum(recording.video is not None for recording in data.recordings) < 16
    assert split["audio_width"] == 768
    assert 4 <= split["duration_s"]["min"] <= split["duration_s"]["max"] <= 6.1
    text = shown(check_tables(found))
    assert "Every file can be read." in text
    assert "synthetic" in text


def test_a_check_lists_refused_files_with_what_was_expected(small_set: Path, tmp_path: Path) -> None:
    shutil.copytree(small_set / "train", tmp_path / "train")
    broken = sorted((tmp_path / "train/video").iterdir())[0]
    broken.write_bytes(b"")
    found = checked(tmp_path / "train")
    (refused,) = found["refused"]
    assert refused["file"] == str(broken)
    assert found["synthetic"] is False
    text = shown(check_tables(found))
    assert f"video/{broken.name}" in text
    assert "Every file can be read." not in text


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [(",Normal,", ",Depression,", "one-class"), (",Normal,", ",Sad,", None), (",Depression,", ",Deppression,", None)],
)
def test_a_check_says_what_fit_would_refuse(
    small_set: Path, tmp_path: Path, old: str, new: str, code: str | None
) -> None:
    shutil.copytree(small_set / "train", tmp_path / "train")
    labels = tmp_path / "train/labels.csv"
    labels.write_text(labels.read_text().replace(old, new, 8 if code else 1))
    codes = {finding["code"] for finding in checked(tmp_path / "train")["refused_by_fit"]}
    assert (code or "unknown-label") in codes


def both_checked(root: Path) -> dict[str, Any]:
    splits = {name: load_dataset(root / name) for name in ("train", "test")}
    reading = Settings().reading
    return summarise_check(
        {name: (data, inspect_files(data, reading, signatures=True)) for name, data in splits.items()}, Settings()
    )


def test_a_check_tells_of_test_recordings_that_nearly_repeat_one_of_train(small_set: Path, tmp_path: Path) -> None:
    root = shutil.copytree(small_set, tmp_path / "set")
    assert "near-copy" not in {finding["code"] for finding in both_checked(root)["findings"]}
    video, audio = (sorted((root / "train" / modality).iterdir())[0] for modality in ("video", "audio"))
    header, *rows = video.read_text().splitlines()
    (root / "test/video/x1.csv").write_text("\n".join([header, *rows[3:]]) + "\n")
    vector = [f"{float(value):.3f}" for value in audio.read_text().split(",")]
    (root / "test/audio/x2.csv").write_text(",".join(vector) + "\n")
    shutil.copy(video, root / "test/video/x3.csv")
    found = both_checked(root)["findings"]
    near = {finding["file"]: finding["found"] for finding in found if finding["code"] == "near-copy"}
    assert near == {
        str(root / "test/video/x1.csv"): f"train video {video.stem!r}",
        str(root / "test/audio/x2.csv"): f"train audio {audio.stem!r}",
    }
    assert [finding["file"] for finding in found if finding["code"] == "same-content"] == [str(video)]


def test_summaries_are_plain_data(small_set: Path, fitted_model: DepressionModel) -> None:
    extraction = FeatureExtractor().extract(load_dataset(small_set / "test"))
    predictions = fitted_model.predict(load_dataset(small_set / "test"))
    for summary in (
        checked(small_set / "test", "test"),
        summarise_extraction(extraction, Path("f.parquet")),
        summarise_families(),
        summarise_fit(fitted_model, Path("m.joblib")),
        summarise_predictions(predictions, Path("r.jsonl")),
    ):
        assert json.loads(json.dumps(summary)) == json.loads(json.dumps(summary, default=str))


def test_every_family_is_listed_with_all_that_is_known_of_it() -> None:
    found = summarise_families()
    assert [family["family"] for family in found] == list(families())
    text = shown(families_table(found))
    for family in found:
        # Nothing is learned from the face shape: it serves --groups infer alone.
        assert (family["count"] > 0) is (family["family"] != "face_shape"), family["family"]
        for part in ("what", "formula", "unit", "source"):
            assert family.get(part), f"{family['family']} has no {part}"
    by_default = sum(family["count"] for family in found if family["by_default"] and family["view"] == "video")
    assert 1500 <= by_default <= 2500
    assert str(by_default) in text
    assert {family["family"] for family in found if not family["by_default"]} >= {"kinemes", "au_tangent"}


def test_a_fit_shows_f1_beside_its_floor_and_that_it_flatters(fitted_model: DepressionModel) -> None:
    summary = summarise_fit(fitted_model, Path("mine.joblib"))
    assert summary["n_features"] == len(fitted_model.feature_names_)
    assert "features" not in summary
    text = shown(fit_table(summary))
    for part in ("16, 8", "F1 of Depression", "F1 if all were called positive", "flatters", "mine.joblib", "synthetic"):
        assert part in text


def test_an_extraction_shows_the_share_of_what_is_unknown(small_set: Path) -> None:
    extraction = FeatureExtractor().extract(load_dataset(small_set / "train"))
    summary = summarise_extraction(extraction, Path("f.parquet"))
    views = {name: count for name, count in summary["features"].items() if name != "all"}
    assert sum(views.values()) == summary["features"]["all"]
    assert 0 < summary["nan_share"] < 0.5
    assert "16 recordings" in shown(extraction_table(summary))


def test_predictions_are_counted(small_set: Path, fitted_model: DepressionModel) -> None:
    predictions = fitted_model.predict(load_dataset(small_set / "test"))
    summary = summarise_predictions(predictions, Path("r.jsonl"))
    assert sum(summary["predicted"].values()) == summary["recordings"] == 8
    assert "Written: r.jsonl" in shown(prediction_table(summary))


def test_labels_are_shown_as_they_are_written() -> None:
    scores = {"n": 3, "positive": "[bold]PD[/bold]", "f1": 0.5, "floor": 0.4, "synthetic": False, "findings": []}
    text = shown(score_table(scores))
    assert "F1 of [bold]PD[/bold]" in text
    assert "synthetic" not in text
