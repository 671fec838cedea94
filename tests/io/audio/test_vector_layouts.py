from __future__ import annotations

from pathlib import Path

import pytest

from pdmr_classic.errors import Finding
from pdmr_classic.io.audio.vector_layouts import VectorLayout, find_odd_layouts

NAMES = frozenset({"F0", "hnr", "loud"})
NAMED = VectorLayout(3, NAMES)


def find_odd(*layouts: VectorLayout, trained: VectorLayout | None = None) -> dict[str, Finding]:
    numbered = [(Path(f"{number}.csv"), layout) for number, layout in enumerate(layouts)]
    return {path.stem: finding for path, finding in find_odd_layouts(numbered, trained).items()}


def test_vectors_of_a_different_width_are_reported() -> None:
    odd = find_odd(VectorLayout(768), VectorLayout(512), VectorLayout(768), VectorLayout(1))
    assert list(odd) == ["1", "3"]
    finding = odd["1"]
    assert (finding.code, finding.file, finding.expected, finding.found) == (
        "odd-width",
        Path("1.csv"),
        "768 values, as in 2 files",
        "512 values",
    )


@pytest.mark.parametrize("layouts", [[], [VectorLayout(5)], [VectorLayout(5), VectorLayout(5)], [NAMED, NAMED]])
def test_equal_layouts_are_not_reported(layouts: list[VectorLayout]) -> None:
    assert find_odd(*layouts) == {}


def test_the_names_that_are_missing_or_not_expected_are_reported() -> None:
    finding = find_odd(NAMED, NAMED, VectorLayout(3, frozenset({"F0", "loud", "jitter"})))["2"]
    assert (finding.code, finding.found) == ("odd-names", "missing: 'hnr'; not expected: 'jitter'")


@pytest.mark.parametrize(("usual", "odd"), [(NAMED, VectorLayout(3)), (VectorLayout(3), NAMED)])
def test_named_and_unnamed_components_cannot_be_matched(usual: VectorLayout, odd: VectorLayout) -> None:
    for findings in (find_odd(usual, usual, odd), {"2": find_odd(odd, trained=usual)["0"]}):
        assert list(findings) == ["2"]
        assert findings["2"].code == "odd-names"
        assert "only some files name them" in findings["2"].what
        assert ("without names" in str(findings["2"].expected)) == (not usual.names)


def test_training_decides_over_the_majority() -> None:
    odd = find_odd(VectorLayout(2), VectorLayout(2), VectorLayout(3), trained=VectorLayout(3))
    assert [finding.expected for finding in odd.values()] == ["3 values, as in training"] * 2


def test_more_names_than_in_training_are_no_obstacle_but_fewer_are() -> None:
    more, fewer = VectorLayout(4, NAMES | {"jitter"}), VectorLayout(2, NAMES - {"hnr"})
    odd = find_odd(more, fewer, trained=NAMED)
    assert list(odd) == ["1"]
    assert odd["1"].found == "missing: 'hnr'"
