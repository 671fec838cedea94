"""Extraction: independent of file format and process count; no recording is dropped silently."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streams import FULL

from pdmr_classic import Settings
from pdmr_classic.errors import DataError, Finding, summarise_findings
from pdmr_classic.features import extractor
from pdmr_classic.features._jobs import make_jobs
from pdmr_classic.features.exclusions import NO_EXCLUSIONS
from pdmr_classic.features.extractor import Extraction, FeatureExtractor
from pdmr_classic.features.file_features import compute_stream_row, compute_vector_row
from pdmr_classic.features.registry import load_families
from pdmr_classic.io.dataset import Dataset, load_dataset
from pdmr_classic.io.view_files import STREAM
from pdmr_classic.progress import LogReporter


def make_video(seed: int, n: int = 180) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    walk = np.round(np.cumsum(rng.normal(0, 0.2, (n, len(FULL))), axis=0), 3)
    table = pd.DataFrame(walk, columns=list(FULL))
    for name in FULL:
        if name.startswith("AU"):
            table[name] = (table[name] > 0.5).astype(float) if name.endswith("_c") else table[name].abs().round(2)
    clock = pd.DataFrame({"frame": np.arange(1, n + 1), "timestamp": np.round(np.arange(n) / 30, 3)})
    return pd.concat([clock, pd.DataFrame({"confidence": np.full(n, 0.98), "success": 1}), table], axis=1)


def make_audio(seed: int, width: int = 768) -> str:
    return ",".join(f"{x:.6f}" for x in np.random.default_rng(seed).normal(size=width)) + "\n"


def write_video(folder: Path, data_id: str, text: str | None = None, seed: int = 0) -> Path:
    path = folder / "video" / f"{data_id}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(make_video(seed).to_csv(index=False) if text is None else text)
    return path


def write_audio(folder: Path, data_id: str, text: str | None = None, seed: int = 0) -> Path:
    path = folder / "audio" / f"{data_id}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(make_audio(seed) if text is None else text)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three recordings: one with both modalities, one with only video, one with only audio."""
    folder = tmp_path / "test"
    write_video(folder, "001", seed=1)
    write_video(folder, "002", seed=2)
    write_audio(folder, "001", seed=1)
    write_audio(folder, "003", seed=3)
    return folder


def dataset(folder: Path) -> Dataset:
    return load_dataset(folder)


def extract(folder: Path, **options: object) -> Extraction:
    return FeatureExtractor(**options).extract(dataset(folder))  # type: ignore[arg-type]


def test_each_recording_has_one_row_that_combines_its_file_rows(folder: Path) -> None:
    table = extract(folder).require_features()
    assert table.index.tolist() == ["001", "002", "003"]
    assert table.index.name == "data_id"
    families = FeatureExtractor()._select_families()
    expected = compute_stream_row(
        folder / "video" / "002.csv", Settings(), tuple(f for f in families if f.view != "audio")
    )
    np.testing.assert_array_equal(table.loc["002", list(expected.names)], expected.values)
    expected = compute_vector_row(
        folder / "audio" / "003.csv", Settings(), tuple(f for f in families if f.view == "audio")
    )
    np.testing.assert_array_equal(table.loc["003", list(expected.names)], expected.values)


def test_features_of_a_missing_modality_are_nan(folder: Path) -> None:
    table = extract(folder).require_features()
    is_audio = table.columns.str.startswith("audio__")
    assert table.loc["002", is_audio].isna().all()
    assert table.loc["003", ~is_audio].isna().all()
    assert table.loc["001", is_audio].notna().all()
    assert table.loc["001", "video__AU12_r__mean"] > 0


def test_quality_columns_come_last(folder: Path) -> None:
    views = [name.split("__")[0] for name in extract(folder).features]
    assert views == sorted(views, key=["video", "audio", "quality"].index)


def variants() -> dict[str, str]:
    table = make_video(1)
    plain = table.to_csv(index=False)
    head, body = plain.split("\n", 1)
    shuffled = table[list(np.random.default_rng(0).permutation(table.columns))]
    return {
        "blanks": head.replace(",", ", ") + "\n" + body.replace(",", ", "),
        "order": shuffled.to_csv(index=False),
        "reversed": table[table.columns[::-1]].to_csv(index=False),
        "quotes": table.to_csv(index=False, quoting=1),
        "semicolons": table.to_csv(index=False, sep=";"),
        "byte order mark": "\ufeff" + plain,
        "line ends": plain.replace("\n", "\r\n"),
        "unused columns": table.assign(p_12=table["pose_Rx"], X_3=1.0).to_csv(index=False),
    }


@pytest.mark.parametrize("variant", variants())
def test_features_do_not_depend_on_the_format_of_the_header(folder: Path, variant: str) -> None:
    expected = extract(folder).require_features()
    (folder / "video" / "001.csv").write_text(variants()[variant], newline="")
    table = extract(folder).require_features()
    assert set(table.columns) == set(expected.columns)
    # The column order affects the order of summation, and with it the last digits.
    pd.testing.assert_frame_equal(table[expected.columns], expected, rtol=1e-5, atol=1e-6)


def test_a_subset_of_the_columns_gives_the_features_of_these_columns(folder: Path) -> None:
    expected = extract(folder).require_features()
    names = ["timestamp", "confidence", "AU12_r", "pose_Rx", "AU12_c"]
    (folder / "video" / "001.csv").write_text(make_video(1)[names].to_csv(index=False))
    table = extract(folder).require_features()
    columns = [name for name in expected if name.split("__")[1] in ("AU12_r", "AU12_c", "pose_Rx")]
    pd.testing.assert_series_equal(table.loc["001", columns], expected.loc["001", columns], rtol=1e-6)
    assert table.loc["001", [name for name in expected if "__AU01_r__" in name]].isna().all()


@pytest.mark.slow
def test_features_do_not_depend_on_the_number_of_processes(small_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extractor, "_BYTES_PER_WORKER", 1)
    data = load_dataset(small_set, split="train")
    serial, parallel = (FeatureExtractor(jobs=jobs).extract(data) for jobs in (1, 2))
    pd.testing.assert_frame_equal(parallel.features, serial.features, check_exact=True)
    assert (parallel.errors, parallel.findings) == (serial.errors, serial.findings)


def test_a_small_set_is_read_without_workers(folder: Path) -> None:
    kinds = {"video": STREAM}
    jobs = make_jobs(dataset(folder), tuple(load_families().values()), Settings(), kinds, {}, NO_EXCLUSIONS)
    assert len(jobs) > 1
    assert FeatureExtractor(jobs=2)._count_workers(jobs) == 1


def test_every_unreadable_file_is_listed_and_its_features_are_nan(folder: Path) -> None:
    write_video(folder, "002", "timestamp,AU12_r\n0.0,smile\n0.04,1\n")
    write_audio(folder, "003", "")
    result = extract(folder)
    assert [finding.file.name for finding in result.errors if finding.file] == ["002.csv", "003.csv"]
    assert result.features.index.tolist() == ["001", "002", "003"]
    assert result.features.loc[["002", "003"]].isna().all(axis=None)
    assert result.features.loc["001"].notna().any()
    with pytest.raises(DataError, match=r"(?s)002\.csv.*003\.csv"):
        result.require_features()
    with pytest.raises(DataError, match=r"002\.csv"):
        FeatureExtractor().fit_transform(dataset(folder))


def test_a_set_of_unreadable_files_has_no_features(folder: Path) -> None:
    for path in folder.rglob("*.csv"):
        path.write_text("")
    result = extract(folder)
    assert len(result.errors) == 4
    assert result.features.shape == (3, 0)


def test_an_audio_vector_of_a_different_width_is_rejected(folder: Path) -> None:
    write_audio(folder, "002", seed=2)
    write_audio(folder, "003", make_audio(3, width=512))
    result = extract(folder)
    (finding,) = result.errors
    assert finding.code == "odd-width"
    assert finding.file == folder / "audio" / "003.csv"
    assert not [name for name in result.features if name.startswith("audio__vector")]
    with pytest.raises(DataError, match="audio vector has the wrong length"):
        result.require_features()


def test_audio_components_are_aligned_by_their_names(folder: Path) -> None:
    write_audio(folder, "001", "loud,F0,mfcc__sma[1]\n1.5,200,-3\n")
    write_audio(folder, "003", "F0,mfcc__sma[1],loud\n210,-4,2.5\n")
    table = extract(folder).require_features()
    expected = {
        "audio__vector__loud": [1.5, 2.5],
        "audio__vector__F0": [200, 210],
        "audio__vector__mfcc_sma[1]": [-3, -4],
    }
    assert table.loc[["001", "003"], list(expected)].to_dict("list") == expected
    assert [name for name in table if name.startswith("audio__") and name not in expected] == []


@pytest.mark.parametrize("text", ["loud,hnr\n2.5,12\n", "2.5,210\n"], ids=["other names", "no names"])
def test_audio_components_that_cannot_be_matched_are_rejected(folder: Path, text: str) -> None:
    for data_id in ("001", "002"):
        write_audio(folder, data_id, "loud,F0\n1.5,200\n")
    write_audio(folder, "003", text)
    (finding,) = extract(folder).errors
    assert (finding.code, finding.file) == ("odd-names", folder / "audio" / "003.csv")


def test_recordings_do_not_affect_each_other(folder: Path) -> None:
    expected = extract(folder).require_features()
    write_video(folder, "002", seed=99)
    write_audio(folder, "003", seed=99)
    pd.testing.assert_series_equal(extract(folder).require_features().loc["001"], expected.loc["001"], check_exact=True)


def test_findings_give_their_file_or_the_number_of_files(folder: Path) -> None:
    for data_id in ("001", "002"):
        write_video(folder, data_id, make_video(1).drop(columns="timestamp").to_csv(index=False))
    findings = [finding for finding in extract(folder).findings if finding.code == "no-frame-rate"]
    assert [finding.file for finding in findings] == [folder / "video" / f"{k}.csv" for k in ("001", "002")]
    (counted,) = summarise_findings(findings)
    assert counted.file is None
    assert "(2 files)" in counted.what


def test_findings_that_differ_by_more_than_a_number_are_counted_apart() -> None:
    findings = [
        Finding("dropped", what, file)
        for file in ("1.csv", "2.csv")
        for what in (f"{file[0]} rows ignored: no face", "2 rows ignored: no voice", "3 rows ignored: no voice")
    ]
    assert [finding.what for finding in summarise_findings(findings)] == [
        "1 rows ignored: no face (2 files)",
        "2 rows ignored: no voice (2 files)",
    ]


def test_settings_of_reading_are_used(folder: Path) -> None:
    write_video(folder, "001", make_video(1).assign(confidence=0.6).to_csv(index=False))
    assert np.isnan(extract(folder).features.loc["001", "video__AU12_r__mean"])
    low = Settings().override({"reading.min_confidence": 0.5})
    assert extract(folder, settings=low).features.loc["001", "video__AU12_r__mean"] > 0


def test_progress_ends_at_all_files(folder: Path) -> None:
    steps = []

    class RecordingReporter(LogReporter):
        def progress(self, stage: str, done: int, total: int) -> None:
            steps.append((done, total))

    extract(folder, reporter=RecordingReporter())
    assert (steps[0], steps[-1]) == ((0, 4), (4, 4))
