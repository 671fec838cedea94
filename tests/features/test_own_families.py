"""Users' own feature families: names, checks of what they return, cache, catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from own_code import STILLNESS, forget_plugins, own_modules
from pandas.testing import assert_frame_equal
from streams import features, make_stream

from pdmr_classic import FeatureExtractor, Settings, load_dataset, register_family
from pdmr_classic.errors import ConfigError
from pdmr_classic.features import extractor
from pdmr_classic.features.catalog import find_families
from pdmr_classic.features.registry import load_families
from pdmr_classic.reporting.summary import summarise_families

RNG = np.random.default_rng(0)
STREAM = make_stream({"pose_Rx": RNG.normal(size=300), "AU12_r": RNG.random(300), "wrist": RNG.normal(size=300)})
FAMILIES = {"features.families": ("quality", "own")}


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    forget_plugins()


def describe(signal: Any, settings: Any) -> dict[str, Any]:
    """Range of a channel."""
    return {"range": np.ptp(signal.values, axis=0)}


def returns(value: Any) -> Callable[..., Any]:
    def function(data: Any, settings: Any) -> Any:
        """A test."""
        return value

    return function


def test_a_family_of_channels_gives_one_feature_per_channel_and_functional() -> None:
    register_family("own", describe, kinds=["pose", "au_intensity"])
    result = features(STREAM, "own")
    assert list(result) == ["video__pose_Rx__own.range", "video__AU12_r__own.range"]
    assert result["video__AU12_r__own.range"] == pytest.approx(np.ptp(STREAM.values[:, 1]))
    assert find_families(["video__pose_Rx__own.range", "video_change__pose_Rx__own.range@E1", "x"]) == [
        *("own", "own", "other")
    ]


def test_families_of_streams_and_vectors_name_their_channels(small_set: Path) -> None:
    @register_family("own", source="stream")
    def length(stream: Any, settings: Any) -> dict[Any, float]:
        """Number of frames."""
        return {("face", "n"): len(stream.values)}

    @register_family("energy", source="vector")
    def energy(vector: Any, settings: Any) -> dict[Any, float]:
        """Norm of the vector."""
        return {("voice", "norm"): np.linalg.norm(vector.values)}

    settings = Settings().override({"features.families": ("own", "energy", "audio_vector")})
    table = FeatureExtractor(settings).transform(load_dataset(small_set, split="test"))
    assert {"video__face__own.n", "audio__voice__energy.norm"} < set(table.columns)
    assert find_families(["audio__voice__energy.norm", "audio__netvlad__001"]) == ["energy", "audio_vector"]


def test_a_family_that_writes_to_its_input_is_an_error_and_changes_nothing() -> None:
    @register_family("own", kinds=["pose"])
    def overwrite(signal: Any, settings: Any) -> dict[str, Any]:
        """Sets its input to 0."""
        signal.values[:] = 0
        return {"mean": signal.values.mean(axis=0)}

    with pytest.raises(ConfigError, match=r"own raised an error(.|\n)*read-only"):
        features(STREAM, "own")
    assert STREAM.values.any(axis=0).all()
    assert STREAM.values.flags.writeable


def test_a_family_is_listed_with_the_built_in_ones() -> None:
    register_family("own", describe, kinds=["pose"])
    (listed,) = [family for family in summarise_families() if family["family"] == "own"]
    assert (listed["count"], listed["summary"], listed["by_default"]) == (6, "Range of a channel.", True)
    assert list(load_families())[-1] == "own"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("spectral", {}, "the name of a feature family is taken"),
        ("two words", {}, "name of a feature family is not valid"),
        ("a__b", {}, "name of a feature family is not valid"),
        ("own", {"kinds": ["arm"]}, "own has unknown kinds of channels"),
        ("own", {"kinds": "pose"}, "own has unknown kinds of channels"),
        ("own", {"source": "file"}, "own has an unknown source"),
    ],
)
def test_a_registration_that_is_not_valid_is_an_error(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        register_family(name, describe, **options)
    assert "own" not in load_families()


def test_a_family_needs_a_docstring() -> None:
    with pytest.raises(ConfigError, match="own has no docstring"):
        register_family("own", lambda signal, settings: {})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2], "own returned no dict(.|\n)*list"),
        ({"range": np.zeros(3)}, r"own returned a wrong shape(.|\n)*shape \[1\](.|\n)*shape \[3\]"),
        ({"range": 1.0}, "own returned a wrong shape"),
        ({"range": ["a"]}, "own returned something other than numbers(.|\n)*'range'"),
        ({"range": [np.inf]}, "own returned an infinite value"),
        ({"a__b": [1.0]}, "own returned a bad name(.|\n)*'a__b'"),
        ({("a", "b"): [1.0]}, "own returned a bad name"),
        ({"": [1.0]}, "own returned a bad name"),
    ],
)
def test_what_a_family_of_channels_must_not_return(value: Any, message: str) -> None:
    register_family("own", returns(value), kinds=["pose"])
    with pytest.raises(ConfigError, match=message):
        features(STREAM, "own")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"n": 1.0}, r"own returned a bad key(.|\n)*pairs \(channel, functional\)"),
        ({("face", "n"): [1.0, 2.0]}, "own returned a wrong shape(.|\n)*a single number"),
        ({("face", "n"): "1"}, "own returned a wrong shape"),
        ({("vector", "n"): 1.0}, "own returned a bad key(.|\n)*hold the vector itself"),
    ],
)
def test_what_a_family_of_streams_must_not_return(value: Any, message: str) -> None:
    register_family("own", returns(value), source="stream")
    with pytest.raises(ConfigError, match=message):
        features(STREAM, "own")


def test_an_error_in_a_family_is_one_message_with_its_name_and_the_file(small_set: Path) -> None:
    @register_family("own")
    def broken(signal: Any, settings: Any) -> dict[str, Any]:
        """A test."""
        raise KeyError("AU99_r")

    extractor = FeatureExtractor(Settings().override(FAMILIES))
    with pytest.raises(ConfigError, match=r"own raised an error\n +where: .*\.csv(.|\n)*KeyError: 'AU99_r'") as info:
        extractor.transform(load_dataset(small_set, split="test"))
    assert len(info.value.findings) == 1


def test_nan_is_a_missing_value_and_a_family_without_any_value_is_reported(small_set: Path) -> None:
    register_family("own", returns({("face", "n"): np.nan}), source="stream")
    extraction = FeatureExtractor(Settings().override(FAMILIES)).extract(load_dataset(small_set, split="test"))
    assert extraction.features["video__face__own.n"].isna().all()
    assert "the feature family own has no value in any recording" in [finding.what for finding in extraction.findings]


def test_a_recording_without_usable_frames_is_not_passed_to_a_family_of_channels() -> None:
    register_family("own", describe, kinds=["pose"])
    assert features(make_stream({"pose_Rx": [1.0, 2.0]}, valid=[False, False]), "own") == {}


def test_the_cache_does_not_return_values_of_an_earlier_version(small_set: Path, tmp_path: Path) -> None:
    data = load_dataset(small_set, split="test")
    calls: list[float] = []

    def extract(value: float, version: str = "") -> float:
        def function(stream: Any, settings: Any) -> dict[Any, float]:
            """A test."""
            calls.append(value)
            return {("face", "n"): value}

        register_family("own", function, source="stream", version=version)
        settings = Settings().override(FAMILIES)
        # The list is bound to the function, so it must look the same each time.
        calls.clear()
        table = FeatureExtractor(settings, cache=tmp_path).transform(data)
        return float(table["video__face__own.n"].dropna().iloc[0])

    assert (extract(1.0), bool(calls)) == (1.0, True)
    calls.clear()
    assert (extract(1.0), bool(calls)) == (1.0, False)
    assert extract(2.0) == 2.0
    assert (extract(1.0, version="2"), bool(calls)) == (1.0, True)


def test_workers_that_started_earlier_know_the_family(
    small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extractor, "_BYTES_PER_WORKER", 1)
    data = load_dataset(small_set.absolute(), split="test")
    joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(number) for number in range(2))
    with own_modules(tmp_path):
        (tmp_path / "own_early.py").write_text(STILLNESS)
        settings = Settings().override(
            {"features.families": ("quality", "stillness"), "plugins.modules": ("own_early",)}
        )
        one, two = (FeatureExtractor(settings, jobs=jobs).transform(data) for jobs in (1, 2))
    assert any("stillness" in name for name in one.columns)
    assert_frame_equal(one, two, check_exact=True)
