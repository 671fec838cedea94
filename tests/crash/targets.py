"""The verbs under test, the files that they write, and how to distinguish old files from new ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from runs import WarmProcess

from pdmr_classic import make_synthetic

_LEARNING = '[learning]\nlearners = ["lightgbm", "linear"]\ntrials = 6\nfolds = 3\nrepeats = 1\n'
NEW = _LEARNING + '[features]\nfamilies = ["distribution", "quality", "audio_vector"]\n'
OLD = _LEARNING.replace("trials = 6", "trials = 1") + '[features]\nfamilies = ["distribution", "audio_vector"]\n'
# Long enough to be interrupted in the middle of a stage that was announced.
LONG = NEW.replace('"linear"', '"svm", "linear"').replace("trials = 6", "trials = 10").replace("folds = 3", "folds = 4")
# Seconds that a fit without faults takes on an idle core.
FIT_S = 2.0


@dataclass(frozen=True)
class Target:
    """A verb and the files that it writes to a folder.

    Attributes
    ----------
    files : tuple of str
        All files that exist after a successful run.
    temporary : tuple of str
        Files that may exist until the run has finished.
    age : str
        Folder with its reference files.
    """

    verb: str
    files: tuple[str, ...]
    temporary: tuple[str, ...]
    args: Callable[[Path, Path], list[str | Path]]
    age: str = "new"


def _fit(world: Path, folder: Path, age: str = "new") -> list[str | Path]:
    return ["fit", world / "data", "--config", world / f"{age}.toml", "--out", folder / "m.joblib", "--jobs", "1"]


def _extract(world: Path, folder: Path) -> list[str | Path]:
    out = folder / "features.parquet"
    return ["extract", world / "data" / "train", "--config", world / "new.toml", "--out", out, "--jobs", "1"]


def _predict(world: Path, folder: Path) -> list[str | Path]:
    model = world / "new" / "m.joblib"
    return ["predict", world / "data", "--model", model, "--out", folder / "results.jsonl", "--proba", "--jobs", "1"]


FIT = Target("fit", ("m.joblib", "m.json"), ("m.joblib.lock", "m.joblib.studies", "m.joblib.studies.lock"), _fit)
EXTRACT = Target("extract", ("features.parquet",), ("features.parquet.lock",), _extract)
PREDICT = Target("predict", ("results.jsonl",), ("results.jsonl.lock",), _predict)
LONG_FIT = replace(FIT, args=partial(_fit, age="long"), age="long")
TARGETS = {target.verb: target for target in (FIT, EXTRACT, PREDICT)}


@dataclass
class World:
    """A dataset, old and new files of every target from runs without faults, and the course of the new runs."""

    folder: Path
    changes: dict[Target, list[str]] = field(default_factory=dict)
    seconds: dict[Target, float] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @classmethod
    def create(cls, folder: Path, warm: WarmProcess) -> World:
        world = cls(folder)
        make_synthetic(folder / "data", subjects=16, segments=3, seconds=(4, 6), missing=0.1)
        for age, settings in (("old", OLD), ("new", NEW), ("long", LONG)):
            (folder / f"{age}.toml").write_text(settings)
        old = folder / "old"
        config = ["--config", folder / "old.toml"]
        data, home = folder / "data", world.home
        warm.run_ok("fit", data, *config, "--out", old / "m.joblib", "--jobs", "1", home=home)
        warm.run_ok("extract", data / "train", *config, "--out", old / "features.parquet", "--jobs", "1", home=home)
        warm.run_ok("predict", data, "--model", old / "m.joblib", "--out", old / "results.jsonl", "--proba", home=home)
        for target in TARGETS.values():
            world._record(target, warm)
        return world

    def add_long_fit(self, warm: WarmProcess) -> None:
        """Add the reference files of `LONG_FIT`, unless they exist."""
        if LONG_FIT not in self.changes:
            self._record(LONG_FIT, warm)
            out = self.folder / LONG_FIT.age
            args = ["predict", self.folder / "data", "--model", out / "m.joblib", "--out", out / "results.jsonl"]
            warm.run_ok(*args, "--proba", home=self.home)

    def _record(self, target: Target, warm: WarmProcess) -> None:
        """Make the reference files of a target without a cache; store the changes of the disk, and the duration."""
        cache = self.folder / f"cache{len(self.changes)}"
        args = target.args(self.folder, self.folder / target.age)
        result = warm.run_ok(*args, home=self.home, cache=cache, change=("none", 0))
        self.changes[target], self.seconds[target] = result.changes, result.seconds

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
        """Return the age of the files of a target: "old", or the age of the target.

        Raises
        ------
        AssertionError
            The files are neither.
        """
        if target.verb == FIT.verb:
            path = out.parent / "home" / "check.jsonl"
            path.unlink(missing_ok=True)
            args = ["predict", self.folder / "data", "--model", out / "m.joblib", "--out", path, "--proba"]
            warm.run_ok(*args, "--jobs", "1", home=out.parent / "home", cache=self.home / "cache")
            name = "results.jsonl"
        else:
            (name,) = target.files
            path = out / name
        ages = [age for age in ("old", target.age) if (self.folder / age / name).read_bytes() == path.read_bytes()]
        assert len(ages) == 1, f"{name} is neither the old nor the {target.age} file"
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
