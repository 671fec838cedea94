"""A file is read once; what changed is read again; what is kept names nobody."""

from __future__ import annotations

import ast
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import Settings
from pdmr_classic.errors import Finding
from pdmr_classic.features import cache as cache_module
from pdmr_classic.features import extractor, registry
from pdmr_classic.features.cache import default_cache_folder
from pdmr_classic.features.extractor import Extraction, FeatureExtractor
from pdmr_classic.io.dataset import load_dataset

IDS = ("Alice_Smith", "Bob_Jones", "Carol_White")
# Half a second is enough: what is computed does not matter here.
QUICK = Settings().override({"features.families": ("distribution", "quality", "audio_vector")})


def write_video(path: Path, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(15, 2)).round(3)
    path.parent.mkdir(parents=True, exist_ok=True)
    # No timestamps: that is a finding, which the cache has to keep.
    path.write_text("pose_Rx,AU12_r\n" + "".join(f"{a},{b}\n" for a, b in values))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, data_id in enumerate(IDS):
        write_video(tmp_path / "test" / "video" / f"{data_id}.csv", seed)
        audio = tmp_path / "test" / "audio" / f"{data_id}.csv"
        audio.parent.mkdir(exist_ok=True)
        audio.write_text(",".join(str(x) for x in np.random.default_rng(seed).normal(size=8).round(3)) + "\n")
    return tmp_path / "test"


@dataclass
class Spy:
    """Which files were parsed, and which were opened to be hashed."""

    parsed: list[str] = field(default_factory=list)
    hashed: list[str] = field(default_factory=list)


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    told = Spy()

    def watched(function: Any, calls: list[str]) -> Any:
        def call(path: Path, *rest: Any) -> Any:
            calls.append(path.name)
            return function(path, *rest)

        return call

    monkeypatch.setattr(extractor, "compute_video_row", watched(extractor.compute_video_row, told.parsed))
    monkeypatch.setattr(extractor, "compute_audio_row", watched(extractor.compute_audio_row, told.parsed))
    monkeypatch.setattr(cache_module, "read_bytes", watched(cache_module.read_bytes, told.hashed))
    return told


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def run(folder: Path, kept: Path | None, settings: Settings = QUICK) -> Extraction:
    return FeatureExtractor(settings, cache=kept).extract(load_dataset(folder))


def assert_equal(found: Extraction, expected: Extraction) -> None:
    pd.testing.assert_frame_equal(found.features, expected.features, check_exact=True)
    assert found.findings == expected.findings
    assert found.errors == expected.errors


def test_a_second_run_gives_equal_features_and_opens_no_file(folder: Path, kept: Path, spy: Spy) -> None:
    first = run(folder, kept)
    assert len(spy.parsed) == 6
    spy.parsed.clear()
    assert_equal(run(folder, kept), first)
    assert (spy.parsed, spy.hashed) == ([], [])
    assert first.findings
    assert_equal(run(folder, None), first)


def test_only_a_changed_file_is_read_again(folder: Path, kept: Path, spy: Spy) -> None:
    run(folder, kept)
    spy.parsed.clear()
    write_video(folder / "video" / f"{IDS[1]}.csv", seed=77)
    found = run(folder, kept)
    assert spy.parsed == [f"{IDS[1]}.csv"]
    assert_equal(found, run(folder, None))


def test_a_change_with_the_same_size_and_modification_time_is_detected_by_the_inode(folder: Path, kept: Path) -> None:
    path = folder / "video" / f"{IDS[0]}.csv"
    run(folder, kept)
    before = path.stat()
    other = path.with_suffix(".new")
    text = path.read_text()
    place = len("pose_Rx,AU12_r\n") + 4
    other.write_text(text[:place] + ("1" if text[place] != "1" else "2") + text[place + 1 :])
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)
    assert path.stat().st_size == before.st_size
    assert_equal(run(folder, kept), run(folder, None))


def test_a_renamed_file_is_recognised_by_its_content(folder: Path, kept: Path, spy: Spy) -> None:
    first = run(folder, kept)
    spy.parsed.clear()
    for modality in ("video", "audio"):
        (folder / modality / f"{IDS[0]}.csv").rename(folder / modality / "Zoe_Brown.csv")
    found = run(folder, kept)
    assert spy.parsed == []
    np.testing.assert_array_equal(found.features.loc["Zoe_Brown"], first.features.loc[IDS[0]])
    assert {f.file.stem for f in found.findings if f.file} == {"Zoe_Brown", *IDS[1:]}
    assert_equal(found, run(folder, None))


def test_a_touched_file_is_hashed_but_not_parsed(folder: Path, kept: Path, spy: Spy) -> None:
    run(folder, kept)
    spy.parsed.clear()
    os.utime(folder / "video" / f"{IDS[2]}.csv", ns=(1, 1))
    run(folder, kept)
    assert (spy.parsed, spy.hashed) == ([], [f"{IDS[2]}.csv"])


def test_the_same_bytes_as_video_and_as_audio_are_not_confused(folder: Path, kept: Path) -> None:
    # A headerless matrix may stand in both folders, by mistake or not.
    matrix = "".join(f"{a},{b}\n" for a, b in np.random.default_rng(0).normal(size=(15, 2)).round(3))
    for modality in ("video", "audio"):
        for data_id in IDS:
            (folder / modality / f"{data_id}.csv").write_text(matrix)
    expected = run(folder, None)
    run(folder, kept)
    for path in folder.rglob("*.csv"):
        os.utime(path, ns=(1, 1))
    assert_equal(run(folder, kept), expected)


@pytest.mark.parametrize(
    "change", [{"reading.fps": 25.0}, {"reading.min_confidence": 0.5}, {"features.families": ("dynamics",)}]
)
def test_different_settings_have_their_own_cache(folder: Path, kept: Path, spy: Spy, change: dict[str, Any]) -> None:
    run(folder, kept)
    spy.parsed.clear()
    other = QUICK.override(change)
    assert_equal(run(folder, kept, other), run(folder, None, other))
    assert len(list(kept.iterdir())) == 2


def test_learning_settings_do_not_affect_the_cache(folder: Path, kept: Path, spy: Spy) -> None:
    run(folder, kept)
    spy.parsed.clear()
    run(folder, kept, QUICK.override({"learning.seed": 9}))
    assert spy.parsed == []


def test_a_different_code_version_has_its_own_cache(folder: Path, kept: Path, spy: Spy, monkeypatch: pytest.MonkeyPatch) -> None:
    run(folder, kept)
    spy.parsed.clear()
    monkeypatch.setattr(cache_module, "_code_version", lambda: "another")
    run(folder, kept)
    assert len(spy.parsed) == 6


def test_a_cache_that_cannot_be_written_is_not_an_error(folder: Path, tmp_path: Path) -> None:
    # Root may write anywhere: a file where the folder should be refuses even root.
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    assert_equal(run(folder, blocked / "cache"), run(folder, None))
    assert_equal(run(folder, blocked), run(folder, None))


@pytest.mark.parametrize("damage", [b"", b"PAR1 broken", None])
def test_a_damaged_cache_is_rebuilt(folder: Path, kept: Path, damage: bytes | None) -> None:
    expected = run(folder, kept)
    (file,) = kept.iterdir()
    if damage is None:
        pd.DataFrame({"another": [1]}).to_parquet(file)
    else:
        file.write_bytes(damage)
    assert_equal(run(folder, kept), expected)
    assert_equal(run(folder, kept), expected)


def test_a_cache_can_be_deleted_at_any_time(folder: Path, kept: Path) -> None:
    expected = run(folder, kept)
    shutil.rmtree(kept)
    assert_equal(run(folder, kept), expected)


def test_a_cache_contains_no_file_names_and_no_ids(folder: Path, kept: Path) -> None:
    run(folder, kept)
    (file,) = kept.iterdir()
    content = file.read_bytes() + file.name.encode()
    # Compression could hide them: so the values are looked at as well.
    content += pd.read_parquet(file).to_csv().encode()
    for secret in (*IDS, *(part for name in IDS for part in name.split("_")), str(folder), ".csv"):
        assert secret.encode() not in content, secret


def test_a_cache_is_readable_only_by_its_owner(folder: Path, kept: Path) -> None:
    run(folder, kept)
    assert kept.stat().st_mode & 0o777 == 0o700


def test_an_unreadable_file_is_never_cached(folder: Path, kept: Path, spy: Spy) -> None:
    broken = folder / "video" / f"{IDS[0]}.csv"
    broken.write_text("")
    first = run(folder, kept)
    spy.parsed.clear()
    found = run(folder, kept)
    assert spy.parsed == [broken.name]
    assert_equal(found, first)
    broken.unlink()
    write_video(broken, 0)
    assert not run(folder, kept).errors


def test_the_default_cache_folder_belongs_to_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_folder() == tmp_path / "pdmr-classic"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert default_cache_folder() == tmp_path / ".cache" / "pdmr-classic"

    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", homeless)
    assert default_cache_folder() is None


def test_an_interrupted_run_caches_the_files_it_has_read(
    folder: Path, kept: Path, spy: Spy, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ending:
        def progress(self, stage: str, done: int, total: int) -> None:
            if done == 4:
                raise KeyboardInterrupt

        def note(self, finding: Finding) -> None: ...

    monkeypatch.setattr(extractor, "_FILES_PER_TASK", 2)
    monkeypatch.setattr(cache_module, "_MIN_WRITE_INTERVAL_S", -1.0)
    monkeypatch.setattr(cache_module, "_MIN_WORK_PER_WRITE", 0)
    with pytest.raises(KeyboardInterrupt):
        FeatureExtractor(QUICK, cache=kept, reporter=Ending()).extract(load_dataset(folder))
    assert len(spy.parsed) == 4
    spy.parsed.clear()
    again = run(folder, kept)
    assert len(spy.parsed) == 2
    assert_equal(again, run(folder, None))


def test_the_cache_is_written_rarely_while_files_are_read(
    folder: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = []
    write = cache_module.FeatureCache.write
    monkeypatch.setattr(cache_module.FeatureCache, "write", lambda *args: (writes.append(1), write(*args)))
    monkeypatch.setattr(extractor, "_FILES_PER_TASK", 1)
    run(folder, kept)
    assert writes == [1], "once, at the end"


def test_a_file_that_changes_after_it_was_read_is_read_again(folder: Path, kept: Path) -> None:
    path = folder / "video" / f"{IDS[0]}.csv"

    class Changing:
        def progress(self, stage: str, done: int, total: int) -> None:
            if done == total:
                write_video(path, 99)

        def note(self, finding: Finding) -> None: ...

    FeatureExtractor(QUICK, cache=kept, reporter=Changing()).extract(load_dataset(folder))
    assert_equal(run(folder, kept), run(folder, None))


# --------------------------------------------------------------------------------------- other code, other cache

PACKAGE = Path(cache_module.__file__).parents[1]


def file_of(module: str) -> Path | None:
    """Return the file of a module of the package; None for anything else, and for the package's list of names."""
    place = PACKAGE.joinpath(*module.split(".")[1:])
    files = (place.with_suffix(".py"), place / "__init__.py") if module.startswith("pdmr_classic.") else ()
    return next((file for file in files if file.is_file()), None)


def imported_by(file: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            modules = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from filter(None, map(file_of, modules))


def closure(modules: list[str]) -> set[Path]:
    """Return the files of these modules and of all that they import, however far."""
    files: set[Path] = set()
    waiting = [file for module in modules if (file := file_of(module))]
    while waiting:
        if (file := waiting.pop()) not in files:
            files.add(file)
            waiting.extend(imported_by(file))
    return files


# The registry imports its families by name.
FAMILIES = [f"pdmr_classic.features.families.{module}" for module in registry._MODULES]
SHAPING = sorted(file.relative_to(PACKAGE).as_posix() for file in closure([extractor.__name__, *FAMILIES]))
OTHERS = [
    sorted(PACKAGE.joinpath(room).rglob("[a-z]*.py"))[0].relative_to(PACKAGE).as_posix()
    for room in ("models", "evaluation", "reporting", "cli")
]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the package, in which a test may change a file and must put it back."""
    folder = tmp_path_factory.mktemp("code") / "pdmr_classic"
    return Path(shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__")))


def test_the_code_version_covers_everything_the_extractor_imports() -> None:
    assert {"config.py", "io/openface.py", "features/signal.py", "features/families/eyes.py"} <= set(SHAPING)
    assert set(SHAPING) <= {file.relative_to(PACKAGE).as_posix() for file in cache_module._code_files(PACKAGE)}


def version_with_a_comment_in(package: Path, name: str) -> str:
    file = package / name
    text = file.read_bytes()
    file.write_bytes(text + b"# changed\n")
    version = cache_module._code_version(package)
    file.write_bytes(text)
    return version


@pytest.mark.parametrize("name", SHAPING)
def test_a_change_of_feature_code_changes_the_version(package: Path, name: str) -> None:
    before = cache_module._code_version(package)
    assert version_with_a_comment_in(package, name) != before
    assert cache_module._code_version(package) == before


@pytest.mark.parametrize("name", OTHERS)
def test_a_change_of_other_code_does_not_change_the_version(package: Path, name: str) -> None:
    assert version_with_a_comment_in(package, name) == cache_module._code_version(package)


def test_the_version_does_not_depend_on_the_location_of_the_code(package: Path) -> None:
    assert cache_module._code_version(package) == cache_module._code_version()
