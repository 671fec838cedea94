"""Models as `.skops` files, which open without `--trust`.

A `.skops` file is a zip archive of arrays with a description in JSON. skops itself allows hundreds of types, all of
scikit-learn among them; here a file may contain only dicts, lists, texts, numbers, arrays of numbers and bytes, which
is checked before skops opens it. Objects are made from these by `_plain_state.py`.
"""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.lib import format as npy

from pdmr_classic.errors import ArtifactError, ConfigError
from pdmr_classic.models.persistence._plain_state import StateError, from_plain, to_plain

SKOPS_SUFFIX = ".skops"
_SCHEMA = "pdmr-classic/state/1"
_NODES = {
    "DictNode": ("builtins.dict",),
    "ListNode": ("builtins.list",),
    "JsonNode": ("builtins.str",),
    "NdArrayNode": ("numpy.ndarray",),
    "TypeNode": ("builtins.str",),
}
_DESCRIPTION = "schema.json"
_MEMBER_NAME = re.compile(r"[0-9]{1,20}\.npy")
# Since protocol 2 (skops 0.11), the nodes above have one meaning only.
_MIN_PROTOCOL = 2
# Compressed arrays of trees reach a factor of 20.
_MAX_RATIO, _MIN_LIMIT = 60, 2**24
_MAX_HEADER = 4096


def dump_skops(model: Any) -> bytes:
    """Return the content of a `.skops` file.

    Raises
    ------
    ConfigError
        skops is not installed, or the model contains an object of an own type, such as a registered learner.
    """
    skops_io = require_skops()
    try:
        state = to_plain(model)
    except StateError as error:
        raise ConfigError(
            "a part of the model cannot be stored in a .skops file",
            expected="parts of pdmr-classic, scikit-learn, LightGBM and XGBoost that fit can train",
            found=str(error),
            hint="train with the learners and families of pdmr-classic, or share the .joblib file",
        ) from None
    content: bytes = skops_io.dumps({"schema": _SCHEMA, "model": state}, compression=zipfile.ZIP_DEFLATED)
    return content


def load_skops(content: bytes, path: Path) -> Any:
    """Return the model in the content of a `.skops` file. No code from the file is run, whoever made it.

    Parameters
    ----------
    content : bytes
    path : Path
        Of the file, for messages.

    Raises
    ------
    ConfigError
        skops is not installed.
    ArtifactError
        The file contains something that is not on the fixed list of types, is damaged, or would take up far more
        memory than a model.
    """
    skops_io = require_skops()
    try:
        _check_content(content)
        state = skops_io.loads(content, trusted=[])
        if state["schema"] != _SCHEMA:
            raise StateError(f"the schema {str(state['schema'])[:80]!r}")
        return from_plain(state["model"])
    except StateError as error:
        raise ArtifactError(
            "the .skops file contains something that a model of pdmr-classic does not, and was not opened",
            code="unexpected-content",
            file=path,
            expected="numbers, texts, and objects of the types that pdmr-classic allows",
            found=str(error),
            hint="use a file that pdmr-classic export --hub wrote; do not use this one",
        ) from None


def require_skops() -> Any:
    """Return the module `skops.io`.

    Raises
    ------
    ConfigError
        skops is not installed.
    """
    try:
        import skops.io
    except ImportError:
        raise ConfigError(".skops files require skops", hint="run pip install 'pdmr-classic[hub]'") from None
    return skops.io


def _check_content(content: bytes) -> None:
    """Check the archive, each node of its description, and the header of each array."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sizes = _check_members(archive, max(_MIN_LIMIT, _MAX_RATIO * len(content)))
        description = json.loads(archive.read(_DESCRIPTION))
        protocol = description.get("protocol")
        if type(protocol) is not int or protocol < _MIN_PROTOCOL:
            raise StateError(f"skops protocol {str(protocol)[:20]}")
        for name in sorted(set(_find_arrays(description))):
            if name not in sizes:
                raise StateError(f"an array in {name[:80]!r}")
            with archive.open(name) as file:
                _check_array(file, name, sizes[name])


def _check_members(archive: zipfile.ZipFile, limit: int) -> dict[str, int]:
    members = archive.infolist()
    sizes = {member.filename: member.file_size for member in members}
    unexpected = [name for name in sizes if name != _DESCRIPTION and not _MEMBER_NAME.fullmatch(name)]
    if unexpected or len(sizes) < len(members):
        raise StateError(f"the file {unexpected[0][:80]!r}" if unexpected else "two files of the same name")
    total = sum(member.file_size for member in members)
    if total > limit:
        raise StateError(f"{total / 1e6:.0f} MB in an archive for which {limit / 1e6:.0f} MB are plausible")
    return sizes


def _find_arrays(root: Any) -> Iterator[str]:
    """Yield the member names of all arrays; raise if there is any other node than those of plain data."""
    nodes = [root]
    while nodes:
        node = nodes.pop()
        loader, kind = node["__loader__"], f"{node['__module__']}.{node['__class__']}"
        if kind not in _NODES.get(loader, ()):
            raise StateError(f"{kind[:200]} ({str(loader)[:40]})")
        if loader == "DictNode":
            nodes += [node["key_types"], *node["content"].values()]
            _check_key_types(node["key_types"])
        elif loader == "ListNode":
            nodes += node["content"]
        elif loader == "NdArrayNode":
            if node["type"] != "numpy":
                raise StateError("an array of objects")
            yield node["file"]


def _check_key_types(node: Any) -> None:
    if node["__loader__"] != "ListNode" or any(part["__loader__"] != "TypeNode" for part in node["content"]):
        raise StateError("keys that are not texts")


def _check_array(file: Any, name: str, size: int) -> None:
    """Check that an array has exactly the numbers that its header announces."""
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file, max_header_size=_MAX_HEADER)
    if dtype.kind not in "biuf":
        raise StateError(f"an array of {dtype} in {name}")
    if file.tell() + math.prod(shape) * dtype.itemsize != size:
        raise StateError(f"an array of {math.prod(shape)} numbers, which {name} does not contain")
