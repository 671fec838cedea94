"""`.skops` models: they predict what the model predicts, and whatever else a file contains is refused."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import operator
import os
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.errors import ArtifactError, ConfigError
from pdmr_classic.models.learners.algorithm import ClippedExtraTrees
from pdmr_classic.models.learners.learners import _ScaledSVC
from pdmr_classic.models.learners.regressors import _ScaledSVR
from pdmr_classic.models.persistence._allowed_types import _NAMES, import_type
from pdmr_classic.models.persistence._plain_state import StateError, from_plain, to_plain
from pdmr_classic.models.persistence.artifact import load_artifact, manifest_path
from pdmr_classic.models.persistence.skops_file import dump_skops, load_skops
from pdmr_classic.progress import CollectingReporter

QUICK = {"learning.trials": 1, "learning.folds": 2, "learning.repeats": 1, "learning.importance": False}
PATH = Path("model.skops")
Edit = Callable[[Any], None]


def fit_table(changes: dict[str, Any], n_classes: int = 2) -> tuple[DepressionModel, pd.DataFrame]:
    """Fit on 60 recordings of 20 subjects; some lack a modality."""
    rng = np.random.default_rng(0)
    code = (np.arange(60) // 3) % n_classes
    names = [f"video__c{k}__mean" for k in range(7)] + [f"audio__vector__{k:03d}" for k in range(5)]
    X = rng.normal(size=(60, len(names))) + code[:, None] * np.linspace(0, 1, len(names))
    X[:6, :7], X[6:12, 7:] = np.nan, np.nan
    index = pd.Index([f"{k:03d}" for k in range(60)], name="data_id")
    features = pd.DataFrame(X, index, names)
    labels = ["Depression", "Normal"] if n_classes == 2 else ["sitting", "standing", "walking"]
    settings = Settings().override(QUICK | changes)
    model = DepressionModel(settings).fit(
        features,
        pd.Series(np.array(labels, dtype=object)[code], index) if settings.data.learns_status else None,
        pd.Series([f"S{k // 3}" for k in range(60)], index),
        severity=pd.Series(rng.integers(0, 20, 60) + 4.0 * code, index) if settings.data.learns_score else None,
        conditions=pd.Series(["robot", "human"] * 30, index) if settings.learning.experts else None,
        reporter=CollectingReporter(),
    )
    return model._anonymise(), features


@pytest.mark.parametrize(
    ("changes", "n_classes"),
    [
        pytest.param({"learning.learners": ["lightgbm", "xgboost", "svm", "linear"]}, 2, id="boosters"),
        pytest.param({"learning.learners": ["svm"]}, 3, id="three classes"),
        pytest.param({"learning.lite": True}, 2, id="lite", marks=pytest.mark.slow),
        pytest.param(
            {"learning.learners": ["linear"], "learning.join_views": True, "learning.suppress_identity": True},
            2,
            id="views joined, habits suppressed",
        ),
        pytest.param(
            {
                **{"learning.learners": ["extra_trees"], "data.target": "both", "severity.level": 0.8},
                "severity.learners": ["svr", "ridge", "ordinal", "lightgbm_regressor", "extra_trees_regressor"],
            },
            2,
            id="class and score",
            marks=pytest.mark.slow,
        ),
        pytest.param({"learning.learners": ["linear"], "learning.experts": "interviewer"}, 2, id="experts"),
    ],
)
def test_it_predicts_exactly_what_the_model_predicts(changes: dict[str, Any], n_classes: int) -> None:
    model, features = fit_table(changes, n_classes)
    loaded = load_skops(dump_skops(model), PATH)
    rows = features.copy()
    rows.iloc[20] = np.nan
    expected, found = (part.predictor_.predict_raw(rows) for part in (model, loaded))
    for a, b in ((expected.probability, found.probability), (expected.scores, found.scores)):
        np.testing.assert_array_equal(a, b)
    answers = [part.predict_features(features) for part in (loaded, model)]
    pd.testing.assert_frame_equal(*answers, check_exact=True)
    assert loaded.settings == model.settings
    assert loaded.metadata_ == model.metadata_


@pytest.mark.parametrize("name", sorted(_NAMES))
def test_every_allowed_type_exists(name: str) -> None:
    assert f"{import_type(name).__module__}.{import_type(name).__qualname__}" == name


class Folder:
    """A model.skops with a manifest that fits to it."""

    def __init__(self, path: Path, fitted_file: Path) -> None:
        self.path = path / "model.skops"
        shutil.copy(manifest_path(fitted_file), path / "model.json")

    def write(self, content: bytes) -> Path:
        self.path.write_bytes(content)
        manifest = json.loads(manifest_path(self.path).read_text())
        manifest["skops_sha256"] = hashlib.sha256(content).hexdigest()
        manifest_path(self.path).write_text(json.dumps(manifest))
        return self.path

    def refuse(self, content: bytes) -> str:
        """Return what was found in a file that is not opened."""
        with pytest.raises(ArtifactError, match=r"was not opened|cannot be opened") as caught:
            load_artifact(self.write(content))
        return str(caught.value.finding.found)


@pytest.fixture
def folder(tmp_path: Path, fitted_file: Path) -> Folder:
    return Folder(tmp_path, fitted_file)


def pack(model: Any) -> bytes:
    content: bytes = skops.io.dumps({"schema": "pdmr-classic/state/1", "model": model})
    return content


def repack(content: bytes, *, edit: Edit | None = None, members: dict[str, bytes] | None = None) -> bytes:
    """Return an archive with another description or with further members."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    description = json.loads(files["schema.json"])
    if edit:
        edit(description)
    files |= {"schema.json": json.dumps(description).encode(), **(members or {})}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


# ---------------------------------------------------------------------------------------- nodes other than data


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (os.system, "posix.system"),
        (print, "builtins.print"),
        (operator.methodcaller("write_text", "x"), "operator.methodcaller"),
        (functools.partial(print, "x"), "functools.partial"),
        (np.random.default_rng(0), "numpy.random"),
        (LinearRegression(), "sklearn.linear_model"),
        ((1, 2), "builtins.tuple"),
        ({1, 2}, "builtins.set"),
        (b"bytes", ".bin"),
        (np.array([print, None]), "an array of objects"),
        (np.zeros(2, dtype="M8[s]"), "an array of datetime64"),
        ({1: "x"}, "builtins.int"),
        (DepressionModel(), "pdmr_classic.models.model.DepressionModel"),
    ],
)
def test_objects_and_functions_are_refused_by_name(value: Any, name: str, folder: Folder) -> None:
    if name == "posix.system" and os.name == "nt":
        pytest.skip("os.system is in the module nt")
    assert name in folder.refuse(pack({"a": [value]}))


def test_nothing_is_created_before_all_nodes_are_checked(folder: Folder, tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    def edit(description: Any) -> None:
        call = {"__class__": "partial", "__module__": "functools", "__loader__": "PartialNode"}
        function = {"__class__": "mkdir", "__module__": "os", "__loader__": "FunctionNode"}
        description["content"]["model"] = call | {"content": {"func": function, "args": str(mark)}}

    assert "functools.partial" in folder.refuse(repack(pack({}), edit=edit))
    assert not mark.exists()


@pytest.mark.parametrize("protocol", [0, 1, True, "2", None])
def test_older_protocols_of_skops_are_refused(protocol: Any, folder: Folder) -> None:
    content = repack(pack({}), edit=lambda description: description.update(protocol=protocol))
    assert "skops protocol" in folder.refuse(content)


def test_a_loader_of_another_type_is_refused(folder: Folder) -> None:
    def edit(description: Any) -> None:
        description["content"]["model"] |= {"__loader__": "ObjectNode"}

    assert "builtins.dict (ObjectNode)" in folder.refuse(repack(pack({}), edit=edit))


def test_a_node_that_contains_itself_is_refused(folder: Folder) -> None:
    def edit(description: Any) -> None:
        description["content"]["model"]["content"]["a"] |= {"__id__": description["content"]["model"]["__id__"]}

    assert "RecursionError" in folder.refuse(repack(pack({"a": {}}), edit=edit))


def test_deep_nesting_is_refused(folder: Folder) -> None:
    content = repack(pack({}), members={"schema.json": b"[" * 200_000})
    assert "RecursionError" in folder.refuse(content)


# ----------------------------------------------------------------------------------------- archives and arrays


def zeros(shape: str) -> bytes:
    """Return an array file whose header announces a shape."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": (987654321,)})
    return buffer.getvalue().replace(b"(987654321,)", shape.encode().ljust(12))


def array_name(content: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return next(name for name in archive.namelist() if name.endswith(".npy"))


def test_an_archive_that_expands_to_far_more_than_a_model_is_refused(folder: Folder) -> None:
    content = repack(pack({"a": np.zeros(3)}), members={"123.npy": bytes(40_000_000)})
    assert len(content) < 100_000
    assert folder.refuse(content).startswith("40 MB in an archive for which 17 MB are plausible")


@pytest.mark.parametrize("shape", ["(9999999999)", "(2,)", "(-1,)"])
def test_an_array_without_the_numbers_that_it_announces_is_refused(shape: str, folder: Folder) -> None:
    content = pack({"a": np.zeros(3)})
    assert folder.refuse(repack(content, members={array_name(content): zeros(shape)}))


def test_a_pickle_as_an_array_is_refused(folder: Folder) -> None:
    content = pack({"a": np.zeros(3)})
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], dtype=object), allow_pickle=True)
    assert "array of object" in folder.refuse(repack(content, members={array_name(content): buffer.getvalue()}))


@pytest.mark.parametrize("name", ["../../escaped.npy", "/escaped.npy", "C:\\escaped.npy", "a.py", "folder/"])
def test_other_files_in_the_archive_are_refused(name: str, folder: Folder) -> None:
    assert folder.refuse(repack(pack({}), members={name: b""})).startswith("the file ")


def test_a_description_that_names_a_file_elsewhere_is_refused(folder: Folder) -> None:
    def edit(description: Any) -> None:
        description["content"]["model"]["content"]["a"]["file"] = "../../etc/passwd"

    assert "an array in '../../etc/passwd'" in folder.refuse(repack(pack({"a": np.zeros(3)}), edit=edit))


def test_two_members_of_one_name_are_refused(folder: Folder) -> None:
    buffer = io.BytesIO(pack({}))
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("schema.json", "{}")
    assert folder.refuse(buffer.getvalue()) == "two files of the same name"


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"\x80\x04K\x01.", pack({})[:-30]], ids=["empty", "signature", "pickle", "truncated"]
)
def test_a_damaged_file_is_refused(content: bytes, folder: Folder) -> None:
    assert folder.refuse(content)


# -------------------------------------------------------------------------------------------- states of objects


def test_containers_that_are_shared_are_read_once() -> None:
    value: list[Any] = []
    for _ in range(100):
        value = [value, value]
    assert len(from_plain(value)) == 2


@pytest.mark.parametrize("name", ["os.system", "subprocess.Popen", "pdmr_classic.workers.Pool", 3, ["x"]])
def test_types_that_are_not_on_the_list_are_not_imported(name: Any, folder: Folder) -> None:
    assert str(name) in folder.refuse(pack({"$object": name, "$state": {}}))


def test_unknown_forms_are_refused(folder: Folder) -> None:
    assert "$call" in folder.refuse(pack({"$call": "os.system"}))
    assert "Pipeline" in folder.refuse(pack({"$object": "sklearn.pipeline.Pipeline", "$state": {}, "$more": 1}))


def test_a_part_that_is_no_model_is_refused(folder: Folder) -> None:
    path = folder.write(pack({"a": 1}))
    with pytest.raises(ArtifactError, match="does not contain a DepressionModel"):
        DepressionModel.load(path)


def test_settings_are_validated(folder: Folder) -> None:
    plain = to_plain(Settings())
    plain["$state"]["$json"] = plain["$state"]["$json"].replace('"seed": 0', '"seed": "__import__"')
    assert "seed" in folder.refuse(pack(plain))


@pytest.mark.parametrize("setting", ["plugins.modules", "evaluation.estimators"])
def test_settings_that_would_import_code_are_refused(setting: str, folder: Folder) -> None:
    plain = to_plain(Settings())
    content = json.loads(plain["$state"]["$json"])
    section, _, key = setting.partition(".")
    content[section][key] = ["evil_module:make" if key == "estimators" else "evil_module"]
    plain["$state"]["$json"] = json.dumps(content)
    assert "settings that import code: evil_module" in folder.refuse(pack(plain))


def test_a_model_with_plugins_cannot_be_stored() -> None:
    with pytest.raises(ConfigError, match=r"cannot be stored in a \.skops file") as caught:
        dump_skops(Settings().override({"plugins.modules": ["my_features"]}))
    assert caught.value.finding.found == "settings that import code: my_features"


def test_an_own_type_cannot_be_stored() -> None:
    class Own:
        pass

    with pytest.raises(ConfigError, match=r"cannot be stored in a \.skops file") as caught:
        dump_skops({"learner": Own()})
    assert "Own" in str(caught.value.finding.found)


@pytest.fixture(scope="module")
def table() -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(0).normal(size=(40, 5))
    return X, (X[:, 0] > 0).astype(int)


@pytest.fixture
def trees(table: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(ClippedExtraTrees(n_estimators=3, random_state=0).fit(*table))
    return plain


@pytest.fixture
def machine(table: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(_ScaledSVC().fit(*table))
    return plain


def put(array: np.ndarray, value: Any, place: int = 0) -> np.ndarray:
    return np.array([*array[:place], value, *array[place + 1 :]], dtype=array.dtype)


@pytest.mark.parametrize(
    ("column", "value", "place"),
    [
        ("left_child", 10**6, 0),
        ("right_child", 10**9, 0),
        ("left_child", -7, 0),
        ("left_child", 0, 0),  # a loop
        ("feature", 99, 0),
        ("feature", -5, 0),
        ("left_child", 3, -1),  # of a leaf
    ],
)
def test_a_tree_that_points_elsewhere_is_refused(column: str, value: int, place: int, trees: dict[str, Any]) -> None:
    nodes = trees["$state"]["estimators_"]["nodes"]
    nodes[column] = put(nodes[column], value, place % len(nodes[column]))
    with pytest.raises(StateError, match="points outside the tree"):
        from_plain(trees)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("n_nodes", lambda sizes: put(sizes, sizes[0] + 5)),
        ("n_nodes", lambda sizes: put(sizes, -1)),
        ("n_nodes", lambda sizes: sizes[:-1]),
        ("values", lambda values: values[:, :, :, None]),
        ("values", lambda values: values[:-1]),
        ("nodes", lambda nodes: nodes | {"threshold": nodes["threshold"][:-1]}),
        ("shared", lambda shared: shared | {"n_features_in_": 50}),
    ],
)
def test_trees_whose_parts_do_not_fit_are_refused(
    name: str, change: Callable[[Any], Any], trees: dict[str, Any]
) -> None:
    packed = trees["$state"]["estimators_"]
    packed[name] = change(packed[name])
    with pytest.raises(StateError, match="ClippedExtraTrees with"):
        from_plain(trees)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("support_vectors_", lambda array: array[:, :-1]),
        ("support_vectors_", lambda array: array[:-1]),
        ("_n_support", lambda array: array + 1000),
        ("_n_support", lambda array: -array),
        ("_dual_coef_", lambda array: array[:, :-1]),
        ("_intercept_", lambda array: array[:0]),
        ("support_", lambda array: array[:-1]),
        ("_probA", lambda array: np.ones(5)),
        ("kernel", lambda name: "poly"),
    ],
)
def test_support_vectors_of_other_shapes_are_refused(
    name: str, change: Callable[[Any], Any], machine: dict[str, Any]
) -> None:
    machine["$state"][name] = change(machine["$state"][name])
    with pytest.raises(StateError, match="_ScaledSVC with"):
        from_plain(machine)


def test_fractions_as_children_are_refused(trees: dict[str, Any]) -> None:
    nodes = trees["$state"]["estimators_"]["nodes"]
    nodes["left_child"] = put(nodes["left_child"].astype(float), 0.5)  # would become 0: a loop
    with pytest.raises(StateError, match="fractions where a tree has integers"):
        from_plain(trees)


def test_counts_of_support_vectors_are_checked_without_classes(machine: dict[str, Any]) -> None:
    del machine["$state"]["classes_"]
    machine["$state"]["_n_support"] = np.array([10**6, -(10**6)], dtype=np.int32)
    with pytest.raises(StateError, match="_ScaledSVC with"):
        from_plain(machine)


def test_a_regression_cannot_pose_as_a_classifier(table: tuple[np.ndarray, np.ndarray]) -> None:
    plain = to_plain(_ScaledSVR().fit(*table))
    assert from_plain(plain).predict(table[0]).shape == (40,)
    plain["$state"] |= {"_impl": "c_svc", "_n_support": np.array([10**6, 40 - 10**6], dtype=np.int32)}
    with pytest.raises(StateError, match="another kind of support vector machine"):
        from_plain(plain)


@pytest.mark.parametrize("name", ["_validate_for_predict", "__class__", "decision_function"])
def test_attributes_do_not_replace_methods(name: str, machine: dict[str, Any]) -> None:
    machine["$state"][name] = 1
    with pytest.raises(StateError, match=f"in place of the method {name}"):
        from_plain(machine)


def test_unchanged_trees_and_machines_are_opened(
    trees: dict[str, Any], machine: dict[str, Any], table: tuple[np.ndarray, np.ndarray]
) -> None:
    for plain in (trees, machine):
        assert (from_plain(plain).predict(table[0]) == table[1]).mean() > 0.8


def test_clusters_of_other_shapes_are_refused() -> None:
    plain = to_plain(KMeans(2, n_init=1).fit(np.arange(12.0).reshape(6, 2)))
    assert from_plain(plain).predict([[0.0, 0.0]]).shape == (1,)
    plain["$state"]["cluster_centers_"] = np.zeros((2, 1))
    with pytest.raises(StateError, match="KMeans with clusters"):
        from_plain(plain)


# ------------------------------------------------------------------------------------------------------- files


def test_a_folder_is_opened_by_its_skops_file(folder: Folder, fitted_model: DepressionModel, fitted_file: Path) -> None:
    folder.write(dump_skops(DepressionModel.load(fitted_file)))
    assert DepressionModel.load(folder.path.parent).threshold_ == fitted_model.threshold_


def test_a_file_without_its_hash_is_not_opened(folder: Folder, fitted_file: Path) -> None:
    folder.path.write_bytes(pack({}))
    with pytest.raises(ArtifactError, match="does not match its manifest") as caught:
        load_artifact(folder.path, trust=True)
    assert caught.value.finding.expected == "a manifest with skops_sha256"
    folder.write(pack({}))
    folder.path.write_bytes(pack({"a": 1}))
    with pytest.raises(ArtifactError, match="does not match its manifest"):
        load_artifact(folder.path)


def test_other_versions_are_refused_before_anything_is_read(folder: Folder) -> None:
    path = folder.write(b"no archive")
    manifest = json.loads(manifest_path(path).read_text())
    manifest["libraries"]["scikit-learn"] = "0.9.0"
    manifest_path(path).write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="incompatible library versions"):
        load_artifact(path)


def test_without_skops_the_extra_is_named(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder.write(pack({}))
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(ConfigError, match="skops") as caught:
        load_artifact(path)
    assert caught.value.finding.hint == "run pip install 'pdmr-classic[hub]'"
