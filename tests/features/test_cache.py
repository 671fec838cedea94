"""Files are read once and again after a change; the cache contains no names."""

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
from pdmr_classic.features import _jobs, _run_jobs, extractor, registry
from pdmr_classic.features import cache as cache_module
from pdmr_classic.features.cache import default_cache_folder
from pdmr_classic.features.code_version import hash_feature_code, list_feature_code
from pdmr_classic.features.extractor import Extraction, FeatureExtractor
from pdmr_classic.io.dataset import load_dataset

IDS = ("Alice_Smith", "Bob_Jones", "Carol_White")
# Half a second of video is enough; the feature values do not matter here.
QUICK = Settings().override({"features.families": ("distribution", "quality", "audio_vector")})


def write_video(path: Path, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(15, 2)).round(3)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without timestamps, there is a finding, which the cache must preserve.
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
    """Names of the files that were parsed, and of those that were hashed."""

    parsed: list[str] = field(default_factory=list)
    hashed: list[str] = field(default_factory=list)


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    spy = Spy()

    def watch(function: Any, calls: list[str]) -> Any:
        def call(path: Path, *rest: Any, **options: Any) -> Any:
            calls.append(path.name)
            return function(path, *rest, **options)

        return call

    monkeypatch.setattr(_jobs, "compute_stream_row", watch(_jobs.compute_stream_row, spy.parsed))
    monkeypatch.setattr(_jobs, "compute_vector_row", watch(_jobs.compute_vector_row, spy.parsed))
    monkeypatch.setattr(cache_module, "read_bytes", watch(cache_module.read_bytes, spy.hashed))
    return spy


@pytest.fixture
def cache_folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def run(folder: Path, cache_folder: Path | None, settings: Settings = QUICK) -> Extraction:
    return FeatureExtractor(settings, cache=cache_folder).extract(load_dataset(folder))


def assert_equal(result: Extraction, expected: Extraction) -> None:
    pd.testing.assert_frame_equal(result.features, expected.features, check_exact=True)
    assert result.findings == expected.findings
    assert result.errors == expected.errors
    assert result.files == expected.files
    assert result.conflicts == expected.conflicts


def test_a_second_run_gives_equal_features_and_opens_no_file(folder: Path, cache_folder: Path, spy: Spy) -> None:
    first = run(folder, cache_folder)
    assert len(spy.parsed) == 6
    spy.parsed.clear()
    assert_equal(run(folder, cache_folder), first)
    assert (spy.parsed, spy.hashed) == ([], [])
    assert first.findings
    assert_equal(run(folder, None), first)


def test_only_a_changed_file_is_read_again(folder: Path, cache_folder: Path, spy: Spy) -> None:
    run(folder, cache_folder)
    spy.parsed.clear()
    write_video(folder / "video" / f"{IDS[1]}.csv", seed=77)
    result = run(folder, cache_folder)
    assert spy.parsed == [f"{IDS[1]}.csv"]
    assert_equal(result, run(folder, None))


def test_a_change_with_the_same_size_and_modification_time_is_detected_by_the_inode(
    folder: Path, cache_folder: Path
) -> None:
    path = folder / "video" / f"{IDS[0]}.csv"
    run(folder, cache_folder)
    before = path.stat()
    changed = path.with_suffix(".new")
    text = path.read_text()
    position = len("pose_Rx,AU12_r\n") + 4
    changed.write_text(text[:position] + ("1" if text[position] != "1" else "2") + text[position + 1 :])
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    changed.replace(path)
    assert path.stat().st_size == before.st_size
    assert_equal(run(folder, cache_folder), run(folder, None))


def test_a_renamed_file_is_recognised_by_its_content(folder: Path, cache_folder: Path, spy: Spy) -> None:
    first = run(folder, cache_folder)
    spy.parsed.clear()
    for modality in ("video", "audio"):
        (folder / modality / f"{IDS[0]}.csv").rename(folder / modality / "Zoe_Brown.csv")
    result = run(folder, cache_folder)
    assert spy.parsed == []
    np.testing.assert_array_equal(result.features.loc["Zoe_Brown"], first.features.loc[IDS[0]])
    assert {f.file.stem for f in result.findings if f.file} == {"Zoe_Brown", *IDS[1:]}
    assert_equal(result, run(folder, None))


def test_a_touched_file_is_hashed_but_not_parsed(folder: Path, cache_folder: Path, spy: Spy) -> None:
    run(folder, cache_folder)
    spy.parsed.clear()
    os.utime(folder / "video" / f"{IDS[2]}.csv", ns=(1, 1))
    run(folder, cache_folder)
    assert (spy.parsed, spy.hashed) == ([], [f"{IDS[2]}.csv"])


def test_the_same_bytes_as_video_and_as_audio_are_not_confused(folder: Path, cache_folder: Path) -> None:
    # The same headerless matrix may be in both folders.
    matrix = "".join(f"{a},{b}\n" for a, b in np.random.default_rng(0).normal(size=(15, 2)).round(3))
    for modality in ("video", "audio"):
        for data_id in IDS:
            (folder / modality / f"{data_id}.csv").write_text(matrix)
    expected = run(folder, None)
    run(folder, cache_folder)
    for path in folder.rglob("*.csv"):
        os.utime(path, ns=(1, 1))
    assert_equal(run(folder, cache_folder), expected)


def test_a_file_that_was_read_as_audio_is_read_again_as_video(tmp_path: Path, cache_folder: Path) -> None:
    folder = tmp_path / "set"
    for seed, data_id in enumerate(IDS):
        write_video(folder / f"{data_id}.csv", seed)
    for modality in ("audio", "video", "audio"):
        settings = QUICK.override({f"data.{modality}_pattern": "{id}.csv"})
        data = load_dataset(folder, settings=settings.data)
        cached = FeatureExtractor(settings, cache=cache_folder).extract(data)
        assert_equal(cached, FeatureExtractor(settings).extract(data))
        assert cached.features.columns.str.startswith(f"{modality}__").any()


def test_findings_of_joined_files_are_the_same_in_a_second_run(tmp_path: Path, cache_folder: Path) -> None:
    session = tmp_path / "set" / "300_P"
    session.mkdir(parents=True)
    for name, channel in (("AUs", "AU12_r"), ("pose", "pose_Rx")):
        rows = [f"{k + 1},{k / 30:.3f},0.9,1,{'nan' if k == 20 else k % 7 / 5}\n" for k in range(40)]
        (session / f"300_CLNF_{name}.txt").write_text(
            f"frame, timestamp, confidence, success, {channel}\n" + "".join(rows)
        )
    first = run(tmp_path / "set", cache_folder)
    assert any(finding.code == "nan" for finding in first.findings)
    assert_equal(run(tmp_path / "set", cache_folder), first)


@pytest.mark.parametrize(
    "change", [{"reading.fps": 25.0}, {"reading.min_confidence": 0.5}, {"features.families": ("dynamics",)}]
)
def test_different_settings_have_their_own_cache(
    folder: Path, cache_folder: Path, spy: Spy, change: dict[str, Any]
) -> None:
    run(folder, cache_folder)
    spy.parsed.clear()
    changed = QUICK.override(change)
    assert_equal(run(folder, cache_folder, changed), run(folder, None, changed))
    assert len(list(cache_folder.iterdir())) == 2


def test_learning_settings_do_not_affect_the_cache(folder: Path, cache_folder: Path, spy: Spy) -> None:
    run(folder, cache_folder)
    spy.parsed.clear()
    run(folder, cache_folder, QUICK.override({"learning.seed": 9}))
    assert spy.parsed == []


def test_a_different_code_version_has_its_own_cache(
    folder: Path, cache_folder: Path, spy: Spy, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(folder, cache_folder)
    spy.parsed.clear()
    monkeypatch.setattr(cache_module, "hash_feature_code", lambda: "another")
    run(folder, cache_folder)
    assert len(spy.parsed) == 6


def test_a_cache_that_cannot_be_written_is_not_an_error(folder: Path, tmp_path: Path) -> None:
    # Root can write anywhere, but not to a folder below a file.
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    assert_equal(run(folder, blocked / "cache"), run(folder, None))
    assert_equal(run(folder, blocked), run(folder, None))


@pytest.mark.parametrize("damage", [b"", b"PAR1 broken", None])
def test_a_damaged_cache_is_rebuilt(folder: Path, cache_folder: Path, damage: bytes | None) -> None:
    expected = run(folder, cache_folder)
    (file,) = cache_folder.iterdir()
    if damage is None:
        pd.DataFrame({"another": [1]}).to_parquet(file)
    else:
        file.write_bytes(damage)
    assert_equal(run(folder, cache_folder), expected)
    assert_equal(run(folder, cache_folder), expected)


def test_a_cache_can_be_deleted_at_any_time(folder: Path, cache_folder: Path) -> None:
    expected = run(folder, cache_folder)
    shutil.rmtree(cache_folder)
    assert_equal(run(folder, cache_folder), expected)


def test_a_cache_contains_no_file_names_and_no_ids(folder: Path, cache_folder: Path) -> None:
    run(folder, cache_folder)
    (file,) = cache_folder.iterdir()
    content = file.read_bytes() + file.name.encode()
    # Compression could hide names, so the values are checked as well.
    content += pd.read_parquet(file).to_csv().encode()
    for secret in (*IDS, *(part for name in IDS for part in name.split("_")), str(folder), ".csv"):
        assert secret.encode() not in content, secret


def test_a_cache_is_readable_only_by_its_owner(folder: Path, cache_folder: Path) -> None:
    run(folder, cache_folder)
    assert cache_folder.stat().st_mode & 0o777 == 0o700


def test_an_unreadable_file_is_never_cached(folder: Path, cache_folder: Path, spy: Spy) -> None:
    broken = folder / "video" / f"{IDS[0]}.csv"
    broken.write_text("")
    first = run(folder, cache_folder)
    spy.parsed.clear()
    result = run(folder, cache_folder)
    assert spy.parsed == [broken.name]
    assert_equal(result, first)
    broken.unlink()
    write_video(broken, 0)
    assert not run(folder, cache_folder).errors


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
    folder: Path, cache_folder: Path, spy: Spy, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupting:
        def progress(self, stage: str, done: int, total: int) -> None:
            if done == 4:
                raise KeyboardInterrupt

        def note(self, finding: Finding) -> None: ...

    monkeypatch.setattr(_run_jobs, "_FILES_PER_TASK", 2)
    monkeypatch.setattr(cache_module, "_MIN_WRITE_INTERVAL_S", -1.0)
    monkeypatch.setattr(cache_module, "_MIN_WORK_PER_WRITE", 0)
    with pytest.raises(KeyboardInterrupt):
        FeatureExtractor(QUICK, cache=cache_folder, reporter=Interrupting()).extract(load_dataset(folder))
    assert len(spy.parsed) == 4
    spy.parsed.clear()
    again = run(folder, cache_folder)
    assert len(spy.parsed) == 2
    assert_equal(again, run(folder, None))


def test_the_cache_is_written_rarely_while_files_are_read(
    folder: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = []
    write = cache_module.FeatureCache.write
    monkeypatch.setattr(cache_module.FeatureCache, "write", lambda *args: (writes.append(1), write(*args)))
    monkeypatch.setattr(_run_jobs, "_FILES_PER_TASK", 1)
    run(folder, cache_folder)
    assert writes == [1], "once, at the end"


def test_a_file_that_changes_after_it_was_read_is_read_again(folder: Path, cache_folder: Path) -> None:
    path = folder / "video" / f"{IDS[0]}.csv"

    class Changing:
        def progress(self, stage: str, done: int, total: int) -> None:
            if done == total:
                write_video(path, 99)

        def note(self, finding: Finding) -> None: ...

    FeatureExtractor(QUICK, cache=cache_folder, reporter=Changing()).extract(load_dataset(folder))
    assert_equal(run(folder, cache_folder), run(folder, None))


# --------------------------------------------------------------------------------------- code version

PACKAGE = Path(cache_module.__file__).parents[1]


def find_module_file(module: str) -> Path | None:
    """Return the file of a module of the package; None for other modules and for the package itself."""
    position = PACKAGE.joinpath(*module.split(".")[1:])
    files = (position.with_suffix(".py"), position / "__init__.py") if module.startswith("pdmr_classic.") else ()
    return next((file for file in files if file.is_file()), None)


def find_imports(file: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            modules = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from filter(None, map(find_module_file, modules))


def find_all_imports(modules: list[str]) -> set[Path]:
    """Return the files of these modules and of all their direct and indirect imports."""
    files: set[Path] = set()
    waiting = [file for module in modules if (file := find_module_file(module))]
    while waiting:
        if (file := waiting.pop()) not in files:
            files.add(file)
            waiting.extend(find_imports(file))
    return files


# The registry imports its families by name.
FAMILIES = [f"pdmr_classic.features.families.{module}" for module in registry._MODULES]
FEATURE_CODE = sorted(
    file.relative_to(PACKAGE).as_posix() for file in find_all_imports([extractor.__name__, *FAMILIES])
)
OTHER_CODE = [
    sorted(PACKAGE.joinpath(room).rglob("[a-z]*.py"))[0].relative_to(PACKAGE).as_posix()
    for room in ("models", "evaluation", "reporting", "cli")
]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the package; tests that change a file must restore it."""
    folder = tmp_path_factory.mktemp("code") / "pdmr_classic"
    return Path(shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__")))


def test_the_code_version_covers_everything_the_extractor_imports() -> None:
    code = {"config.py", "io/video/read_stream.py", "features/signal.py", "features/families/eyes.py"}
    assert code <= set(FEATURE_CODE)
    assert set(FEATURE_CODE) <= {file.relative_to(PACKAGE).as_posix() for file in list_feature_code(PACKAGE)}


def version_with_comment(package: Path, name: str) -> str:
    file = package / name
    text = file.read_bytes()
    file.write_bytes(text + b"# changed\n")
    version = hash_feature_code(package)
    file.write_bytes(text)
    return version


@pytest.mark.parametrize("name", FEATURE_CODE)
def test_a_change_of_feature_code_changes_the_version(package: Path, name: str) -> None:
    before = hash_feature_code(package)
    assert version_with_comment(package, name) != before
    assert hash_feature_code(package) == before


@pytest.mark.parametrize("name", OTHER_CODE)
def test_a_change_of_other_code_does_not_change_the_version(package: Path, name: str) -> None:
    assert version_with_comment(package, name) == hash_feature_code(package)


def test_the_version_does_not_depend_on_the_location_of_the_code(package: Path) -> None:
    assert hash_feature_code(package) == hash_feature_code()
