"""The dict of an explanation, and its sentences."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from explained_tables import PLANTED, make_table

from pdmr_classic import DepressionModel, Settings, load_dataset
from pdmr_classic.features.catalog import feature_names_by_family
from pdmr_classic.features.names import parse_name
from pdmr_classic.models.feature_ranges import QUANTILES
from pdmr_classic.reporting.explanation._recordings import explain_recordings
from pdmr_classic.reporting.explanation._sentences import (
    Direction,
    compare_with_training,
    describe_feature,
    write_sentences,
)

PERCENTILES = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]


@pytest.fixture(scope="module")
def features(fitted_model: DepressionModel, small_set: Path) -> pd.DataFrame:
    return fitted_model.extract(load_dataset(small_set, split="test")).features


def test_the_dict_adds_up_and_has_no_nan(fitted_model: DepressionModel, features: pd.DataFrame) -> None:
    explanation = explain_recordings(fitted_model, features)
    text = json.dumps(explanation, allow_nan=False)
    assert json.loads(text) == explanation
    assert [recording["data_id"] for recording in explanation["recordings"]] == list(features.index)
    for recording in explanation["recordings"]:
        fixed = recording["base"] + sum(recording["adjustments"].values())
        for parts in (
            recording["by_view"].values(),
            [family["value"] for family in recording["by_family"].values()],
            [recording["rest"], *(feature["contribution"] for feature in recording["features"])],
        ):
            assert fixed + sum(parts) == pytest.approx(recording["log_odds"], abs=1e-6)
        assert len(recording["features"]) == 20
        assert 1 <= len(recording["sentences"]) <= 5
        p = recording["probability"]
        assert np.log(p / (1 - p)) == pytest.approx(recording["log_odds"], abs=1e-6)


def test_without_sampled_members_all_seeds_give_the_same(fitted_model: DepressionModel, features: pd.DataFrame) -> None:
    stability = explain_recordings(fitted_model, features.iloc[:1], seeds=3)["stability"]
    assert (stability["seeds"], stability["rank_correlation"], stability["max_sd"]) == (3, 1.0, 0.0)
    assert "no contribution is sampled" in stability["note"]


def test_recordings_without_usable_data_are_left_out(fitted_model: DepressionModel, features: pd.DataFrame) -> None:
    empty = features.iloc[:2].copy()
    empty.iloc[0] = np.nan
    explanation = explain_recordings(fitted_model, empty)
    assert [recording["data_id"] for recording in explanation["recordings"]] == [features.index[1]]


def test_a_sentence_says_what_was_measured_how_it_compares_and_what_it_counts() -> None:
    contributions = pd.Series(
        {"video__AU12_r__share_active": 0.6, "video__AU12_r__kurtosis": 0.24, "audio__vector__000": -0.3}
    )
    values = {"video__AU12_r__share_active": 0.04, "video__AU12_r__kurtosis": 3.0, "audio__vector__000": 1.0}
    ranges = {"video__AU12_r__share_active": [0.05, 0.06, 0.1, 0.2, 0.3, 0.4, 0.5]}
    assert write_sentences(contributions, values, ranges, Direction("Depression", "Normal")) == [
        "Smiling (AU12) is active 4% of the time, less than in about 95% of training recordings: "
        "0.84 towards Depression.",
        "The voice (the audio vector as a whole): 0.30 towards Normal.",
    ]


def test_if_nothing_counts_a_sentence_says_so() -> None:
    contributions = pd.Series({"video__AU12_r__mean": 0.0})
    sentences = write_sentences(contributions, {"video__AU12_r__mean": 0.1}, {}, Direction("Depression", "Normal"))
    assert sentences == ["No feature changes the answer: it is that of a recording of which nothing is known."]


def test_a_plain_statistic_is_told_unless_another_counts_much_more() -> None:
    names = ["video__pose_Rx__mean", "video__pose_Rx__kurtosis"]
    values = dict.fromkeys(names, 0.1)

    def tell(plain: float, technical: float) -> str:
        return write_sentences(pd.Series([plain, technical], names), values, {}, Direction("Depression", "Normal"))[0]

    assert "mean of 5.7°" in tell(0.3, 0.5)
    assert "kurtosis" in tell(0.2, 0.5)
    # The feature speaks in the direction of its channel.
    assert "kurtosis" in tell(-0.3, 0.5)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.5, "lower than in about 95%"),
        (1.5, "lower than in about 90%"),
        (2.5, "lower than in about 75%"),
        (4.2, "as in the middle half"),
        (5.5, "higher than in about 75%"),
        (6.5, "higher than in about 90%"),
        (7.5, "higher than in about 95%"),
    ],
)
def test_a_value_is_compared_with_the_percentiles_of_training(value: float, expected: str) -> None:
    assert len(PERCENTILES) == len(QUANTILES)
    compared = compare_with_training(value, PERCENTILES)
    assert compared is not None
    assert compared.startswith(expected)


def test_three_percentiles_of_an_older_manifest_say_only_the_side_of_the_median() -> None:
    three = [1.0, 4.0, 7.0]
    assert compare_with_training(3.9, three) == "lower than the median of training recordings"
    assert compare_with_training(4.1, three) == "higher than the median of training recordings"
    assert compare_with_training(7.1, three) == "higher than in about 95% of training recordings"
    assert compare_with_training(4.1, None) is None
    assert compare_with_training(float("nan"), three) is None


def test_equal_percentiles_do_not_make_a_usual_value_unusual() -> None:
    assert compare_with_training(0.0, [0, 0, 0, 0, 0.1, 0.2, 0.3]) == "as in the middle half of training recordings"


def test_every_feature_has_a_sentence_without_raw_names() -> None:
    raw = re.compile(r"__|_r\b|_s\b|_hz|_rms|\bbout|\{|\bnan\b", re.IGNORECASE)
    names = [
        name
        for family, own in feature_names_by_family().items()
        if family not in ("quality", "au_tangent", "kinemes", "face_shape")
        for name in own
    ]
    assert len(names) > 2000
    for name in names:
        functional = parse_name(name).functional
        missing = describe_feature(name, None, PERCENTILES)
        assert "_" not in functional or f"no {functional.replace('_', ' ')} " not in missing
        for clause in (missing, describe_feature(name, 0.5, PERCENTILES)):
            assert not raw.search(clause), name


@pytest.mark.parametrize(
    ("name", "value", "clause"),
    [
        ("video__pose_Ry__velocity_mean", 0.1, "head yaw changes by 5.7°/s on average"),
        ("video__pose_Tz__std", 12.0, "the distance of the head from the camera has a standard deviation of 12.0 mm"),
        ("video__head_translation__path_per_min", 340.0, "head translation covers a path of 340 mm/min"),
        ("video__face_mouth__speed_mean", 0.25, "movement of the mouth has a mean speed of 0.25 face sizes per second"),
        ("video__AU06_AU12__share_together", 0.1, "smiling with raised cheeks (AU06 and AU12) takes 10% of the time"),
        ("video__gaze_0_z__mean", -0.9, "the z component of the gaze vector of eye 0 has a mean of -0.9"),
        ("video__gaze__deviation", 0.1, "gaze deviates from its mean direction by 5.7° (root mean square)"),
        ("video__AU10_r__decay_s", None, "raising the upper lip (AU10) has no decay time of its autocorrelation that"),
        ("video__AU10_r__std_5s_std", None, "raising the upper lip (AU10) has no variation of the standard deviation"),
        ("video__AU04_r__mean", 1.2, "lowering the brows (AU04) has a mean of 1.2 on the scale from 0 to 5"),
        ("video__AU15_c__onsets_per_min", 3.0, "pulling the lip corners down (AU15) starts 3.0 times per minute"),
        ("video__AU25_r__active_mean", None, "parting the lips (AU25) is never active"),
        ("video__blink__per_min", 14.2, "blinking occurs 14.2 times per minute"),
        ("video__gaze__share_down", 0.3, "gaze is directed downwards 30% of the time"),
        ("video__head__share_back", 0.02, "the head leans back 2% of the time"),
        ("video__AU01_r__power_1_3hz", -12.0, "raising the inner brows (AU01) has no power at 1 to 3 Hz"),
        ("video__AU07_r__std_5s_mean", 0.4, "tightening the lids (AU07) has, within windows of 5 s, a mean standard"),
        ("video__AU12_r__mean@E1", 0.4, "smiling (AU12) has a mean of 0.4 on the scale from 0 to 5, in event E1"),
        ("video_change__AU12_r__mean", 0.4, "smiling (AU12), compared with the resting state of this person, has"),
        ("eeg__Cz__std", 2.0, "Cz (eeg) has a standard deviation of 2.0"),
        ("covariates__age", 44.0, "the covariate age is 44.0"),
        ("mine", 2.0, "mine (all) is 2.0"),
        ("video__kineme__03", 0.1, "the mix of elementary head movements (kinemes)"),
        ("joined__variate_first__1", 0.1, "what the modalities have in common (joined view)"),
        ("text__vector__003", 0.1, "the text vector as a whole"),
    ],
)  # fmt: skip
def test_features_are_said_in_plain_words_with_units(name: str, value: float | None, clause: str) -> None:
    assert describe_feature(name, value, None).startswith(clause)


@pytest.mark.parametrize(
    ("direction", "contribution", "said"),
    [
        (Direction("Depression", "Normal"), 0.5, "0.50 towards Depression"),
        (Direction("Depression", "Normal"), -0.5, "0.50 towards Normal"),
        (Direction("mild"), -0.5, "0.50 against mild"),
        (Direction("score"), -0.5, "lowers the score by 0.50"),
    ],
)
def test_a_contribution_speaks_for_a_class_or_a_score(direction: Direction, contribution: float, said: str) -> None:
    assert direction.say(contribution) == said


def test_several_classes_have_relative_log_probabilities_and_limits_are_explained() -> None:
    table, status, groups = make_table(n_classes=3)
    learning = {"learners": ["linear"], "trials": 1, "repeats": 1, "folds": 2, "importance": False}
    settings = Settings().override({f"learning.{key}": value for key, value in learning.items()})
    table[PLANTED] += 20 * (status == "level 2")
    model = DepressionModel(settings).fit(table, status, groups)
    explanation = explain_recordings(model, 3 * table)
    assert explanation["unit"] == "relative log-probability"
    assert "its log-probability minus the mean over classes" in explanation["method"][0]
    adjustments = [recording["adjustments"] for recording in explanation["recordings"]]
    assert {} in adjustments
    assert max(abs(own.get("limits", 0.0)) for own in adjustments) > 0.1
    assert any(sentence.startswith("Limits: ") for sentence in explanation["method"])


def test_a_channel_without_words_keeps_its_name() -> None:
    contributions = pd.Series({"video__ch003__mean": 0.5})
    sentences = write_sentences(contributions, {"video__ch003__mean": 2.0}, {}, Direction("PEN"))
    assert sentences == ["ch003 has a mean of 2.0: 0.50 towards PEN."]
