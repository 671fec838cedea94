"""The plan of the house, held by reading its source: who may import whom, what is public, what is documented."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import pdmr_classic

PACKAGE = Path(pdmr_classic.__file__).parent
# Data flows left to right, and imports point only left, or stay in the room. A module belongs to the longest name that
# it begins with.
ROOMS = [
    {"errors", "text", "config", "progress", "workers", "arrays", "_version"},
    {"storage"},
    {"io"},
    {"synthetic", "features.names", "features.signal", "features.bouts", "features.registry"},
    {"features.families"},
    {"features"},
    {"splits", "metrics"},
    {"subjects"},
    {"models.learners"},
    {"models.decision", "models.ensemble", "models.persistence"},
    {"models"},
    {"evaluation"},
    {"reporting"},
    {"cli"},
    {"__main__"},
]
RANK = {room: rank for rank, rooms in enumerate(ROOMS) for room in rooms}
# Sub-rooms that share a rank know nothing of each other.
APART = {"models.decision", "models.ensemble", "models.persistence", "synthetic"}
MAX_LINES = 400
MAX_OWN_IMPORTS = 15
MAX_PUBLIC_NAMES = 20

FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
MODULES = [name for name in FILES if name != "__init__.py"]


def tree_of(name: str) -> ast.Module:
    return ast.parse((PACKAGE / name).read_text(encoding="utf-8"))


def module_of(name: str) -> str:
    return "pdmr_classic." + name.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")


def room_of(module: str) -> str:
    """Return the longest room that a module begins with."""
    parts = module.removeprefix("pdmr_classic.").split(".")
    names = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next(name for name in names if name in RANK)


def imported_modules(name: str, tree: ast.Module) -> Iterator[str]:
    """Yield what a file imports of the package, wherever in the file the import stands."""
    package = (module_of(name) if name.endswith("__init__.py") else module_of(name).rpartition(".")[0]).split(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "pdmr_classic")
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            if module == "pdmr_classic":
                # A public name stands for its home; a submodule for itself.
                for alias in node.names:
                    if alias.name != "__version__":
                        yield pdmr_classic._HOMES.get(alias.name, f"pdmr_classic.{alias.name}")
            elif module.split(".")[0] == "pdmr_classic":
                yield module


def breaches(name: str, tree: ast.Module) -> list[str]:
    found = []
    for module in imported_modules(name, tree):
        if module == "pdmr_classic":
            found.append("import pdmr_classic")
            continue
        here, there = room_of(module_of(name)), room_of(module)
        if RANK[there] > RANK[here] or (here != there and {here, there} <= APART and RANK[here] == RANK[there]):
            found.append(module)
    return found


def test_every_room_is_on_the_plan() -> None:
    assert {room_of(module_of(name)) for name in MODULES} == set(RANK)
    folders = {path.relative_to(PACKAGE).as_posix().replace("/", ".") for path in PACKAGE.rglob("*") if path.is_dir()}
    assert {folder for folder in folders if "__pycache__" not in folder} <= set(RANK)


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_only_left(name: str) -> None:
    assert breaches(name, tree_of(name)) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("io/x.py", "from pdmr_classic.features.cache import FeatureCache"),
        ("storage/x.py", "from pdmr_classic.io.ids import wrong_id"),
        ("features/names.py", "from pdmr_classic.features.families.audio import audio_vector"),
        ("features/families/x.py", "from pdmr_classic.features.extractor import FeatureExtractor"),
        ("models/learners/x.py", "from pdmr_classic.models.ensemble.views import View"),
        ("models/decision/x.py", "from pdmr_classic.models.ensemble.views import View"),
        ("models/ensemble/x.py", "from pdmr_classic.models.model import DepressionModel"),
        ("subjects/x.py", "from pdmr_classic.models.model import DepressionModel"),
        ("io/x.py", "def f():\n    import pdmr_classic.models.model"),
        ("io/x.py", "from pdmr_classic import fit"),
        ("io/x.py", "from pdmr_classic import features"),
        ("io/x.py", "from ..features import registry"),
        ("io/__init__.py", "from ..features import registry"),
        ("io/x.py", "from .. import cli"),
        ("errors.py", "from .io import csv_table"),
        ("config.py", "if TYPE_CHECKING:\n    from pdmr_classic.splits import GroupedFolds"),
        ("models/x.py", "import pdmr_classic"),
    ],
)
def test_an_import_that_points_right_is_found(name: str, source: str) -> None:
    assert len(breaches(name, ast.parse(source))) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("io/x.py", "from pdmr_classic.errors import DataError\nfrom .csv_table import read_table\nimport numpy"),
        ("models/x.py", "from pdmr_classic import __version__, read_stream"),
        ("features/extractor.py", "from pdmr_classic.features.families.audio import audio_vector"),
        ("models/model.py", "from pdmr_classic.models.ensemble.views import View"),
    ],
)
def test_an_import_that_points_left_is_let_through(name: str, source: str) -> None:
    assert breaches(name, ast.parse(source)) == []


# -------------------------------------------------------------------------------------------- public names


def test_the_public_names_are_sorted_and_few() -> None:
    names = pdmr_classic.__all__
    assert names == sorted(names)
    assert len(set(names)) == len(names) <= MAX_PUBLIC_NAMES


def test_the_homes_are_those_of_the_public_names() -> None:
    assert list(pdmr_classic._HOMES) == pdmr_classic.__all__
    assert dir(pdmr_classic) == sorted([*pdmr_classic.__all__, "__version__"])


def test_the_type_checker_sees_the_same_homes() -> None:
    block = next(
        node
        for node in tree_of("__init__.py").body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    seen = {
        alias.asname or alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == pdmr_classic._HOMES


@pytest.mark.parametrize("name", pdmr_classic.__all__)
def test_a_public_name_is_defined_in_its_home(name: str) -> None:
    home = pdmr_classic._HOMES[name]
    thing = getattr(pdmr_classic, name)
    assert thing is getattr(importlib.import_module(home), name)
    assert thing.__module__ == home
    assert ">>> " in thing.__doc__, "an example that the tests run"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nosuch'"):
        pdmr_classic.nosuch  # noqa: B018


# -------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("name", FILES)
def test_a_file_holds_one_idea(name: str) -> None:
    assert len((PACKAGE / name).read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("name", MODULES)
def test_a_file_needs_few_others(name: str) -> None:
    assert len(set(imported_modules(name, tree_of(name)))) <= MAX_OWN_IMPORTS


@pytest.mark.parametrize("name", FILES)
def test_modules_and_their_public_names_have_docstrings(name: str) -> None:
    tree = tree_of(name)
    bare = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert bare == []
    assert ast.get_docstring(tree)
