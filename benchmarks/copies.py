"""Recall of copied recordings under another name, and false alarms of sets without copies.

    PDMR_REAL_DATA=../shared/data python benchmarks/copies.py

Recall is the share of copies that are found with their original, if 5, 10, 20, 40 and 60% of the recordings of the set
are copies (beyond 50%, of some recordings two; these do not count). A set without copies has a false
alarm if any two recordings of different subjects are found; pairs of one subject are listed beside it. "Halves" are
both halves of each recording, as if they were two: the most similar recordings of one person that the sets can offer.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd

from pdmr_classic import Settings, load_dataset, make_synthetic
from pdmr_classic.features.file_features import compute_stream_features
from pdmr_classic.features.registry import load_families
from pdmr_classic.io.audio.embeddings import read_embedding
from pdmr_classic.io.video.read_stream import read_stream
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.subjects.copies import find_near_copies, find_near_copies_between_subjects

SHARES = (0.05, 0.1, 0.2, 0.4, 0.6)
SEEDS = range(10)
# (subjects, segments per subject, seconds); two thirds of the subjects are in train/, which is tested.
SHAPES = ((60, 3, (10, 20)), (90, 1, (10, 20)), (24, 8, (10, 20)), (60, 2, (60, 90)))
FAMILIES = (load_families()["distribution"],)
RNG = np.random.default_rng(0)


@dataclass(frozen=True, eq=False)
class Recordings:
    """Streams or audio vectors by id, and their subjects."""

    name: str
    items: dict[str, Stream] | pd.DataFrame
    subjects: list[str]


# --------------------------------------------------------------------------------------------------- sets


def read_set(name: str, folder: Path) -> Iterator[Recordings]:
    """Yield the streams and the audio vectors of a data folder."""
    data = load_dataset(folder)
    assert data.groups is not None
    videos = {one.data_id: read_stream(one.video) for one in data.recordings if one.video is not None}
    vectors = {one.data_id: read_embedding(one.audio).values for one in data.recordings if one.audio is not None}
    if videos:
        yield Recordings(f"{name}, video", videos, data.groups.loc[list(videos)].astype(str).tolist())
    if vectors:
        subjects = data.groups.loc[list(vectors)].astype(str).tolist()
        yield Recordings(f"{name}, audio", name_components(np.array(list(vectors.values()))), subjects)


def name_components(vectors: np.ndarray) -> pd.DataFrame:
    ids = [f"{row:04d}" for row in range(len(vectors))]
    return pd.DataFrame(vectors, ids, [f"audio__vector__{k:04d}" for k in range(vectors.shape[1])], dtype=np.float64)


def load_real_sets(folder: Path) -> Iterator[Recordings]:
    for name in ("badrobots-gaze", "watch-exercise", "youtubepd-wavlm"):
        for split in ("train", "test"):
            if (folder / name / split).is_dir():
                yield from read_set(f"{name} {split}", folder / name / split)
    yield read_openface(folder / "openface-714")
    yield read_digits(folder / "fsdd-wav")


def read_openface(folder: Path) -> Recordings:
    """Return five sections of each of four recordings of two people, as there are no more with all channels."""
    items = {}
    for path in sorted(folder.rglob("*.csv")):
        stream = read_stream(path)
        for k in range(5):
            items[f"{path.stem}-{k}"] = keep_frames(stream, slice(30 * k, 30 * (k + 1)))
    return Recordings("openface-714, fifths", items, [name.rsplit("-", 1)[0] for name in items])


def read_digits(folder: Path) -> Recordings:
    """Return mean and standard deviation of 48 log-Mel bands: short words, which one speaker says alike."""
    paths = sorted(folder.glob("*.wav"))
    return Recordings(
        "fsdd-wav, log-Mel",
        name_components(np.array([log_mel(p) for p in paths])),
        [p.stem.split("_")[1] for p in paths],
    )


def log_mel(path: Path, n_bands: int = 48, length: int = 256) -> np.ndarray:
    with wave.open(str(path)) as file:
        samples, rate = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768, file.getframerate()
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(samples, (0, length)), length)[:: length // 2]
    power = np.abs(np.fft.rfft(frames * np.hanning(length), axis=1)) ** 2
    edges = 700 * (np.exp(np.linspace(np.log1p(50 / 700), np.log1p(rate / 1400), n_bands + 2)) - 1)
    frequency = np.fft.rfftfreq(length, 1 / rate)
    filters = [np.interp(frequency, edges[k : k + 3], [0, 1, 0]) for k in range(n_bands)]
    bands = np.log(power @ np.array(filters).T + 1e-6)
    return np.concatenate([bands.mean(axis=0), bands.std(axis=0)])


def make_synthetic_sets() -> Iterator[Recordings]:
    for subjects, segments, seconds in SHAPES:
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as folder:
                made = make_synthetic(f"{folder}/set", subjects=subjects, segments=segments, seed=seed, seconds=seconds)
                yield from read_set(
                    f"synthetic {subjects} x {segments}, {seconds[0]} s, seed {seed}", made.out / "train"
                )


# ------------------------------------------------------------------------------------------------- copies


def keep_frames(stream: Stream, frames: slice) -> Stream:
    time_s = stream.time_s[frames]
    return replace(stream, values=stream.values[frames], time_s=time_s - time_s[0], valid=stream.valid[frames])


def cut(share: float) -> Callable[[Stream], Stream]:
    """Return a function that keeps this share of the frames, from a random frame on."""

    def change(stream: Stream) -> Stream:
        length = max(round(share * stream.n_frames), 2)
        start = int(RNG.integers(stream.n_frames - length + 1))
        return keep_frames(stream, slice(start, start + length))

    return change


def add_noise(share: float) -> Callable[[Stream], Stream]:
    def change(stream: Stream) -> Stream:
        noise = RNG.normal(size=stream.values.shape) * np.nanstd(stream.values[stream.valid], axis=0)
        return replace(stream, values=(stream.values + share * noise).astype(np.float32))

    return change


def round_to(decimals: int) -> Callable[[Stream], Stream]:
    return lambda stream: replace(stream, values=stream.values.round(decimals))


VIDEO_CHANGES: dict[str, Callable[[Stream], Stream]] = {
    "3 decimals": round_to(3),
    "2 decimals": round_to(2),
    "1 decimal": round_to(1),
    "1% noise": add_noise(0.01),
    "5% noise": add_noise(0.05),
    "10% noise": add_noise(0.1),
    "cut to 95%": cut(0.95),
    "cut to 80%": cut(0.8),
    "cut to 50%": cut(0.5),
    "half the frame rate": lambda s: replace(keep_frames(s, slice(None, None, 2)), frame_rate_hz=s.frame_rate_hz / 2),
    "mirrored": lambda s: replace(s, values=-s.values),
    "gain 1.05": lambda s: replace(s, values=s.values * np.float32(1.05)),
}
AUDIO_CHANGES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "3 decimals": lambda table: table.round(3),
    "2 decimals": lambda table: table.round(2),
    "1 decimal": lambda table: table.round(1),
    "1% noise": lambda table: table + 0.01 * table.std().to_numpy() * RNG.normal(size=table.shape),
    "5% noise": lambda table: table + 0.05 * table.std().to_numpy() * RNG.normal(size=table.shape),
    "gain 1.05": lambda table: table * 1.05,
}


def make_table(items: dict[str, Stream] | pd.DataFrame) -> pd.DataFrame:
    if isinstance(items, pd.DataFrame):
        return items
    rows = {name: compute_stream_features(stream, FAMILIES, Settings().features) for name, stream in items.items()}
    return pd.DataFrame({name: pd.Series(values, names) for name, (names, values) in rows.items()}).T


def measure_recall(originals: pd.DataFrame, changed: pd.DataFrame, share: float) -> float:
    n_copies = max(round(share / (1 - share) * len(originals)), 1)
    sources = np.resize(RNG.permutation(originals.index.to_numpy()), n_copies)
    names = {f"copy-{k}": source for k, source in enumerate(sources)}
    found = find_near_copies(pd.concat([originals, changed.loc[sources].set_axis(list(names))]))
    # A copy with a twin is trivially similar to it: only copies of recordings that are copied once count.
    once = {name for name, source in names.items() if list(names.values()).count(source) == 1}
    right = {one.data_id for one in found if one.data_id in once and one.original == names[one.data_id]}
    return len(right) / len(once)


def report_recall(recordings: Recordings) -> None:
    items, originals = recordings.items, make_table(recordings.items)
    changes = AUDIO_CHANGES if isinstance(items, pd.DataFrame) else VIDEO_CHANGES
    print(f"\n{recordings.name}, {len(originals)} recordings: recall by share of copies\n{'':<20}", end="")
    print(*(f"{share:5.0%}" for share in SHARES))
    for name, change in changes.items():
        if isinstance(items, pd.DataFrame):
            changed = change(items)
        else:
            changed = make_table({data_id: change(stream) for data_id, stream in items.items()})
        print(f"{name:<20}", *(f"{measure_recall(originals, changed, share):5.2f}" for share in SHARES), flush=True)


# ------------------------------------------------------------------------------------------- false alarms


def split_in_halves(recordings: Recordings) -> Recordings:
    assert isinstance(recordings.items, dict)
    halves = {}
    for name, stream in recordings.items.items():
        middle = stream.n_frames // 2
        halves[f"{name}-a"] = keep_frames(stream, slice(0, middle))
        halves[f"{name}-b"] = keep_frames(stream, slice(middle, None))
    return Recordings(f"{recordings.name}, halves", halves, [one for one in recordings.subjects for _ in range(2)])


def count_found(recordings: Recordings) -> tuple[int, int]:
    """Return the number of recordings found with one of another subject, and with one of their own subject."""
    features = make_table(recordings.items)
    contents = pd.DataFrame("", index=features.index, columns=["video", "audio"], dtype=object)
    groups = pd.Series(recordings.subjects, features.index)
    finding = find_near_copies_between_subjects(features, contents, groups)
    n_across = int(finding.what.split()[0]) if finding else 0
    return n_across, len(find_near_copies(features)) - n_across


def report_false_alarms(recordings: Recordings) -> bool:
    across, within = count_found(recordings)
    if across or within or "synthetic" not in recordings.name:
        print(f"{recordings.name:<48} {len(recordings.items):5d} {across:15d} {within:15d}", flush=True)
    return across > 0


def measure_time() -> None:
    print(f"\n{'rows':>6} {'columns':>8} {'video s':>8} {'audio s':>8} {'peak GB':>8}")
    names = [f"video__c{k:03d}__{name}" for k in range(140) for name in ("mean", "std", "min", "max", *"abcdefghijklm")]
    for n in (200, 1000, 5000):
        video = pd.DataFrame(np.abs(RNG.normal(size=(n, len(names)))), columns=names)
        audio, seconds = name_components(RNG.normal(size=(n, 768))), []
        for table in (video, audio):
            started = time.perf_counter()
            assert find_near_copies(table) == []
            seconds.append(time.perf_counter() - started)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"{n:6d} {len(names):8d} {seconds[0]:8.2f} {seconds[1]:8.2f} {peak:8.2f}", flush=True)


def main() -> None:
    folder = os.environ.get("PDMR_REAL_DATA")
    real = list(load_real_sets(Path(folder))) if folder else []
    measure_time()
    print(f"\nsets without copies (synthetic: those with any){'n':>7} {'other subjects':>15} {'own subject':>15}")
    alarms, recall_sets = [], list(real)
    for recordings in (*real, *make_synthetic_sets()):
        if "synthetic" in recordings.name and recordings.name.split(", ")[2] == "seed 0":
            recall_sets.append(recordings)
        alarms.append(report_false_alarms(recordings))
        if isinstance(recordings.items, dict) and "fifths" not in recordings.name:
            alarms.append(report_false_alarms(split_in_halves(recordings)))
    print(f"false alarms: {sum(alarms)} of {len(alarms)} sets")
    for recordings in recall_sets:
        report_recall(recordings)
    if not folder:
        print("PDMR_REAL_DATA is not set: the real data sets are skipped")


if __name__ == "__main__":
    main()
