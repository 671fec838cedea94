"""The verbs under test, the files that they write, and how to distinguish old files from new ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from runs import WarmProcess

from pdmr_classic import make_synthetic

_LEARNING = '[learning]\nlearners = ["lightgbm", "svm", "linear"]\ntrials = 10\nfolds = 4\nrepeats = 1\n'
NEW = _LEARNING + '[features]\nfamilies = ["distribution", "quality", "audio_vector", "dynamics"]\n'
OLD = _LEARNING.replace("trials = 10", "trials = 1") + '[features]\nfamilies = ["distribution", "audio_vector"]\n'
# Seconds that a fit without faults takes on an idle core.
FIT_S = 5.0


@dataclass(frozen=True)
class Target:
    """A verb and the files that it writes to a folder.

    Attributes
    ----------
    files : tuple of str
        All files that exist after a successful run.
    temporary : tuple of str
        Files that may exist until the run has finished.
    """

    verb: str
    files: tuple[str, ...]
    temporary: tuple[str, ...]
    args: Callable[[Path, Path], list[str | Path]]


def _fit(world: Path, folder: Path) -> list[str | Path]:
    return ["fit", world / "data", "--config", world / "new.toml", "--out", folder / "m.joblib", "--jobs", "1"]


def _extract(world: Path, folder: Path) -> list[str | Path]:
    out = folder / "features.parquet"
    return ["extract", world / "data" / "train", "--config", world / "new.toml", "--out", out, "--jobs", "1"]


def _predict(world: Path, folder: Path) -> list[str | Path]:
    model = world / "new" / "m.joblib"
    return ["predict", world / "data", "--model", model, "--out", folder / "results.jsonl", "--proba", "--jobs", "1"]


FIT = Target("fit", ("m.joblib", "m.json"), ("m.joblib.lock", "m.joblib.studies", "m.joblib.studies.lock"), _fit)
EXTRACT = Target("extract", ("features.parquet",), ("features.parquet.lock",), _extract)
PREDICT = Target("predict", ("results.jsonl",), ("results.jsonl.lock",), _predict)
TARGETS = {target.verb: target for target in (FIT, EXTRACT, PREDICT)}


@dataclass
class World:
    """A dataset, old and new files of every target from runs without faults, and the course of the new runs."""

    folder: Path
    changes: dict[str, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @classmethod
    def create(cls, folder: Path, warm: WarmProcess) -> World:
        world = cls(folder)
        make_synthetic(folder / "data", subjects=16, segments=3, seconds=(10, 14), missing=0.1)
        for age, settings in (("old", OLD), ("new", NEW)):
            (folder / f"{age}.toml").write_text(settings)
        old, new = folder / "old", folder / "new"
        config = ["--config", folder / "old.toml"]
        data, home = folder / "data", world.home
        warm.run_ok("fit", data, *config, "--out", old / "m.joblib", "--jobs", "1", home=home)
        warm.run_ok("extract", data / "train", *config, "--out", old / "features.parquet", "--jobs", "1", home=home)
        warm.run_ok("predict", data, "--model", old / "m.joblib", "--out", old / "results.jsonl", "--proba", home=home)
        for number, target in enumerate(TARGETS.values()):
            cache = folder / f"cache{number}"
            result = warm.run_ok(*target.args(folder, new), home=home, cache=cache, change=("none", 0))
            world.changes[target.verb], world.seconds[target.verb] = result.changes, result.seconds
        return world

    def prepare(self, folder: Path, home: Path | None = None) -> Path:
        """Create a folder with the old files, and a home with an empty cache next to it; return the folder."""
        home = home or folder / "home"
        shutil.copytree(self.folder / "old", folder / "out")
        home.mkdir(parents=True)
        if (self.home / "state").exists():
            shutil.copytree(self.home / "state", home / "state")
        if home.parent != folder:
            (folder / "home").symlink_to(home)
        return folder / "out"

    def identify_age(self, target: Target, out: Path, warm: WarmProcess) -> str:
        """Return whether the files of a target are "old" or "new".

        Raises
        ------
        AssertionError
            The files are neither.
        """
        if target is FIT:
            path = out.parent / "home" / "check.jsonl"
            path.unlink(missing_ok=True)
            args = ["predict", self.folder / "data", "--model", out / "m.joblib", "--out", path, "--proba"]
            warm.run_ok(*args, "--jobs", "1", home=out.parent / "home", cache=self.home / "cache")
            name = "results.jsonl"
        else:
            (name,) = target.files
            path = out / name
        ages = [age for age in ("old", "new") if (self.folder / age / name).read_bytes() == path.read_bytes()]
        assert len(ages) == 1, f"{name} is neither the old nor the new file"
        return ages[0]

    def list_unexpected(self, target: Target, out: Path, *, finished: bool) -> list[str]:
        """Return files that must not exist; hidden and temporary files are allowed until the run has finished."""
        other_files = {name for other in TARGETS.values() if other is not target for name in other.files}
        allowed = {*other_files, *target.files, *(() if finished else target.temporary)}
        cache = out.parent / "home" / "cache" / "pdmr-classic"
        paths = [*out.iterdir(), *(path for path in cache.glob("*") if path.suffix != ".parquet")]
        hidden = () if finished else (".tmp", ".joblib")
        return [
            path.name
            for path in paths
            if path.name not in allowed and not (path.name.startswith(".") and path.suffix in hidden)
        ]
