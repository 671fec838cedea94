"""Modules of users' own families and learners: finding and importing them, and hashing their code."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import joblib
import numpy as np
import pytest
from own_code import STILLNESS, forget_plugins, own_modules

from pdmr_classic.code_hash import hash_code, hash_source_files, list_changed_modules
from pdmr_classic.errors import ConfigError
from pdmr_classic.features.registry import load_families
from pdmr_classic.plugins import import_user_module, list_plugins, load_plugins, share_plugins


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with own_modules(tmp_path):
        yield tmp_path


def list_names() -> list[str]:
    return [plugin.name for plugin in list_plugins()]


def test_a_module_in_the_current_folder_registers_its_families_and_learners(folder: Path) -> None:
    (folder / "own_first.py").write_text(STILLNESS)
    load_plugins(["own_first"])
    assert list_names() == ["stillness", "mine"]
    assert load_families()["stillness"].facts["unit"] == "1."
    load_plugins(["own_first"])  # again: nothing changes
    assert [plugin.module for plugin in list_plugins()] == ["own_first", "own_first"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no module own_bad(.|\n)*own_bad.py in the current folder(.|\n)*PYTHONPATH"),
        ("import nowhere_to_be_found", "imports a module that is not installed(.|\n)*nowhere_to_be_found"),
        ("1 / 0", "own_bad cannot be imported(.|\n)*ZeroDivisionError"),
        ("x = 1", "registers no feature family and no learner"),
    ],
)
def test_a_module_that_cannot_be_used_is_an_error(folder: Path, text: str | None, message: str) -> None:
    if text is not None:
        (folder / "own_bad.py").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_plugins(["own_bad"])


@pytest.mark.parametrize("name", ["own.py", "own.py/", "../own", "", "a..b", "own features"])
def test_a_name_that_is_not_a_module_is_an_error(name: str) -> None:
    with pytest.raises(ConfigError, match="--plugin requires the name of a Python module"):
        import_user_module(name)


def test_two_modules_cannot_register_the_same_name(folder: Path) -> None:
    for name in ("own_a", "own_b"):
        (folder / f"{name}.py").write_text(STILLNESS)
    with pytest.raises(ConfigError, match=r"two modules register a family of the same name(.|\n)*own_a and own_b"):
        load_plugins(["own_a", "own_b"])


def test_worker_processes_know_the_plugins(folder: Path) -> None:
    for name in ("own_shared", "own_renamed"):  # workers that know the first module receive the second one
        forget_plugins()
        (folder / f"{name}.py").write_text(STILLNESS)
        load_plugins([name])
        families = joblib.Parallel(n_jobs=2)(joblib.delayed(share_plugins(load_families))() for _ in range(2))
        assert [family["stillness"].code for family in families] == [list_plugins("family")[0].code] * 2


def test_without_plugins_workers_get_the_function_itself() -> None:
    assert share_plugins(list_names) is list_names


# ---------------------------------------------------------------------------------------------- code


def hash_in_script(folder: Path, text: str) -> str:
    """Return the hash of `f`, defined in a script."""
    file = folder / "script.py"
    file.write_text(f"from pdmr_classic.code_hash import hash_code\n{text}\nprint(hash_code(f))\n")
    command = [sys.executable, str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_hash_of_a_function_in_a_script_depends_on_what_it_uses(tmp_path: Path) -> None:
    base = "LIMIT = 1\ndef helper(x): return x + 1\ndef f(x): return helper(x) > LIMIT"
    assert hash_in_script(tmp_path, base) == hash_in_script(tmp_path, f"# a comment\n{base}")
    others = [base.replace("LIMIT = 1", "LIMIT = 2"), base.replace("x + 1", "x + 2"), base.replace(">", "<")]
    assert len({hash_in_script(tmp_path, text) for text in (base, *others)}) == 4


def test_the_hash_of_a_function_in_a_file_depends_on_the_whole_file(folder: Path) -> None:
    hashes = []
    for name, limit in (("own_c", 1), ("own_d", 1), ("own_e", 2)):
        (folder / f"{name}.py").write_text(f"def helper():\n    return {limit}\ndef f():\n    return helper()\n")
        hashes.append(hash_code(import_user_module(name).f))
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_file_that_changed_after_its_import_is_hashed_as_it_was_imported(folder: Path) -> None:
    file = folder / "own_edited.py"
    file.write_text("class Kind:\n    size = 1\n")
    module = import_user_module("own_edited")
    hashes, code = hash_source_files([module.Kind()]), hash_code(module.Kind)
    assert list(hashes) == ["own_edited"]
    file.write_text("class Kind:\n    size = 22\n")
    assert hash_code(module.Kind) == code
    assert list_changed_modules(hashes) == []
    importlib.reload(module)
    assert hash_code(module.Kind) != code
    assert list_changed_modules(hashes) == ["own_edited"]
    del sys.modules["own_edited"]
    assert list_changed_modules(hashes) == []


def test_the_hash_depends_on_bound_values_and_versions() -> None:
    def make(limit: float) -> Any:
        return lambda x: x > limit

    values = [hash_code(make(1)), hash_code(make(2)), hash_code(make(1), "2"), hash_code(partial(make, 1))]
    assert len(set(values)) == 4
    assert hash_code(make(1)) == values[0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.float32(0.5), np.float32(0.25)),
        (np.int64(3), np.int64(5)),
        (range(3), range(4)),
        (date(2026, 1, 1), date(2026, 1, 2)),
        (Path("a"), Path("b")),
        (re.compile("a"), re.compile("b")),
        ({"limit": (1, 2)}, {"limit": (1, 3)}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_hash_depends_on_values_of_any_type(first: Any, second: Any) -> None:
    def make(limit: Any) -> Any:
        return lambda x: x > limit

    assert hash_code(make(first)) == hash_code(make(deepcopy(first)))
    assert hash_code(make(first)) != hash_code(make(second))


def test_a_value_that_cannot_be_compared_does_not_change_the_hash() -> None:
    def make(lock: Any) -> Any:
        return lambda x: (x, lock)

    assert hash_code(make(Lock())) == hash_code(make(Lock()))
