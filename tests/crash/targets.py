"""What the verbs write, what stood there before, and how to tell the two apart and from anything else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from runs import Warm

from pdmr_classic import make_synthetic

_LEARNING = '[learning]\nlearners = ["lightgbm", "svm", "linear"]\ntrials = 10\nfolds = 4\nrepeats = 1\n'
NEW = _LEARNING + '[features]\nfamilies = ["distribution", "quality", "audio_vector", "dynamics"]\n'
OLD = _LEARNING.replace("trials = 10", "trials = 1") + '[features]\nfamilies = ["distribution", "audio_vector"]\n'
# How long a fit without faults takes, on a core of its own.
FIT_S = 5.0


@dataclass(frozen=True)
class Target:
    """A verb, and the files that it makes in a folder.

    Attributes
    ----------
    files : tuple of str
        What stands there in the end, and nothing else.
    beside : tuple of str
        What may stand there for as long as the work is not done.
    """

    verb: str
    files: tuple[str, ...]
    beside: tuple[str, ...]
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
    """A set, an old and a new state of every target, made without faults, and how those were made."""

    folder: Path
    changes: dict[str, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @classmethod
    def make(cls, folder: Path, warm: Warm) -> World:
        world = cls(folder)
        make_synthetic(folder / "data", subjects=16, segments=3, seconds=(10, 14), missing=0.1)
        for age, settings in (("old", OLD), ("new", NEW)):
            (folder / f"{age}.toml").write_text(settings)
        old, new = folder / "old", folder / "new"
        config = ["--config", folder / "old.toml"]
        data, home = folder / "data", world.home
        warm.done("fit", data, *config, "--out", old / "m.joblib", "--jobs", "1", home=home)
        warm.done("extract", data / "train", *config, "--out", old / "features.parquet", "--jobs", "1", home=home)
        warm.done("predict", data, "--model", old / "m.joblib", "--out", old / "results.jsonl", "--proba", home=home)
        for number, target in enumerate(TARGETS.values()):
            fresh = folder / f"cache{number}"
            made = warm.done(*target.args(folder, new), home=home, cache=fresh, change=("none", 0))
            world.changes[target.verb], world.seconds[target.verb] = made.changes, made.seconds
        return world

    def place(self, folder: Path, home: Path | None = None) -> Path:
        """Make a folder with the old files in it, and beside it a home whose cache is empty; return the folder."""
        home = home or folder / "home"
        shutil.copytree(self.folder / "old", folder / "out")
        home.mkdir(parents=True)
        if (self.home / "state").exists():
            shutil.copytree(self.home / "state", home / "state")
        if home.parent != folder:
            (folder / "home").symlink_to(home)
        return folder / "out"

    def age(self, target: Target, place: Path, warm: Warm) -> str:
        """Return "old" or "new": which of the two the files of a target are.

        Raises
        ------
        AssertionError
            They are something else.
        """
        if target is FIT:
            found = place.parent / "home" / "check.jsonl"
            found.unlink(missing_ok=True)
            args = ["predict", self.folder / "data", "--model", place / "m.joblib", "--out", found, "--proba"]
            warm.done(*args, "--jobs", "1", home=place.parent / "home", cache=self.home / "cache")
            name = "results.jsonl"
        else:
            (name,) = target.files
            found = place / name
        ages = [age for age in ("old", "new") if (self.folder / age / name).read_bytes() == found.read_bytes()]
        assert len(ages) == 1, f"{name} is neither the old nor the new one"
        return ages[0]

    def unexpected(self, target: Target, place: Path, *, done: bool) -> list[str]:
        """Return files that should not be there: whose names are read by someone, or, at the end, any."""
        others = {name for other in TARGETS.values() if other is not target for name in other.files}
        known = {*others, *target.files, *(() if done else target.beside)}
        cache = place.parent / "home" / "cache" / "pdmr-classic"
        found = [*place.iterdir(), *(path for path in cache.glob("*") if path.suffix != ".parquet")]
        hidden = () if done else (".tmp", ".joblib")
        return [
            path.name
            for path in found
            if path.name not in known and not (path.name.startswith(".") and path.suffix in hidden)
        ]
