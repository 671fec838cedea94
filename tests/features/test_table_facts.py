"""What a feature table depends on is stored with it, and read again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from own_code import STILLNESS, forget_plugins, own_modules

from pdmr_classic import Settings
from pdmr_classic.errors import DataError
from pdmr_classic.features.feature_table import write_features
from pdmr_classic.features.table_facts import TableFacts, describe_table, read_table_facts

FEATURES = pd.DataFrame({"video__a__mean": [0.1, 0.2]}, pd.Index(["1", "2"], name="data_id"))
QUICK = Settings().override({"features.families": ("quality", "distribution"), "reading.fps": 25.0})


@pytest.fixture
def own_module(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "own_facts.py").write_text(STILLNESS)
    with own_modules(tmp_path):
        yield "own_facts"
    forget_plugins()


def test_facts_travel_with_a_parquet_table(tmp_path: Path) -> None:
    facts = describe_table(QUICK)
    path = write_features(FEATURES, tmp_path / "features.parquet", facts=facts)
    assert read_table_facts(path) == facts
    pd.testing.assert_frame_equal(pd.read_parquet(path).set_index("data_id"), FEATURES)


def test_facts_are_what_features_depend_on() -> None:
    facts = describe_table(QUICK)
    assert facts.families == ("distribution", "quality")
    assert facts.settings["reading"]["fps"] == 25
    assert set(facts.settings) == {"reading", "features", "data"}
    learning = QUICK.override({"learning.seed": 7, "data.positive": "PD"})
    assert describe_table(learning) == facts
    assert describe_table(QUICK.override({"data.covariates": ("age",)})) != facts


def test_own_families_are_among_the_facts(own_module: str) -> None:
    own = {"plugins.modules": (own_module,), "features.families": ("quality", "stillness")}
    (plugin,) = describe_table(Settings().override(own)).plugins
    assert plugin["name"] == "stillness"
    assert plugin["code"]
    assert not describe_table(QUICK.override({"plugins.modules": (own_module,)})).plugins


def test_a_table_of_another_program_has_no_facts(tmp_path: Path) -> None:
    FEATURES.to_parquet(tmp_path / "features.parquet")
    assert read_table_facts(tmp_path / "features.parquet") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema": 2}', "another version of pdmr-classic"),
        ('{"schema": 1, "code_version": "x"}', "an entry 'settings'"),
        ("[1", "another version"),
    ],
    ids=["later", "incomplete", "no JSON"],
)
def test_facts_that_cannot_be_used_are_one_message(tmp_path: Path, text: str, message: str) -> None:
    table = pa.Table.from_pandas(FEATURES).replace_schema_metadata({"pdmr_classic": text})
    pq.write_table(table, tmp_path / "features.parquet")
    with pytest.raises(DataError, match=message):
        read_table_facts(tmp_path / "features.parquet")


@pytest.mark.parametrize("content", [b"", b"data_id,x\n1,2\n"], ids=["empty", "text"])
def test_a_file_that_is_not_parquet_is_one_message(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "features.parquet").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        read_table_facts(tmp_path / "features.parquet")


def test_additional_entries_are_ignored() -> None:
    facts: dict[str, Any] = describe_table(QUICK).as_dict()
    assert TableFacts.from_dict(facts | {"parts": []}, Path("manifest.json")) == describe_table(QUICK)
