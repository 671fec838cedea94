"""The registry of families: docstrings, feature names and feature counts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from streams import FULL, LANDMARKS, features, make_stream

from pdmr_classic import Settings
from pdmr_classic.errors import ConfigError
from pdmr_classic.features import families as package
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.features.registry import load_families
from pdmr_classic.io.dataset import load_dataset
from pdmr_classic.io.video.read_stream import read_stream
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.synthetic.dataset import make_synthetic

GENERIC = {"distribution", "dynamics", "spectral", "multiscale", "quality"}
VIDEO = [name for name, family in load_families().items() if family.view != "audio"]
NAME = re.compile(r"(video|quality|material)__[A-Za-z0-9]\w*?(\.\w+)?__[a-z0-9][a-z0-9_.]*|material__covariance__\S+")


def make_moving_stream(channels: tuple[str, ...], n: int = 1900) -> Stream:
    rng = np.random.default_rng(0)
    return make_stream({name: rng.normal(1.0, 1.0, n) for name in channels})


@pytest.mark.parametrize("name", load_families())
def test_every_docstring_gives_formula_unit_and_source(name: str) -> None:
    family = load_families()[name]
    assert family.facts.keys() == {"formula", "unit", "source"}
    assert all(len(text) > 3 and "\n" not in text for text in family.facts.values())
    assert family.summary.endswith(".")
    assert len(family.summary) < 120


def test_families_are_registered_under_their_own_names() -> None:
    families = load_families()
    assert all(family.name == name for name, family in families.items())
    assert families.keys() >= {*GENERIC, "au_activation", "eyes", "movement", "coordination", "audio_vector"}


def test_every_file_of_the_families_is_registered() -> None:
    files = {path.stem for path in Path(package.__file__).parent.glob("*.py")} - {"__init__"}
    assert {"distribution", "kinemes"} <= files
    assert {family.function.__module__ for family in load_families().values()} == {
        f"{package.__name__}.{file}" for file in files
    }


def test_the_order_of_families_does_not_depend_on_the_import_order() -> None:
    code = "import pdmr_classic.features.{}; from pdmr_classic.features.registry import load_families as f; print(*f())"
    orders = {
        subprocess.run([sys.executable, "-c", code.format(module)], capture_output=True, text=True, check=True).stdout
        for module in ("families.kinemes", "registry")
    }
    assert len(orders) == 1


def test_fold_fitted_families_are_off_by_default() -> None:
    assert {name for name, family in load_families().items() if not family.is_default} == {
        *("au_tangent", "kinemes", "face_shape"),
    }


def test_feature_names_are_view_channel_functional_and_unique() -> None:
    result = features(make_moving_stream((*FULL, *LANDMARKS)), *VIDEO, chunk_frames=500)
    assert all(len(name.split("__")) == 3 for name in result)
    assert [name for name in result if not NAME.fullmatch(name)] == []


@pytest.mark.parametrize("channels", [FULL, (*FULL, *LANDMARKS)], ids=["synthetic", "714"])
def test_the_default_set_of_a_full_stream_has_1500_to_2500_features(channels: tuple[str, ...]) -> None:
    names = [name for name in features(make_moving_stream(channels)) if name.startswith("video__")]
    assert 1500 <= len(names) <= 2500


def test_the_default_set_of_a_real_714_column_file(real_data: Path) -> None:
    files = sorted((real_data / "openface-714").glob("*.csv"))
    assert len(files) == 4
    for file in files:
        result = features(read_stream(file))
        assert 1500 <= sum(name.startswith("video__") for name in result) <= 2500
        assert np.isfinite([result["video__AU12_r__mean"], result["video__eyelid__opening_mean"]]).all()


def test_the_default_set_of_the_synthetic_53_columns(tmp_path: Path) -> None:
    synthetic_set = make_synthetic(tmp_path / "set", subjects=8, segments=1, seconds=(5, 6), missing=0.0)
    file = next((synthetic_set.out / "train" / "video").glob("*.csv"))
    assert len(file.read_text().splitlines()[0].split(",")) == 53
    stream = read_stream(file)
    assert set(stream.channels) == set(FULL)
    assert features(stream).keys() == features(make_moving_stream(FULL)).keys()


def test_an_unknown_stream_gets_the_generic_families_on_all_channels() -> None:
    stream = make_moving_stream(("ch000", "ch001", "wrist"))
    with_features = {name for name in VIDEO if features(stream, name)}
    assert with_features == GENERIC
    for name in GENERIC - {"quality"}:
        assert {feature.split("__")[1] for feature in features(stream, name)} == {"ch000", "ch001", "wrist"}, name


def test_a_headerless_file_gets_the_generic_families(tmp_path: Path) -> None:
    file = tmp_path / "001.csv"
    np.savetxt(file, np.random.default_rng(0).normal(size=(900, 6)), delimiter=",")
    result = features(read_stream(file))
    assert {name.split("__")[1] for name in result} == {*(f"ch{k:03d}" for k in range(6)), "stream"}


def test_features_of_a_family_do_not_depend_on_other_families() -> None:
    stream = make_moving_stream((*FULL, *LANDMARKS), 700)
    together = features(stream, *VIDEO)
    separate: dict[str, float] = {}
    for name in VIDEO:
        separate |= features(stream, name)
    assert separate.keys() == together.keys()
    np.testing.assert_array_equal(list(separate.values()), list(together.values()))


def test_chunks_add_columns() -> None:
    stream = make_moving_stream(FULL)
    added = features(stream, chunk_frames=500).keys() - features(stream).keys()
    assert added == {name.replace("_30s_", "_500frames_") for name in features(stream) if "_30s_" in name}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("registry") / "set"
    return make_synthetic(out, subjects=8, segments=1, seconds=(2, 3), missing=0.0).out


def test_families_are_selected_by_name(small: Path) -> None:
    settings = Settings().override({"features.families": ("eyes", "kinemes", "audio_clusters")})
    table = FeatureExtractor(settings).fit_transform(load_dataset(small, split="test"))
    views = {name.split("__")[0] for name in table}
    assert views == {"video", "material", "audio"}
    assert {name.split("__")[1] for name in table} == {"blink", "gaze", "kineme", "netvlad_cluster"}


def test_the_order_of_selected_families_does_not_matter(small: Path) -> None:
    tables = [
        FeatureExtractor(Settings().override({"features.families": names})).fit_transform(
            load_dataset(small, split="test")
        )
        for names in (("eyes", "dynamics"), ("dynamics", "eyes"))
    ]
    assert tables[0].equals(tables[1])


def test_an_unknown_family_is_rejected_and_valid_families_are_listed(small: Path) -> None:
    settings = Settings().override({"features.families": ("eyes", "ears")})
    with pytest.raises(ConfigError, match=r"(?s)unknown feature family.*distribution.*ears"):
        FeatureExtractor(settings).fit(load_dataset(small, split="test"))
