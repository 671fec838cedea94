from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import pytest

from pdmr_classic.errors import ArtifactError, ConfigError, DataError, Finding, PdmrError, TargetError

ERRORS = [PdmrError, ConfigError, DataError, ArtifactError, TargetError]
FULL = Finding(
    "text-in-number-column",
    "the column contains text",
    file=Path("video/007.csv"),
    row=12,
    column="AU12_r",
    expected="a number",
    found="'abc'",
    hint="correct the value",
)


def test_a_finding_prints_every_part_on_its_own_line() -> None:
    assert str(FULL).splitlines() == [
        "the column contains text",
        "  where:    video/007.csv, row 12, column 'AU12_r'",
        "  expected: a number",
        "  found:    'abc'",
        "  hint:     correct the value",
    ]


def test_a_finding_without_parts_prints_one_line() -> None:
    assert str(Finding("odd", "something is odd")) == "something is odd"


@pytest.mark.parametrize(
    ("parts", "where"),
    [
        ({}, None),
        ({"file": "a.csv"}, "a.csv"),
        ({"row": 3}, "row 3"),
        ({"column": "x_0"}, "column 'x_0'"),
        ({"file": Path("a.csv"), "column": ""}, "a.csv, column ''"),
        ({"file": "a.csv", "row": 0}, "a.csv, row 0"),
    ],
)
def test_where_joins_the_given_parts(parts: dict, where: str | None) -> None:
    assert Finding("c", "what", **parts).where == where


def test_a_finding_as_dict_contains_the_given_parts_ready_for_json() -> None:
    assert json.loads(json.dumps(FULL.as_dict())) == {
        "code": "text-in-number-column",
        "what": "the column contains text",
        "file": "video/007.csv",
        "row": 12,
        "column": "AU12_r",
        "expected": "a number",
        "found": "'abc'",
        "hint": "correct the value",
    }
    assert Finding("c", "what").as_dict() == {"code": "c", "what": "what"}


@pytest.mark.parametrize(
    ("kind", "code"), [(PdmrError, 1), (ConfigError, 2), (DataError, 3), (ArtifactError, 4), (TargetError, 5)]
)
def test_every_error_has_its_exit_code_and_is_a_pdmr_error(kind: type[PdmrError], code: int) -> None:
    assert kind.exit_code == code
    with pytest.raises(PdmrError, match=r"^something failed$"):
        raise kind("something failed")


def test_an_error_can_be_created_from_a_finding_or_from_its_parts() -> None:
    from_parts = DataError(FULL.what, **{key: value for key, value in FULL.as_dict().items() if key != "what"})
    assert DataError(FULL).finding is FULL
    assert str(from_parts) == str(DataError(FULL)) == str(FULL)
    assert from_parts.finding.code == "text-in-number-column"


def test_an_error_prints_and_lists_all_its_findings() -> None:
    second = Finding("short-row", "a row is too short", row=4)
    error = DataError(FULL, additional=iter([second]))
    assert error.findings == (FULL, second)
    assert str(error) == f"{FULL}\n{second}"


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("copy_error", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_an_error_survives_pickle_and_copy(kind: type[PdmrError], copy_error: object) -> None:
    error = kind(FULL, additional=[Finding("b", "another", row=2)])
    copied = copy_error(error)  # type: ignore[operator]
    assert type(copied) is kind
    assert copied.findings == error.findings
    assert str(copied) == str(error)
    assert copied.exit_code == error.exit_code


def test_a_finding_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="cannot assign"):
        FULL.row = 1  # type: ignore[misc]
