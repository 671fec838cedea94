"""One row per person from the features of several events."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdmr_classic.features import events as events_module
from pdmr_classic.features.catalog import find_families
from pdmr_classic.features.events import pivot_events
from pdmr_classic.features.names import base_name, list_events, modality_columns
from pdmr_classic.io.layouts.recordings import Recording

SMILE, QUALITY = "video__AU12_r__mean", "quality__stream__coverage"


def make_person(name: str, *events: str) -> Recording:
    return Recording(name, events=tuple((event, Recording(f"{name}_{event}")) for event in events))


def make_features(**columns: dict[str, float]) -> pd.DataFrame:
    return pd.DataFrame(columns).rename_axis("data_id")


@pytest.fixture
def pivoted() -> pd.DataFrame:
    values = {"a_E1": 1.0, "a_E2": 3.0, "a_E10": 8.0, "b_E1": 2.0, "b_E10": 6.0, "c_E2": 5.0}
    features = make_features(**{SMILE: values, QUALITY: dict.fromkeys(values, 0.5) | {"a_E1": 0.2}})
    persons = [make_person("a", "E1", "E10", "E2"), make_person("b", "E1", "E10"), make_person("c", "E2")]
    return pivot_events(features, persons)[0]


@pytest.mark.parametrize(
    ("part", "a", "b", "c"),
    [
        ("events", 4.0, 4.0, 5.0),
        ("spread", 13**0.5, 8**0.5, np.nan),
        ("drift", 3.5, 2.0, np.nan),  # E10 is the third event, not the second
        ("E2-E1", 2.0, np.nan, np.nan),
        ("E10-E1", 7.0, 4.0, np.nan),
        ("E10-E2", 5.0, np.nan, np.nan),
        ("E1", 1.0, 2.0, np.nan),
        ("E2", 3.0, np.nan, 5.0),
        ("E10", 8.0, 6.0, np.nan),
    ],
)
def test_each_part_equals_its_value_by_hand(pivoted: pd.DataFrame, part: str, a: float, b: float, c: float) -> None:
    np.testing.assert_allclose(pivoted[f"{SMILE}@{part}"], [a, b, c])


def test_there_are_no_other_parts(pivoted: pd.DataFrame) -> None:
    assert len(modality_columns(pivoted.columns)["video"]) == 9


def test_quality_is_averaged_under_its_name_and_says_which_events_there_are(pivoted: pd.DataFrame) -> None:
    np.testing.assert_allclose(pivoted[QUALITY], [0.4, 0.5, 0.5])
    assert pivoted["quality__events__n_events"].tolist() == [3, 2, 1]
    assert pivoted["quality__events__present@E2"].tolist() == [1, 0, 1]
    assert list_events(pivoted.columns) == ["E1", "E2", "E10"]


def test_two_events_have_no_drift_because_it_is_their_difference() -> None:
    features = make_features(**{SMILE: {"a_E1": 1.0, "a_E2": 3.0}})
    names = pivot_events(features, [make_person("a", "E1", "E2")])[0].columns
    assert [name for name in names if name.startswith("video")] == [
        f"{SMILE}@{part}" for part in ("events", "spread", "E2-E1", "E1", "E2")
    ]


def test_more_than_four_events_are_compared_with_the_mean_of_the_person() -> None:
    names = [f"Q{number}" for number in range(1, 6)]
    features = make_features(**{SMILE: {f"a_{name}": float(k) for k, name in enumerate(names)} | {"b_Q3": 9.0}})
    table = pivot_events(features, [make_person("a", *names), make_person("b", "Q3")])[0]
    assert [table.loc["a", f"{SMILE}@{name}-mean"] for name in names] == [-2.0, -1.0, 0.0, 1.0, 2.0]
    assert np.isnan(table.loc["b", f"{SMILE}@Q3-mean"])  # a single event does not differ from itself
    assert not any("Q2-Q1" in name for name in table.columns)


def test_a_value_that_needs_a_missing_feature_is_missing() -> None:
    features = make_features(**{SMILE: {"a_E1": np.nan, "a_E2": 3.0}})
    row = pivot_events(features, [make_person("a", "E1", "E2")])[0].iloc[0]
    assert row[f"{SMILE}@events"] == 3.0
    assert row[[f"{SMILE}@{part}" for part in ("spread", "E2-E1", "E1")]].isna().all()


def test_wide_vectors_get_fewer_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "MAX_VECTOR_COLUMNS", 10)
    components = {f"audio__vector__{k:03d}": {"a_E1": 1.0, "a_E2": 2.0, "a_E3": 4.0} for k in range(3)}
    table = pivot_events(make_features(**components, **{SMILE: components["audio__vector__000"]}), [
        make_person("a", "E1", "E2", "E3")
    ])[0]  # fmt: skip
    audio = {name.rpartition("@")[2] for name in table.columns if name.startswith("audio")}
    assert audio == {"events", "spread", "drift"}
    assert f"{SMILE}@E3-E1" in table


def test_pairs_that_do_not_fit_are_replaced_by_differences_from_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "MAX_COLUMNS", 8)
    names = ["E1", "E2", "E3", "E4"]
    features = make_features(**{SMILE: {f"a_{name}": float(k) for k, name in enumerate(names)}})
    table = pivot_events(features, [make_person("a", *names)])[0]
    parts = [name.rpartition("@")[2] for name in table.columns if name.startswith("video")]
    assert parts == ["events", "spread", "drift", *(f"{name}-mean" for name in names)]


def test_a_model_uses_its_own_events_and_tells_of_others() -> None:
    features = make_features(**{SMILE: {"a_E1": 1.0, "a_E2": 3.0}})
    trained = list(pivot_events(features, [make_person("a", "E1", "E2")])[0].columns)
    others = make_features(**{SMILE: {"b_E2": 3.0, "b_E9": 50.0}, "video__new__mean": {"b_E2": 1.0, "b_E9": 1.0}})
    table, findings = pivot_events(others, [make_person("b", "E2", "E9")], trained)
    assert list(table.columns) == trained
    assert table.loc["b", f"{SMILE}@events"] == 3.0
    assert [finding.code for finding in findings] == ["unknown-events"]
    assert findings[0].what == "events unknown to the model are ignored: E9 (1 recording); known: E1, E2"


def test_modalities_of_persons_are_not_taken_for_those_of_recordings() -> None:
    features = make_features(**{SMILE: {"a_E1": 1.0, "a_E2": 3.0}})
    person = [make_person("a", "E1", "E2")]
    trained = list(pivot_events(features, person)[0].columns)
    others = ["covariates__age__value", "video_change__AU12_r__mean@E1"]
    assert list(pivot_events(features, person, [*trained, *others])[0].columns) == trained


def test_kinemes_are_left_out_and_covariances_averaged() -> None:
    rows = {"a_E1": 1.0, "a_E2": 3.0}
    features = make_features(**{"material__covariance__x": rows, "material__kineme__w000_c00": rows})
    table, findings = pivot_events(features, [make_person("a", "E1", "E2")])
    assert table["material__covariance__x"].tolist() == [2.0]
    assert not [name for name in table.columns if "kineme" in name]
    assert [finding.code for finding in findings] == ["no-kinemes"]


def test_a_feature_of_a_person_belongs_to_the_family_of_its_base() -> None:
    names = ["video__AU12_r__share_active", "audio__vector__0017", "video__ch000__velocity_rms"]
    derived = [f"{name}@{part}" for part in ("E2-E1", "drift") for name in names]
    assert find_families(derived) == find_families(names) * 2
    assert [base_name(name) for name in derived] == names * 2
