"""Activity of action units: patterns whose shares, bouts and pairs can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from streams import NAN, channel_features, features, make_stream


def parse_pattern(pattern: str, high: float = 1.0, low: float = 0.0) -> list[float]:
    return [high if mark == "#" else NAN if mark == "?" else low for mark in pattern]


def compute(
    pattern: str, channel: str = "AU12_c", rate: float = 10.0, high: float = 1.0, **options: object
) -> dict[str, float]:
    stream = make_stream({channel: parse_pattern(pattern, high)}, rate=rate, **options)  # type: ignore[arg-type]
    return channel_features(stream, "au_activation", channel)


def test_a_pattern_by_hand() -> None:
    result = compute("..##..####..........")
    assert result["share_active"] == pytest.approx(6 / 20)
    assert result["onsets_per_min"] == pytest.approx(2 / (19 / 10 / 60))
    assert [result[f"bout_{name}_s"] for name in ("mean", "max", "std")] == pytest.approx([0.3, 0.4, 0.1])


def test_presence_has_no_intensity() -> None:
    assert "active_mean" not in compute("..##")
    assert "active_mean" in compute("..##", "AU12_r")


def test_intensities_of_at_least_1_are_active() -> None:
    stream = make_stream({"AU12_r": [0.0, 0.99, 1.0, 3.0, 0.0, 2.0]}, rate=10)
    result = channel_features(stream, "au_activation", "AU12_r")
    assert result["share_active"] == pytest.approx(0.5)
    assert result["active_mean"] == pytest.approx(2.0)
    assert result["bout_mean_s"] == pytest.approx(0.15)


def test_activity_at_the_start_is_a_bout_but_not_an_onset() -> None:
    result = compute("##..")
    assert result["onsets_per_min"] == 0.0
    assert result["bout_mean_s"] == pytest.approx(0.2)


def test_a_gap_longer_than_200_ms_ends_a_bout_and_is_not_an_onset() -> None:
    result = compute("##???##.")
    assert result["share_active"] == pytest.approx(4 / 5)
    assert result["bout_mean_s"] == pytest.approx(0.2)
    assert result["onsets_per_min"] == 0.0


def test_an_onset_hidden_by_a_gap_longer_than_200_ms_is_not_counted() -> None:
    assert compute(".???##..")["onsets_per_min"] == 0.0
    assert compute("..##..")["onsets_per_min"] == pytest.approx(1 / (5 / 10 / 60))


@pytest.mark.parametrize(
    ("lost", "complete"),
    [("..#?#.##", "..###.##"), ("..#??#..", "..####.."), (".#??.#..", ".##..#.."), ("??##..#?", "####..##")],
)
def test_a_gap_of_at_most_200_ms_belongs_to_the_bout_around_it(lost: str, complete: str) -> None:
    assert compute(lost) == pytest.approx(compute(complete), nan_ok=True)


def test_a_unit_that_is_never_active_has_a_share_of_0_and_no_durations() -> None:
    result = compute("......", "AU12_r")
    assert (result["share_active"], result["onsets_per_min"]) == (0.0, 0.0)
    assert np.isnan([result[name] for name in ("bout_mean_s", "bout_max_s", "bout_std_s", "active_mean")]).all()


def test_one_bout_has_no_standard_deviation() -> None:
    assert np.isnan(compute(".##...")["bout_std_s"])


def test_without_usable_frames_all_features_are_nan() -> None:
    assert np.isnan(list(compute("????", "AU12_r").values())).all()
    assert np.isnan(list(compute("####", valid=[0, 0, 0, 0]).values())).all()


def compute_together(**patterns: str) -> dict[str, float]:
    stream = make_stream({name: parse_pattern(pattern) for name, pattern in patterns.items()})
    return {name.removeprefix("video__"): value for name, value in features(stream, "au_together").items()}


def test_pairs_of_units_by_hand() -> None:
    result = compute_together(
        AU06_c="####....",
        AU12_c="..####..",
        AU01_c="#.#.#.#.",
        AU04_c="####....",
        AU15_c="........",
        AU17_c="########",
    )
    assert result["AU06_AU12__share_together"] == 2 / 8
    assert result["AU01_AU04__share_together"] == 2 / 8
    assert result["AU15_AU17__share_together"] == 0.0
    assert result["AU12_AU06__share_without"] == 2 / 8
    assert result["AU__n_active"] == pytest.approx((4 + 4 + 4 + 4 + 0 + 8) / 8)


def test_entropy_is_1_for_even_activity_and_0_for_a_single_unit() -> None:
    assert compute_together(AU06_c="##..", AU12_c="..##")["AU__entropy"] == pytest.approx(1.0)
    assert compute_together(AU06_c="##..", AU12_c="....")["AU__entropy"] == pytest.approx(0.0)
    p = np.array([0.75, 0.25])
    uneven = compute_together(AU06_c="###.", AU12_c="...#")["AU__entropy"]
    assert uneven == pytest.approx(-(p * np.log(p)).sum() / np.log(2))


def test_a_face_without_activity_has_no_entropy() -> None:
    assert np.isnan(compute_together(AU06_c="....", AU12_c="....")["AU__entropy"])


def test_a_missing_unit_makes_its_pairs_nan() -> None:
    result = compute_together(AU06_c="##..", AU12_c="????", AU01_c="....")
    assert np.isnan(result["AU06_AU12__share_together"])
    assert np.isnan(result["AU12_AU06__share_without"])
    assert np.isnan(result["AU01_AU04__share_together"])


def test_presence_is_preferred_to_intensity() -> None:
    units = {"AU06_r": [0.0, 0.0, 5.0, 5.0], "AU06_c": [1.0, 1.0, 0.0, 0.0], "AU12_r": [2.0, 2.0, 0.0, 0.0]}
    assert features(make_stream(units), "au_together")["video__AU06_AU12__share_together"] == 0.5


def test_a_stream_without_units_has_no_action_unit_features() -> None:
    stream = make_stream({"pose_Rx": [0.0, 1.0]})
    assert features(stream, "au_together", "au_activation") == {}
