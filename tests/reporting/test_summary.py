from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console, RenderableType

from pdmr_classic import DepressionModel, Settings, load_dataset
from pdmr_classic.evaluation.check_data import check_data
from pdmr_classic.features.extractor import Extraction, FeatureExtractor
from pdmr_classic.features.registry import load_families
from pdmr_classic.io.inspection import inspect_files
from pdmr_classic.progress import LogReporter
from pdmr_classic.reporting._cells import format_difference, format_view
from pdmr_classic.reporting.evaluation_tables import _baselines_table
from pdmr_classic.reporting.fit_tables import fit_table
from pdmr_classic.reporting.severity_tables import _added_table
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
    prediction_table,
    score_table,
)


def render(renderable: RenderableType) -> str:
    """Return the text as printed on a terminal with 80 columns."""
    console = Console(file=io.StringIO(), width=80, highlight=False, markup=False)
    console.print(renderable)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= 80
    return text


def summarise_folder(folder: Path, name: str = "train", **settings: Any) -> dict[str, Any]:
    chosen = Settings().override(settings)
    data = load_dataset(folder)
    facts = inspect_files(data, chosen.reading, jobs=1, reporter=LogReporter())
    splits = {name: (data, facts)}
    return summarise_check(splits, check_data(splits, chosen))


def test_a_check_counts_recordings_subjects_and_classes(small_set: Path) -> None:
    found = summarise_folder(small_set / "train")
    data = load_dataset(small_set / "train")
    split = found["splits"]["train"]
    assert found["synthetic"] is True
    assert found["errors"] == []
    assert split["recordings"] == 16
    assert split["subjects"] == 8
    assert split["classes"] == {"Depression": 8, "Normal": 8}
    assert split["with_video"] == sum(recording.video is not None for recording in data.recordings) < 16
    assert split["audio_widths"] == {"768": split["with_audio"]}
    assert split["layout"] == "pdmr"
    assert 4 <= split["duration_s"]["min"] <= split["duration_s"]["max"] <= 6.1
    text = render(check_tables(found))
    assert "Every file can be read." in text
    assert "OpenFace 2 (pose_Tx … AU45_c)" in " ".join(text.split())
    assert "fit can use this data." in text
    assert "synthetic" in text


def test_a_check_lists_each_kind_of_note_and_counts_each_file_once(small_set: Path, tmp_path: Path) -> None:
    shutil.copytree(small_set / "train", tmp_path / "train")
    for name in ("a.docx", "b.docx", "c.mp4"):
        (tmp_path / "train/video" / name).write_bytes(b"x")
    text = render(check_tables(summarise_folder(tmp_path / "train")))
    rows = re.findall(r"^\d files? (?:is|are) not read .*$", text, re.MULTILINE)
    assert [row.split() for row in rows] == [
        ["2", "files", "are", "not", "read", "(.docx)", "1"],
        ["1", "file", "is", "not", "read", "(.mp4)"],
    ]


def test_a_check_names_the_ignored_columns_and_lists_files_with_the_same_error_together(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (folder / "audio").mkdir(parents=True)
    for data_id in ("1", "2", "3"):
        (folder / f"audio/{data_id}.csv").write_text(f"frameTime,F0\n0.0,{data_id}.5\n0.1,2.5\n")
    for data_id in ("4", "5"):
        (folder / f"audio/{data_id}.csv").write_bytes(b"")
    text = render(check_tables(summarise_folder(folder)))
    assert "counters, identifiers or labels: 'frameTime'" in " ".join(text.split())
    assert text.count("the file is empty") == 2  # in the table and in the conclusion
    assert [f"set/audio/{data_id}.csv" in text for data_id in ("4", "5")] == [True, True]


def test_a_check_lists_invalid_files(small_set: Path, tmp_path: Path) -> None:
    shutil.copytree(small_set / "train", tmp_path / "train")
    broken = sorted((tmp_path / "train/video").iterdir())[0]
    broken.write_bytes(b"")
    found = summarise_folder(tmp_path / "train")
    (error,) = found["errors"]
    assert error["file"] == str(broken)
    assert found["synthetic"] is False
    text = render(check_tables(found))
    assert f"video/{broken.name}" in text
    assert "Every file can be read." not in text
    error["file"] = "/work"
    words = render(check_tables(found)).split()
    assert "/work" in words


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [(",Normal,", ",Depression,", "one-class"), (",Normal,", ",Sad,", None), (",Depression,", ",Deppression,", None)],
)
def test_a_check_reports_what_fit_would_refuse(
    small_set: Path, tmp_path: Path, old: str, new: str, code: str | None
) -> None:
    shutil.copytree(small_set / "train", tmp_path / "train")
    labels = tmp_path / "train/labels.csv"
    labels.write_text(labels.read_text().replace(old, new, 8 if code else 1))
    codes = {finding["code"] for finding in summarise_folder(tmp_path / "train")["fit_errors"]}
    assert (code or "unknown-label") in codes


def summarise_root(root: Path) -> dict[str, Any]:
    datasets = {name: load_dataset(root / name) for name in ("train", "test")}
    splits = {name: (data, inspect_files(data, Settings().reading, signatures=True)) for name, data in datasets.items()}
    return summarise_check(splits, check_data(splits, Settings()))


def test_a_check_reports_near_copies_between_train_and_test(small_set: Path, tmp_path: Path) -> None:
    root = shutil.copytree(small_set, tmp_path / "set")
    assert "near-copy" not in {finding["code"] for finding in summarise_root(root)["findings"]}
    video, audio = (sorted((root / "train" / modality).iterdir())[0] for modality in ("video", "audio"))
    header, *rows = video.read_text().splitlines()
    (root / "test/video/x1.csv").write_text("\n".join([header, *rows[3:]]) + "\n")
    vector = [f"{float(value):.3f}" for value in audio.read_text().split(",")]
    (root / "test/audio/x2.csv").write_text(",".join(vector) + "\n")
    shutil.copy(video, root / "test/video/x3.csv")
    found = summarise_root(root)["findings"]
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
        summarise_folder(small_set / "test", "test"),
        summarise_folder(small_set / "train"),
        summarise_extraction(extraction, Path("f.parquet")),
        summarise_families(),
        summarise_fit(fitted_model, Path("m.joblib")),
        summarise_predictions(predictions, Path("r.jsonl"), Path("r.notes.json")),
    ):
        assert not_plain(summary) == []
        assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def not_plain(value: Any, where: str = "summary") -> list[str]:
    """Return the places of values that are not of a plain JSON type; subclasses (of numpy) and NaN are not."""
    if type(value) is dict:
        keys = [f"key {key!r} of {where}" for key in value if type(key) is not str]
        return keys + [place for key, part in value.items() for place in not_plain(part, f"{where}.{key}")]
    if type(value) is list:
        return [place for number, part in enumerate(value) for place in not_plain(part, f"{where}[{number}]")]
    is_plain = type(value) in (str, int, float, bool, type(None)) and value == value
    return [] if is_plain else [f"{where}: {type(value).__name__}"]


@pytest.mark.parametrize(
    "part", [np.float64(0.5), np.int64(1), np.bool_(True), np.str_("a"), (1, 2), Path("a"), float("nan"), {1: "a"}, {1}]
)
def test_a_value_that_is_not_plain_is_detected(part: Any) -> None:
    assert len(not_plain({"a": [{"b": 1.0}, {"c": part}]})) == 1


def test_the_keys_of_a_check(tmp_path: Path) -> None:
    for modality in ("video", "audio"):
        (tmp_path / "train" / modality).mkdir(parents=True)
    rows = [f"{frame / 10},{confidence},1,0.5,1" for frame, confidence in enumerate([0.9, 0.9, 0.9, 0.1, 0.9])]
    video = "\n".join(["timestamp,confidence,success,AU12_r,pose_Rx", *rows]) + "\n"
    (tmp_path / "train/video/r1.csv").write_text(video)
    for data_id in ("r1", "r2", "r3"):
        (tmp_path / f"train/audio/{data_id}.csv").write_text(f"0.1,0.2,{data_id[1]}\n")
    (tmp_path / "train/labels.csv").write_text("data_id,status,subject_id\nr1,yes,S1\nr2,yes,S1\nr3,no,S2\n")
    summary = summarise_folder(tmp_path / "train", **{"data.positive": "yes"})
    del summary["fit_errors"]
    assert summary.pop("conclusion").startswith("fit would stop: ")
    assert summary == {
        "synthetic": False,
        "splits": {
            "train": {
                "recordings": 3,
                "with_video": 1,
                "with_audio": 3,
                "layout": "pdmr",
                "classes": {"no": 1, "yes": 2},
                "subjects": 2,
                "trackers": {"openface2": 1},
                "evidence": {"openface2": "OpenFace 2 (AU12_r … pose_Rx)"},
                "columns": {"n_columns": 5, "n_unused": 0},
                "channels": {"au_intensity": 1, "pose": 1},
                "n_frames": {"min": 5.0, "median": 5.0, "max": 5.0},
                "duration_s": {name: pytest.approx(0.5) for name in ("min", "median", "max")},
                "frame_rate_hz": {name: pytest.approx(10.0) for name in ("min", "median", "max")},
                "coverage": {"min": 0.8, "median": 0.8, "max": 0.8},
                "audio_widths": {"3": 3},
            }
        },
        "fit_can_use": False,
        "errors": [],
        "findings": [],
    }


def test_the_keys_of_an_extraction() -> None:
    values = {"video__a__mean": [1.0, 2.0], "video__a__std": [1.0, 4.0], "audio__vector__000": [np.nan, np.nan]}
    summary = summarise_extraction(Extraction(pd.DataFrame(values), (), ()), Path("f.parquet"), synthetic=True)
    assert summary == {
        "out": "f.parquet",
        "synthetic": True,
        "recordings": 2,
        "features": {"video": 2, "audio": 1, "all": 3},
        "nan_share": pytest.approx(1 / 3),
    }


def test_a_fit_omits_the_lists_of_features_and_files() -> None:
    model = DepressionModel()
    model.metadata_ = {"threshold": 0.3, "features": ["a", "b"], "content_hashes": {"salt": "x", "hashes": []}}
    model.feature_names_ = ["a", "b"]
    assert summarise_fit(model, Path("m.joblib")) == {"out": "m.joblib", "threshold": 0.3, "n_features": 2}


def test_the_keys_of_predictions() -> None:
    predictions = pd.DataFrame({"status": ["Normal", "Depression", "Normal"], "probability": [0.1, 0.9, 0.2]})
    adjustments = {
        "threshold": 0.4,
        "n_subjects": 2,
        "prevalence": {"Depression": 0.3, "Normal": 0.7},
        "prevalence_interval": {"Depression": (0.09, 0.41), "Normal": (0.59, 0.91)},
    }
    predictions.attrs = adjustments | {"skipped": [{"data_id": "4"}], "overlap": [{"data_id": "1"}]}
    predictions.attrs |= {"positive": "Depression", "ids_without_recording": ["7", "8"]}
    training = {"Depression": 0.25, "Normal": 0.75}
    summary = summarise_predictions(
        predictions, Path("r.jsonl"), Path("r.notes.json"), training=training, synthetic=True
    )
    assert summary == adjustments | {
        "out": "r.jsonl",
        "synthetic": True,
        "recordings": 3,
        "predicted": {"Depression": 1, "Normal": 2},
        "training_shares": training,
        "skipped": 1,
        "ids_without_recording": 2,
        "notes": "r.notes.json",
        "positive": "Depression",
    }
    assert "Estimated prevalence of Depression: 30% (95% interval 9 to 41%)" in render(prediction_table(summary))
    rows = [line.split() for line in render(prediction_table(summary)).splitlines()]
    assert ["Depression", "1", "33%", "25%"] in rows
    assert ["Threshold", "for", "Depression:", "0.400"] in rows


def test_every_family_is_listed_with_formula_unit_and_source() -> None:
    found = summarise_families()
    assert [family["family"] for family in found] == list(load_families())
    text = render(families_table(found))
    for family in found:
        # The face shape is used only by --groups infer, never for learning.
        assert (family["count"] > 0) is (family["family"] != "face_shape"), family["family"]
        for part in ("summary", "formula", "unit", "source"):
            assert family.get(part), f"{family['family']} has no {part}"
    by_default = sum(family["count"] for family in found if family["by_default"] and family["view"] == "video")
    assert 1500 <= by_default <= 2500
    assert str(by_default) in text
    assert {family["family"] for family in found if not family["by_default"]} >= {"kinemes", "au_tangent"}


def test_a_family_without_a_source_shows_no_empty_source() -> None:
    family = {"family": "stillness", "view": "video", "count": 1, "by_default": True, "summary": "s", "unit": "share"}
    text = render(families_table([family]))
    assert "unit: share" in text
    assert "source:" not in text
    assert "formula:" not in text


def test_a_fit_shows_f1_with_its_baseline_and_a_warning_of_optimism(fitted_model: DepressionModel) -> None:
    summary = summarise_fit(fitted_model, Path("mine.joblib"))
    assert summary["n_features"] == len(fitted_model.feature_names_)
    assert "features" not in summary
    text = render(fit_table(summary))
    for part in ("baseline: always Depression", "optimistic", "Written: mine.joblib", "synthetic"):
        assert part in text
    assert "combination" in text
    assert "weighs most" in " ".join(text.split())
    rows = [line.split() for line in text.splitlines()]
    assert ["recordings", "16"] in rows
    assert ["subjects", "8"] in rows
    assert ["F1", "of", "Depression", f"{summary['inner_scores']['f1']:.3f}"] in rows


def test_an_extraction_shows_the_share_of_missing_values(small_set: Path) -> None:
    extraction = FeatureExtractor().extract(load_dataset(small_set / "train"))
    summary = summarise_extraction(extraction, Path("f.parquet"))
    views = {name: count for name, count in summary["features"].items() if name != "all"}
    assert sum(views.values()) == summary["features"]["all"]
    assert 0 < summary["nan_share"] < 0.5
    assert "16 recordings" in render(extraction_table(summary))


def test_predictions_are_counted(small_set: Path, fitted_model: DepressionModel) -> None:
    predictions = fitted_model.predict(load_dataset(small_set / "test"))
    summary = summarise_predictions(predictions, Path("r.jsonl"))
    assert sum(summary["predicted"].values()) == summary["recordings"] == 8
    assert "Written: r.jsonl" in render(prediction_table(summary))


def test_labels_are_not_interpreted_as_markup() -> None:
    scores = {"n": 3, "positive": "[bold]PD[/bold]", "f1": 0.5, "floor": 0.4, "synthetic": False, "findings": []}
    text = render(score_table(scores))
    assert "F1 of [bold]PD[/bold]" in text
    assert "synthetic" not in text


def test_findings_that_put_a_number_in_doubt_are_repeated_below_it(fitted_model: DepressionModel) -> None:
    doubts = [
        {"code": "below-floor", "what": "F1 is below the baseline", "found": "0.6"},
        {"code": "overlap", "what": "2 recordings are also in the training set", "found": "'001', " * 100},
        {"code": "nan", "what": "some values are missing"},
    ]
    fit = summarise_fit(fitted_model, Path("m.joblib")) | {"findings": doubts}
    predictions = {"out": "r.jsonl", "recordings": 1, "predicted": {"PD": 1}, "findings": doubts}
    for text in (render(fit_table(fit)), render(prediction_table(predictions))):
        assert "! F1 is below the baseline (0.6)" in text
        assert "! 2 recordings are also in the training set\n" in text
        assert "missing" not in text.replace("missing_", "")


def test_a_check_counts_columns_that_are_not_used_and_files_of_each_width(tmp_path: Path) -> None:
    for modality in ("video", "audio"):
        (tmp_path / modality).mkdir()
    rows = [f"{frame / 10},0.9,1,{frame % 3}.5,{frame},{frame}" for frame in range(9)]
    header = "timestamp,confidence,success,AU12_r,p_1,X_1\n"
    (tmp_path / "video/1.csv").write_text(header + "\n".join(rows) + "\n")
    for data_id, row in (("1", "0.1,0.2,1"), ("2", "0.4,0.1,1"), ("3", "0.4,0.2")):
        (tmp_path / f"audio/{data_id}.csv").write_text(f"{row}\n")
    summary = summarise_folder(tmp_path)
    assert summary["splits"]["train"]["columns"] == {"n_columns": 6, "n_unused": 2}
    text = render(check_tables(summary))
    assert re.search(r"columns not used +2 of 6", text)
    assert re.search(r"audio vector +3 values \(2 files\), 2 values \(1 file\)", text)


def test_a_difference_without_interval_says_so() -> None:
    part = {"difference": 0.5, "low": None, "high": None}
    assert format_difference(part) == "+0.500 (no interval)"
    assert format_difference({**part, "low": 0.4, "high": 0.6}) == "+0.500 (+0.40 to +0.60)"
    assert format_difference({**part, "difference": None}) == "-"


def test_views_keep_their_names_and_long_joint_names_have_a_line_per_modality() -> None:
    assert format_view("video_change", 4) == "video_change only"
    assert format_view("audio+text+video+video_change", 4) == "all 4 views as one"
    assert format_view("audio+text+video_change", 4) == "audio+text+video_change as one view"
    assert format_view("audio+physiology+video_change", 4) == "audio+\nphysiology+\nvideo_change as one view"


def test_baselines_of_classes_show_view_names_as_they_are() -> None:
    part = {"mean": 0.5, "low": None, "high": None}
    scores = {"f1": part, "auc": part}
    names = ("video_change_only", "audio_only", "both_as_one_view", "pooled_subjects")
    evaluation = {"scores": scores, "baselines": {name: {"scores": scores} for name in names}}
    labels = list(_baselines_table(evaluation).columns[0].cells)
    assert labels == ["the model", "video_change only", "audio only", "both as one view", "pooled subjects"]


def test_the_covariates_alone_have_a_row_beside_what_views_add_to_the_severity() -> None:
    part = {"difference": 0.5, "low": 0.1, "high": 0.9, "p": 0.01, "mean": 2.5}
    table = _added_table(
        {"views": {"video": {"differences": {"mae": part, "ccc": part}}}}, {"scores": {"mae": part, "ccc": part}}
    )
    assert [list(column.cells) for column in table.columns[:2]] == [
        ["covariates alone", "+ video"],
        ["2.500 (0.10 to 0.90)", "+0.500 (+0.10 to +0.90)"],
    ]
