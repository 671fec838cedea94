"""Nuisance groups: which recording conditions each of them holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdmr_classic.errors import ConfigError
from pdmr_classic.evaluation.confounds.audit import fill_unknown
from pdmr_classic.evaluation.confounds.groups import (
    AUDIO_LEVEL,
    CAMERA,
    FORMAT,
    LENGTH,
    ORDER,
    RESTING,
    TRACKING,
    NuisanceGroup,
    check_nuisance_columns,
    make_nuisance_groups,
)

N = 12
INDEX = pd.Index([f"S{number}_a{number * 10}" for number in range(N)], name="data_id")


def features(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    names = [
        *(f"video__{name}" for name in ("AU12_r__p05", "AU04_r__p05", "AU12_r__mean", "pose_Tz__p50", "pose_Rx__p50")),
        *(f"audio__vector__{k:03d}" for k in range(5)),
        *(f"quality__stream__{name}" for name in ("duration_s", "frame_rate_hz", "coverage")),
    ]
    return pd.DataFrame(rng.normal(size=(N, len(names))), index=INDEX, columns=names)


def conditions() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    names = ("confidence_mean", "face_size", "decimals_max", "first_frame")
    table = pd.DataFrame({f"video/{name}": rng.normal(size=N) for name in names}, index=INDEX)
    return table.assign(**{"video/header": [1e9, 2e9] * (N // 2)})


def make(table: pd.DataFrame, known: pd.DataFrame | None = None, **labels: list[object]) -> dict[str, NuisanceGroup]:
    groups = make_nuisance_groups(table, pd.DataFrame(labels, index=INDEX, dtype=str), known, list(labels))
    return {group.name: group for group in groups}


def test_every_condition_is_in_one_group() -> None:
    groups = make(features(), conditions())
    columns = {name: list(group.columns) for name, group in groups.items()}
    assert columns[LENGTH] == ["quality__stream__duration_s", "quality__stream__frame_rate_hz"]
    assert columns[TRACKING] == ["quality__stream__coverage", "video/confidence_mean"]
    assert columns[CAMERA] == ["video__pose_Tz__p50", "video/face_size"]
    assert columns[RESTING] == ["AU floor, mean", "AU floor, lowest", "AU floor, highest"]
    assert columns[FORMAT][:2] == ["video/decimals_max", "video/first_frame"]
    assert all(name.startswith("video/header=") for name in columns[FORMAT][2:])
    assert columns[ORDER] == ["position", "first number", "last number"]


@pytest.mark.parametrize(
    ("group", "column", "change"),
    [
        (AUDIO_LEVEL, "norm", lambda vectors: vectors * 1.15),
        (AUDIO_LEVEL, "mean", lambda vectors: vectors + 0.5),
        (AUDIO_LEVEL, "silence", lambda vectors: vectors * 0),
        (AUDIO_LEVEL, "share of zeros", lambda vectors: vectors.where(vectors > 0, 0.0)),
    ],
)
def test_the_audio_level_shows_how_a_vector_was_changed(group: str, column: str, change: object) -> None:
    table = features()
    names = [name for name in table if name.startswith("audio")]
    changed = table.copy()
    changed.loc[INDEX[:6], names] = change(table.loc[INDEX[:6], names])  # type: ignore[operator]
    before, after = (make(part)[group].columns.reindex(columns=[column], fill_value=0.0) for part in (table, changed))
    differs = (before != after)[column]
    assert differs[:6].all()
    assert not differs[6:].any()


def test_a_recording_without_a_modality_differs_in_no_other_group() -> None:
    table = features()
    table.loc[INDEX[0], [name for name in table if name.startswith("audio")]] = np.nan
    groups = make(table)
    assert "missing__audio" in groups[TRACKING].columns
    assert groups[TRACKING].columns["missing__audio"].tolist() == [1.0] + [0.0] * (N - 1)
    level = groups[AUDIO_LEVEL].columns
    norm = fill_unknown(level.to_numpy(), np.arange(1, N))[:, list(level).index("norm")]
    assert norm[0] == np.median(norm[1:])


def test_unknown_conditions_become_the_median_of_the_training_rows_only() -> None:
    X = np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, 5.0], [100.0, 7.0]])
    assert fill_unknown(X, np.array([0, 1])).tolist() == [[1, 0], [3, 0], [2, 5], [100, 7]]


def test_groups_without_measurements_and_constant_groups_say_so() -> None:
    table = features()[["audio__vector__000", "audio__vector__001"]].assign(quality__stream__duration_s=3.0)
    groups = make(table)
    assert groups[CAMERA].problem == groups[FORMAT].problem == "could not look: nothing is known about it"
    assert groups[LENGTH].problem == "constant in all recordings"
    assert not groups[AUDIO_LEVEL].problem


def test_label_columns_are_numbers_or_categories() -> None:
    groups = make(features(), site=["A", "B", ""] * 4, age=[str(20 + k) for k in range(N - 1)] + [""])
    assert list(groups["column site"].columns) == ["site=A", "site=B", "site="]
    age = groups["column age"].columns
    assert age["age"].iloc[:3].tolist() == [20, 21, 22]
    assert np.isnan(age["age"].iloc[-1])
    assert age["age="].tolist() == [0] * (N - 1) + [1], "that it is missing may be the confound"


def test_a_few_numbers_are_categories() -> None:
    site = make(features(), site=["1", "2", "3"] * 4)["column site"].columns
    assert sorted(site.columns) == ["site=1", "site=2", "site=3"]


def test_a_text_column_with_too_many_values_is_refused() -> None:
    labels = pd.DataFrame({"note": [f"text {k}" for k in range(60)]})
    with pytest.raises(ConfigError, match="--nuisance note has too many values") as caught:
        check_nuisance_columns(labels, ["note"])
    assert caught.value.finding.found == "60"


def test_numbers_in_names_are_compared_as_numbers() -> None:
    order = make(features())[ORDER].columns
    assert order["position"].tolist() == list(range(N)), "S2 comes before S10"
    assert order["last number"].tolist() == [10 * k for k in range(N)]


@pytest.mark.parametrize("name", ["status", "site"])
def test_a_nuisance_column_must_exist_and_not_be_the_label(name: str) -> None:
    with pytest.raises(ConfigError, match="--nuisance names a column"):
        check_nuisance_columns(pd.DataFrame({"status": ["a"], "age": ["1"]}), [name])
