"""Change from baseline: from the subject's own recordings only, and without a trace of who is a baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import FeatureExtractor, Settings, fit, load_dataset
from pdmr_classic.errors import ConfigError
from pdmr_classic.evaluation.baselines import drop_modality, select_shortcut_features
from pdmr_classic.features._baseline_change import add_baseline_change
from pdmr_classic.features.catalog import find_families
from pdmr_classic.features.names import feature_view, modality_columns
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.layouts.recordings import Recording
from pdmr_classic.progress import CollectingReporter

SUPPRESS = Settings().override({"learning.suppress_identity": True})
N_SUBJECTS, N_SESSIONS = 12, 3


def make_study(n_subjects: int = N_SUBJECTS, **columns: Any) -> tuple[pd.DataFrame, Dataset]:
    """Return features with missing audio in two recordings, and a data set with sessions 1 to 3 of each subject."""
    rng = np.random.default_rng(0)
    ids = pd.Index([f"r{place:02d}" for place in range(n_subjects * N_SESSIONS)], name="data_id")
    subject = np.repeat(np.arange(n_subjects), N_SESSIONS)
    names = ["video__AU12_r__mean", "video__AU04_r__std", "audio__netvlad__000", "quality__stream__coverage"]
    features = pd.DataFrame(rng.normal(size=(len(ids), 4)) + subject[:, None], index=ids, columns=names)
    features["material__kineme__00"] = 1.0
    features.loc[["r00", "r05"], "audio__netvlad__000"] = np.nan
    table = {"status": np.where(subject % 2 == 1, "Depression", "Normal"), "session": np.tile(list("123"), n_subjects)}
    labels = pd.DataFrame({**table, **columns}, index=ids, dtype=object)
    groups = pd.Series([f"S{number:02d}" for number in subject], index=ids)
    recordings = tuple(Recording(data_id) for data_id in ids)
    return features, Dataset(Path("set"), recordings, labels, groups, groups_source="column")


def split_change(features: pd.DataFrame) -> pd.DataFrame:
    return features[[name for name in features if feature_view(name).endswith("_change")]]


def test_the_change_is_the_difference_to_the_subject_s_baseline_and_the_level_stays() -> None:
    features, data = make_study()
    table, findings = add_baseline_change(features, data, SUPPRESS)
    pd.testing.assert_frame_equal(table[features.columns], features)
    change = table["video_change__AU12_r__mean"]
    assert change["r04"] == pytest.approx(features.loc["r04", "video__AU12_r__mean"] - features.iloc[3, 0])
    assert "24 recordings of 12 subjects have it; the 12 recordings of 12 subjects at baseline" in findings[0].what
    assert len(findings) == 1


def test_the_baseline_is_the_mean_of_all_recordings_of_the_first_session() -> None:
    features, data = make_study(session=["1", "1", "2"] * N_SUBJECTS)
    change = add_baseline_change(features, data, SUPPRESS)[0]["video_change__AU12_r__mean"]
    level = features["video__AU12_r__mean"]
    assert change["r02"] == pytest.approx(level["r02"] - (level["r00"] + level["r01"]) / 2)
    assert change[["r00", "r01"]].isna().all()


def test_only_modalities_of_learners_have_a_change_and_hidden_columns_stay_last() -> None:
    features, data = make_study()
    features["covariates__age__value"] = 30.0
    table, _ = add_baseline_change(features, data, SUPPRESS)
    assert list(modality_columns(table.columns)) == ["video", "audio", "covariates", "video_change", "audio_change"]
    assert [feature_view(name) for name in table.columns[-2:]] == ["quality", "material"]


def test_a_baseline_has_no_value_by_which_it_could_be_recognised() -> None:
    features, data = make_study()
    table, _ = add_baseline_change(features, data, SUPPRESS)
    is_baseline = (data.labels["session"] == "1").to_numpy()
    change = split_change(table)
    assert change[is_baseline].isna().all(axis=None)
    assert change[~is_baseline].notna().any(axis=1).all()
    assert not (change == 0).any(axis=None)
    # Levels are the same bits as without baselines: nothing else can tell.
    pd.testing.assert_frame_equal(table[features.columns], features, check_exact=True)


def test_a_modality_that_is_missing_at_baseline_or_now_has_no_change() -> None:
    features, data = make_study()
    change = add_baseline_change(features, data, SUPPRESS)[0]["audio_change__netvlad__000"]
    # Subject S00 has no audio at baseline, S01 none in its last session.
    assert change[["r01", "r02", "r05"]].isna().all()
    assert np.isfinite(change["r04"])


def test_the_change_of_a_subject_does_not_depend_on_other_subjects() -> None:
    features, data = make_study()
    table, _ = add_baseline_change(features, data, SUPPRESS)
    alone = data.groups == "S03"
    single, _ = add_baseline_change(features[alone], data.subset(alone), SUPPRESS)
    pd.testing.assert_frame_equal(single, table[alone], check_exact=True)


def test_neither_labels_nor_scores_play_a_part_in_the_change() -> None:
    features, data = make_study()
    shuffled = data.labels.assign(status=data.labels["status"].to_numpy()[::-1])
    again = Dataset(data.folder, data.recordings, shuffled, data.groups, groups_source="column")
    pd.testing.assert_frame_equal(
        add_baseline_change(features, data, SUPPRESS)[0], add_baseline_change(features, again, SUPPRESS)[0]
    )


def test_the_shortcut_baseline_sees_which_recordings_have_no_change() -> None:
    features, data = make_study()
    table, _ = add_baseline_change(features, data, SUPPRESS)
    columns = select_shortcut_features(table)
    np.testing.assert_array_equal(columns["missing__video_change"] == 1, data.labels["session"] == "1")


def test_a_removed_modality_takes_its_change_along() -> None:
    features, data = make_study()
    table, _ = add_baseline_change(features, data, SUPPRESS)
    without = drop_modality(table, "audio")
    assert without.notna().any().pipe(lambda known: {feature_view(name) for name in known[known].index}) == {
        *("video", "video_change", "quality", "material")
    }
    assert drop_modality(table, "audio_change")["audio__netvlad__000"].notna().any()


def test_a_change_belongs_to_the_family_of_its_level() -> None:
    names = ["video__AU12_r__mean", "audio__netvlad__000", "video__ch000__velocity_rms"]
    changes = ["video_change__AU12_r__mean", "audio_change__netvlad__000", "video_change__ch000__velocity_rms"]
    assert find_families(changes) == find_families(names) == ["distribution", "audio_vector", "dynamics"]


# ---------------------------------------------------------------------------------------- when it is off


@pytest.mark.parametrize("changes", [{}, {"learning.suppress_identity": True, "data.baseline": "none"}])
def test_without_the_options_features_stay_as_they_are(changes: dict[str, Any]) -> None:
    features, data = make_study()
    table, findings = add_baseline_change(features, data, Settings().override(changes))
    assert table is features
    assert findings == []


def test_without_a_column_of_sessions_nothing_is_told() -> None:
    features, data = make_study()
    data = Dataset(data.folder, data.recordings, data.labels[["status"]], data.groups, groups_source="column")
    assert add_baseline_change(features, data, SUPPRESS) == (features, [])


def test_a_named_column_needs_no_other_option() -> None:
    features, data = make_study(first=["yes", "", ""] * N_SUBJECTS)
    table, findings = add_baseline_change(features, data, Settings().override({"data.baseline": "first"}))
    assert split_change(table).shape[1] == 3
    assert findings[0].what.startswith("change from baseline, marked in column 'first': 24 recordings")


@pytest.mark.parametrize(
    ("source", "session", "expected"),
    [
        ("recording", list("123"), "there are no subject ids"),
        ("infer", list("123"), "there are no subject ids"),
        ("column", ["1"] * 3, "no subject has a baseline and another recording"),
    ],
)
def test_where_there_can_be_no_change_it_is_off_and_told(source: Any, session: list[str], expected: str) -> None:
    features, data = make_study(session=session * N_SUBJECTS)
    data = Dataset(data.folder, data.recordings, data.labels, data.groups, groups_source=source)
    table, (finding,) = add_baseline_change(features, data, SUPPRESS)
    assert table is features
    assert expected in finding.what


def test_an_unknown_column_is_refused_in_training_and_told_at_prediction() -> None:
    features, data = make_study()
    settings = Settings().override({"data.baseline": "first"})
    with pytest.raises(ConfigError, match="--baseline names a column that is not in the label table"):
        add_baseline_change(features, data, settings)
    table, (finding,) = add_baseline_change(features, data, settings, ["video_change__AU12_r__mean"])
    assert table is features
    assert finding.what.endswith("the label table has no column 'first'")


def test_a_model_without_changes_asks_for_none_at_prediction() -> None:
    features, data = make_study()
    assert add_baseline_change(features, data, SUPPRESS, ["video__AU12_r__mean"]) == (features, [])


def test_recordings_to_predict_without_a_label_table_lack_the_change_with_a_note() -> None:
    features, data = make_study()
    data = Dataset(data.folder, data.recordings)
    table, (finding,) = add_baseline_change(features, data, SUPPRESS, ["video_change__AU12_r__mean"])
    assert table is features
    assert finding.what.endswith("there is no label table")


# ---------------------------------------------------------------------------------------- subjects without


def test_subjects_without_a_baseline_are_counted_and_have_no_change() -> None:
    features, data = make_study(baseline=[*["yes", "", ""] * (N_SUBJECTS - 1), "", "", ""])
    table, findings = add_baseline_change(features, data, SUPPRESS)
    assert findings[-1].what == "3 recordings of 1 subject without a baseline recording have no change from baseline"
    assert split_change(table).iloc[-3:].isna().all(axis=None)


def test_recordings_of_unknown_session_or_subject_are_counted_and_have_no_change() -> None:
    features, data = make_study(session=["1", "2", ""] * N_SUBJECTS)
    data.groups.iloc[:2] = ""
    table, findings = add_baseline_change(features, data, SUPPRESS)
    change = split_change(table)
    assert change.iloc[:3].isna().all(axis=None)
    assert change.loc["r04"].notna().all()
    assert any("have no change from baseline: session or subject unknown" in finding.what for finding in findings)


def test_a_subject_that_starts_later_is_told() -> None:
    features, data = make_study(session=[*["1", "2", "3"] * (N_SUBJECTS - 1), "2", "3", "3"])
    table, findings = add_baseline_change(features, data, SUPPRESS)
    assert np.isfinite(table["video_change__AU12_r__mean"].iloc[-1])
    assert (
        findings[-1].what == "1 recording of 1 subject at baseline are of a later session than the first one of the set"
    )


def test_labels_that_differ_at_baseline_are_warned_of() -> None:
    features, data = make_study(status=["Normal", "Depression", "Depression"] * N_SUBJECTS)
    _, findings = add_baseline_change(features, data, SUPPRESS)
    assert findings[-1].code == "baseline-labels"
    assert "Depression in 0% and 100%" in findings[-1].what


def test_labels_of_subjects_do_not_differ_at_baseline() -> None:
    features, data = make_study()
    assert "baseline-labels" not in [finding.code for finding in add_baseline_change(features, data, SUPPRESS)[1]]


# ------------------------------------------------------------------------------------------- extraction


def load_sessions(folder: Path, split: str, made: Path) -> Dataset:
    """Return a split, with the number of the recording within its subject as session."""
    labels = pd.read_csv(folder / split / "labels.csv", dtype=str)
    labels["session"] = (labels.groupby("subject_id").cumcount() + 1).astype(str)
    labels.to_csv(made / f"{split}.csv", index=False)
    return load_dataset(folder, split=split, labels=made / f"{split}.csv")


def test_the_extractor_adds_the_change_and_tells_it_once(small_set: Path, tmp_path: Path) -> None:
    data = load_sessions(small_set, "train", tmp_path)
    plain = FeatureExtractor().transform(data)
    extraction = FeatureExtractor(SUPPRESS).extract(data)
    assert sum("change from baseline" in finding.what for finding in extraction.findings) == 1
    pd.testing.assert_frame_equal(extraction.features[plain.columns], plain, check_exact=True)
    n_changes = split_change(extraction.features).shape[1]
    assert n_changes == sum(map(len, modality_columns(plain.columns).values()))
    assert not [name for name in extraction.features if "session" in name]


def test_a_model_predicts_from_the_change_where_the_label_table_tells_it(
    small_set: Path, tmp_path: Path, quick_settings: Settings
) -> None:
    data = load_sessions(small_set, "train", tmp_path)
    model = fit(data, settings=quick_settings.override({"learning.suppress_identity": True}))
    assert {"video_change", "audio_change"} <= set(map(feature_view, model.feature_names_))
    told = CollectingReporter()
    with_change = model.predict(load_sessions(small_set, "test", tmp_path), reporter=told)
    assert "no-baseline" not in [finding.code for finding in told.findings]
    without = model.predict(load_dataset(small_set / "test"), reporter=told)
    assert "no-baseline" in [finding.code for finding in told.findings]
    assert with_change["probability"].notna().all()
    assert without["probability"].notna().all()
    assert (with_change["probability"] != without["probability"]).any()
