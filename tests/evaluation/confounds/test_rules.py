"""Rules that make features independent of a recording condition."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdmr_classic.config import Settings
from pdmr_classic.evaluation.confounds.groups import AUDIO_LEVEL, CAMERA, FORMAT, LENGTH
from pdmr_classic.evaluation.confounds.rules import (
    RULES,
    apply_rules,
    centre_positions,
    normalise_vectors,
    round_stream,
    round_vector,
    select_unsolved,
)
from pdmr_classic.features.families.audio import audio_clusters, audio_vector
from pdmr_classic.features.names import feature_name
from pdmr_classic.io.audio.embeddings import NETVLAD_WIDTH, Embedding
from pdmr_classic.io.video.stream import Stream


def make_stream(values: np.ndarray, *channels: str) -> Stream:
    n = len(values)
    return Stream(values.astype(np.float32), channels, np.arange(n) / 30, 30.0, np.ones(n, dtype=bool))


def vector_features(vectors: np.ndarray) -> pd.DataFrame:
    rows = []
    for row in vectors:
        parts = {
            **audio_vector(Embedding(row), Settings().features),
            **audio_clusters(Embedding(row), Settings().features),
        }
        rows.append({feature_name("audio", *key): value for key, value in parts.items()})
    return pd.DataFrame(rows, index=[f"r{k}" for k in range(len(rows))])


def test_rounding_makes_a_precise_stream_equal_to_a_rounded_one() -> None:
    exact = np.random.default_rng(0).normal(size=(50, 2))
    names = ("pose_Rx", "AU12_r")
    rounded = make_stream(np.round(exact, 2), *names)
    repaired = round_stream(make_stream(exact, *names), {"head rotation": 2, "AU intensity": 2})
    np.testing.assert_array_equal(repaired.values, rounded.values)
    one_kind = round_stream(make_stream(exact, *names), {"head rotation": 2})
    assert (one_kind.values[:, 0] == rounded.values[:, 0]).all()
    assert (one_kind.values[:, 1] == exact[:, 1].astype(np.float32)).all()


def test_rounding_of_vectors_is_left_out_if_files_do_not_differ() -> None:
    vector = Embedding(np.array([0.123456]))
    assert round_vector(vector, 2).values.tolist() == [0.12]
    assert round_vector(vector, None) is vector


def test_positions_are_the_same_at_any_distance() -> None:
    position = np.random.default_rng(0).normal(600, 20, size=(60, 1)).round(2)
    near, far = (centre_positions(make_stream(position + shift, "pose_Tz")) for shift in (0, 137.21))
    np.testing.assert_array_equal(near.values, far.values)
    rotation = make_stream(position, "pose_Rx")
    assert (centre_positions(rotation).values == rotation.values).all()


@pytest.mark.parametrize("change", [lambda x: 1.15 * x, lambda x: x + 0.3, lambda x: 0.5 * x - 2])
def test_vectors_of_another_level_become_equal_with_their_clusters(change: object) -> None:
    vectors = np.random.default_rng(0).normal(size=(3, NETVLAD_WIDTH))
    one, other = (normalise_vectors(vector_features(x)) for x in (vectors, change(vectors)))  # type: ignore[operator]
    pd.testing.assert_frame_equal(one, other)
    components = one.filter(like="__netvlad__").to_numpy()
    assert np.linalg.norm(components, axis=1) == pytest.approx(1)
    clusters = one.filter(like="netvlad_cluster").to_numpy()
    assert np.linalg.norm(clusters, axis=1) == pytest.approx(1)


def test_a_missing_vector_stays_missing_and_a_silent_one_becomes_zero() -> None:
    features = vector_features(np.vstack([np.full(NETVLAD_WIDTH, np.nan), np.full(NETVLAD_WIDTH, 0.5)]))
    repaired = normalise_vectors(features)
    assert repaired.iloc[0].isna().all()
    assert (repaired.filter(like="__netvlad__").iloc[1] == 0).all()


def test_without_recordings_only_vectors_have_a_rule() -> None:
    features = vector_features(np.random.default_rng(0).normal(size=(2, NETVLAD_WIDTH)))
    repaired, rules = apply_rules(features, None, [AUDIO_LEVEL, CAMERA, FORMAT, LENGTH], None)
    assert list(rules) == [AUDIO_LEVEL]
    assert not repaired.equals(features)


def test_a_rule_leaves_the_conditions_that_it_does_not_solve() -> None:
    columns = pd.DataFrame(columns=["video/decimals_max", "video/bytes_per_row", "video/first_frame", "video/header=7"])
    assert list(select_unsolved(FORMAT, columns, {FORMAT: ""})) == ["video/first_frame", "video/header=7"]
    assert list(select_unsolved(FORMAT, columns, {})) == list(columns)
    assert list(select_unsolved(AUDIO_LEVEL, pd.DataFrame(columns=["norm"]), {AUDIO_LEVEL: ""})) == []


def test_decimals_have_a_rule_only_if_rounding_makes_all_files_equal() -> None:
    files = {"video/decimals_of au_intensity": [2, 3], "audio/decimals_max": [3, 3]}
    conditions = pd.DataFrame(files, index=["a", "b"])
    features = pd.DataFrame({"video__AU12_r__mean": [0.1, 0.2]}, index=conditions.index)

    def find_rules(**changes: list[float]) -> dict[str, str]:
        known = conditions.assign(**{f"audio/{name}": values for name, values in changes.items()})
        return apply_rules(features, known, [FORMAT], lambda groups: features)[1]

    assert find_rules() == {FORMAT: RULES[FORMAT]}
    assert find_rules(decimals_max=[3, 6], n_rows=[1, 1]) == {FORMAT: RULES[FORMAT]}
    # Averages of several rows have more decimals than the file.
    assert find_rules(decimals_max=[3, 6], n_rows=[50, 50]) == {}
