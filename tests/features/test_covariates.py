"""Covariates as features: numbers, categories, what is not known, and names of trained features."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdmr_classic.errors import ConfigError
from pdmr_classic.features._covariates import add_covariates
from pdmr_classic.features.catalog import find_families
from pdmr_classic.features.names import modality_columns, parse_name

FEATURES = pd.DataFrame({"video__AU12_r__mean": [0.1, 0.2, np.nan, 0.4]}, index=list("abcd"))
LABELS = pd.DataFrame({"age": ["31", "", "40", "x?"], "Gender": ["F", "m", "f", "other"]}, index=list("abcd"))
LABELS["age"] = ["31", "", "40", "55"]


def test_each_category_is_a_feature_and_an_empty_cell_is_nan() -> None:
    table, findings = add_covariates(FEATURES, LABELS, ["age", "gender"])
    names = ["covariates__age__value", *(f"covariates__gender__{name}" for name in ("F", "m", "other"))]
    assert list(table.columns) == ["video__AU12_r__mean", *names]
    nan = np.nan
    # The third recording has no other feature.
    expected = [[31, 1, 0, 0], [nan, 0, 1, 0], [nan] * 4, [55, 0, 0, 1]]
    np.testing.assert_array_equal(table[names], expected)
    assert findings == []
    assert list(modality_columns(table.columns)) == ["video", "covariates"]
    assert find_families(names) == ["covariates"] * 4


def test_without_covariates_the_features_are_unchanged() -> None:
    assert add_covariates(FEATURES, LABELS, [])[0] is FEATURES


def test_trained_names_say_which_categories_there_are_and_what_is_a_number() -> None:
    trained = ["covariates__age__value", "covariates__gender__f", "covariates__gender__m"]
    labels = LABELS.assign(age=["31", "young", "40", "55"])
    table, findings = add_covariates(FEATURES, labels, ["age", "gender"], trained)
    assert list(table.columns)[1:] == trained
    np.testing.assert_array_equal(table.loc["d", trained].astype(float), [55, np.nan, np.nan])
    assert table.loc["a", "covariates__gender__f"] == 1
    assert np.isnan(table.loc["b", "covariates__age__value"])
    assert [(finding.column, finding.found) for finding in findings] == [("age", "'young'"), ("gender", "'other'")]
    assert {finding.code for finding in findings} == {"unseen-covariate"}


def test_a_number_where_categories_were_trained_is_not_known() -> None:
    labels = LABELS.assign(Gender=["1", "2", "1", "2"])
    table, findings = add_covariates(FEATURES, labels, ["gender"], ["covariates__gender__f", "covariates__gender__m"])
    assert table.iloc[:, 1:].isna().all(axis=None)
    assert findings[0].code == "unseen-covariate"


@pytest.mark.parametrize("labels", [None, LABELS[["age"]]])
def test_a_missing_column_is_an_error_in_training_and_one_note_in_prediction(labels: pd.DataFrame | None) -> None:
    with pytest.raises(ConfigError, match="not in the label table"):
        add_covariates(FEATURES, labels, ["gender"])
    trained = ["covariates__gender__f", "covariates__gender__m"]
    table, findings = add_covariates(FEATURES, labels, ["gender"], trained)
    assert list(table.columns)[1:] == trained
    assert table[trained].isna().all(axis=None)
    assert [finding.code for finding in findings] == ["missing-covariates"]


def test_categories_with_the_separator_in_their_names_can_be_parsed() -> None:
    labels = pd.DataFrame({"site__": ["__a__b_", "value", "a", "a"]}, index=list("abcd"))
    table, _ = add_covariates(FEATURES, labels, ["site__"])
    parsed = [parse_name(str(name)) for name in table.columns[1:]]
    assert {name.functional for name in parsed} == {"a_b", "value_", "a"}
    assert {name.view for name in parsed} == {"covariates"}
    again, findings = add_covariates(FEATURES, labels, ["site__"], list(table.columns))
    pd.testing.assert_frame_equal(again, table)
    assert findings == []
