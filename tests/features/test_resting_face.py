from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from features.streams import make_stream

from pdmr_classic import Settings, load_dataset
from pdmr_classic.features._resting_face import subtract_resting_face
from pdmr_classic.features.extractor import FeatureExtractor

NAN = float("nan")


def test_the_low_quantile_of_valid_frames_becomes_zero() -> None:
    intensity = [1.0] * 9 + [3.0, 0.2, NAN]
    stream = make_stream({"AU04_r": intensity, "AU04_c": [1.0] * 12}, valid=[True] * 10 + [False, True])
    values = subtract_resting_face(stream).select(["AU04_r", "AU04_c"])
    np.testing.assert_allclose(values[:10, 0], [0.0] * 9 + [2.0])
    assert values[10, 0] == 0, "below the resting level"
    assert np.isnan(values[11, 0])
    assert (values[:, 1] == 1).all(), "presence has no level"


def test_a_stream_without_units_or_valid_frames_is_unchanged() -> None:
    for stream in (make_stream({"pose_Rx": [1.0, 2.0]}), make_stream({"AU04_r": [1.0, 2.0]}, valid=[False, False])):
        assert subtract_resting_face(stream) is stream


def test_an_offset_of_a_person_has_no_effect_if_asked_for(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    intensity = np.maximum(rng.normal(0.2, 0.5, size=200), 0)
    (tmp_path / "video").mkdir()
    for name, offset in (("a", 0.0), ("b", 0.75)):
        pd.DataFrame({"AU04_r": intensity + offset}).to_csv(tmp_path / "video" / f"{name}.csv", index=False)
    data = load_dataset(tmp_path)
    by_default = FeatureExtractor().extract(data)
    resting = FeatureExtractor(Settings().override({"reading.resting_face": True})).extract(data)
    assert by_default.features["video__AU04_r__mean"].diff().iloc[1] > 0.7
    np.testing.assert_allclose(*resting.features.filter(like="AU04_r").to_numpy(), rtol=1e-3, atol=1e-4)
    assert resting.files == by_default.files, "scales are compared before"
