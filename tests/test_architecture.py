"""Architecture of the package, checked in its source: allowed imports, public names, and docstrings."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import pdmr_classic

PACKAGE = Path(pdmr_classic.__file__).parent
# A package may import from itself, and from earlier layers. A module belongs to the longest package name that it starts
# with.
LAYERS = [
    {
        "code_hash",
        "plugins",
        "errors",
        "text",
        "config",
        "environment",
        "progress",
        "workers",
        "arrays",
        "alignment",
        "_version",
        "_progress_bar",
    },
    {"parallel"},
    {"storage"},
    {"io", "io.audio", "io.labels", "io.layouts", "io.tables", "io.trackers", "io.video"},
    {"audio"},
    {"synthetic", "features.names", "features._bridging", "features.signal", "features.bouts", "features.registry"},
    {"features.families"},
    {"features", "features.store"},
    {"splits", "metrics", "sample_weights", "resampling"},
    {"subjects"},
    {"models.learners"},
    {"models.decision", "models.ensemble", "models.persistence"},
    {"models.compiled"},
    {"models.experts"},
    {"models.severity"},
    {"models"},
    {"models.explanation", "models.export"},
    {"evaluation", "evaluation.confounds", "evaluation.identity", "evaluation.severity"},
    {"reporting"},
    {"reporting.explanation", "reporting.methods", "reporting.page", "reporting.report"},
    {"cli"},
    {"__main__"},
]
RANK = {package: rank for rank, layer in enumerate(LAYERS) for package in layer}
# Packages of the same layer that must not import each other.
INDEPENDENT = {"models.decision", "models.ensemble", "models.persistence", "synthetic"}
MAX_LINES = 400
MAX_OWN_IMPORTS = 15
# They import every command, and every public name: that is all they do.
REGISTRIES = {"cli/app.py", "__init__.py"}
# Two are hooks: a user's own module registers its feature families and learners when it is imported.
MAX_PUBLIC_NAMES = 23

FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
MODULES = [name for name in FILES if name != "__init__.py"]


def parse_file(name: str) -> ast.Module:
    return ast.parse((PACKAGE / name).read_text(encoding="utf-8"))


def module_name(name: str) -> str:
    return "pdmr_classic." + name.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")


def find_package(module: str) -> str:
    """Return the package in `LAYERS` with the longest name that the module starts with."""
    parts = module.removeprefix("pdmr_classic.").split(".")
    names = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next(name for name in names if name in RANK)


def imported_modules(name: str, tree: ast.Module) -> Iterator[str]:
    """Yield the modules of pdmr_classic that a file imports, including imports inside functions."""
    parent = (module_name(name) if name.endswith("__init__.py") else module_name(name).rpartition(".")[0]).split(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "pdmr_classic")
        elif isinstance(node, ast.ImportFrom):
            base = parent[: len(parent) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            if module == "pdmr_classic":
                # A public name counts as an import of the module that defines it.
                for alias in node.names:
                    if alias.name != "__version__":
                        yield pdmr_classic._MODULES.get(alias.name, f"pdmr_classic.{alias.name}")
            elif module.split(".")[0] == "pdmr_classic":
                yield module


def forbidden_imports(name: str, tree: ast.Module) -> list[str]:
    forbidden = []
    for module in imported_modules(name, tree):
        if module == "pdmr_classic":
            forbidden.append("import pdmr_classic")
            continue
        source, target = find_package(module_name(name)), find_package(module)
        is_sibling = source != target and RANK[source] == RANK[target]
        is_later = RANK[target] > RANK[source]
        # Synthetic data are for demos and tests: no feature may know them.
        is_synthetic = target == "synthetic" and source.startswith("features")
        if is_later or is_synthetic or (is_sibling and {source, target} <= INDEPENDENT):
            forbidden.append(module)
    return forbidden


def test_every_module_belongs_to_a_layer() -> None:
    assert {find_package(module_name(name)) for name in MODULES} == set(RANK)
    folders = {path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")} - {Path()}
    assert {folder.as_posix().replace("/", ".") for folder in folders} <= set(RANK)


@pytest.mark.parametrize("name", MODULES)
def test_modules_import_only_from_earlier_layers(name: str) -> None:
    assert forbidden_imports(name, parse_file(name)) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("io/x.py", "from pdmr_classic.features.cache import FeatureCache"),
        ("storage/x.py", "from pdmr_classic.io.ids import id_problem"),
        ("features/x.py", "from pdmr_classic.synthetic.plan import SPLITS"),
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
def test_an_import_from_a_later_layer_is_detected(name: str, source: str) -> None:
    assert len(forbidden_imports(name, ast.parse(source))) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("io/x.py", "from pdmr_classic.errors import DataError\nfrom .csv_table import read_table\nimport numpy"),
        ("models/x.py", "from pdmr_classic import __version__, read_stream"),
        ("features/extractor.py", "from pdmr_classic.features.families.audio import audio_vector"),
        ("models/model.py", "from pdmr_classic.models.ensemble.views import View"),
    ],
)
def test_an_import_from_an_earlier_layer_is_allowed(name: str, source: str) -> None:
    assert forbidden_imports(name, ast.parse(source)) == []


# -------------------------------------------------------------------------------------------- public names


def test_the_public_names_are_sorted_and_few() -> None:
    names = pdmr_classic.__all__
    assert names == sorted(names)
    assert len(set(names)) == len(names) <= MAX_PUBLIC_NAMES


def test_every_public_name_has_a_module() -> None:
    assert list(pdmr_classic._MODULES) == pdmr_classic.__all__
    assert dir(pdmr_classic) == sorted([*pdmr_classic.__all__, "__version__"])


def test_the_type_checker_imports_the_same_names() -> None:
    block = next(
        node
        for node in parse_file("__init__.py").body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    imported = {
        alias.asname or alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == pdmr_classic._MODULES


@pytest.mark.parametrize("name", pdmr_classic.__all__)
def test_a_public_name_is_defined_in_its_module(name: str) -> None:
    module = pdmr_classic._MODULES[name]
    public_object = getattr(pdmr_classic, name)
    assert public_object is getattr(importlib.import_module(module), name)
    assert public_object.__module__ == module
    assert ">>> " in public_object.__doc__, "the docstring has no doctest example"


def test_an_unknown_name_raises_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nosuch'"):
        pdmr_classic.nosuch  # noqa: B018


# ------------------------------------------------------------------------------------------ private modules

# Each command, feature family, layout and tracker has its own public module.
PUBLIC_PACKAGES = {"cli", "features.families", "io.layouts", "io.trackers"}
# Public modules for users with their own feature table.
ENTRY_POINTS = {
    "pdmr_classic.evaluation.evaluate_features",
    "pdmr_classic.evaluation.identity.audit_features",
}


def find_importers() -> dict[str, set[str]]:
    """Return the importers of each module; public names count as imports by the package."""
    importers: dict[str, set[str]] = {module_name(name): set() for name in MODULES if not name.endswith("__init__.py")}
    for name in MODULES:
        for module in imported_modules(name, parse_file(name)):
            importers.setdefault(module, set()).add(module_name(name))
    for module in pdmr_classic._MODULES.values():
        importers[module].add("pdmr_classic")
    return importers


def parent_package(module: str) -> str:
    return module.rpartition(".")[0]


def test_a_private_module_is_imported_only_within_its_package() -> None:
    outside = {
        module: sorted(user for user in users if not user.startswith(f"{parent_package(module)}."))
        for module, users in find_importers().items()
        if module.rpartition(".")[2].startswith("_") and parent_package(module) != "pdmr_classic"
    }
    assert len(outside) > 10
    assert {module: users for module, users in outside.items() if users} == {}


def test_a_module_with_one_importer_in_its_own_package_is_private() -> None:
    public = [
        module
        for module, users in find_importers().items()
        if len(users) == 1
        and min(users).startswith(f"{parent_package(module)}.")
        and not module.rpartition(".")[2].startswith("_")
        and parent_package(module).removeprefix("pdmr_classic.") not in PUBLIC_PACKAGES
        and module not in ENTRY_POINTS
    ]
    assert public == []


# -------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("name", FILES)
def test_files_are_short(name: str) -> None:
    assert len((PACKAGE / name).read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("name", [name for name in FILES if name not in REGISTRIES])
def test_a_file_imports_few_modules(name: str) -> None:
    assert len(set(imported_modules(name, parse_file(name)))) <= MAX_OWN_IMPORTS


@pytest.mark.parametrize("name", FILES)
def test_modules_and_their_public_names_have_docstrings(name: str) -> None:
    tree = parse_file(name)
    undocumented = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert undocumented == []
    assert ast.get_docstring(tree)
