"""Who may be whom: subjects proposed from the recordings themselves, for sets without subject ids.

A proposal is no knowledge. It is told, written beside the result, and made only where the recordings stand together in
clumps that chance does not make; otherwise each recording stays its own group, and that is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform
from sklearn.decomposition import PCA
from sklearn.metrics import euclidean_distances, silhouette_score
from sklearn.preprocessing import StandardScaler

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.config import Settings
from pdmr_classic.errors import Finding, TargetError, target_errors
from pdmr_classic.features.extractor import Extraction
from pdmr_classic.features.families.movement import align_shapes
from pdmr_classic.features.names import MATERIAL, VIDEO, is_audio_component, parse_name, prefix
from pdmr_classic.features.registry import families
from pdmr_classic.io.channels import channel_kind
from pdmr_classic.progress import Reporter
from pdmr_classic.storage.atomic import write_text_atomic
from pdmr_classic.subjects.copies import directions, find_near_copies
from pdmr_classic.text import format_count

_FACE = prefix(MATERIAL, "face_shape")
# Where somebody sits, looks and rests: stable from one recording to the next. Channels without a known name are not
# used: what clumps in them may be the task as well as the person.
_HABITS = ("pose", "gaze", "au_intensity")
_LEAST_ROWS, _LEAST_COLUMNS, _MOST_ROWS = 12, 6, 5000
_COMPONENTS = 128
_CUTS = 16
# No cut is looked at in which somebody owns more of the recordings: two clumps are two rooms rather than two people.
_MOST_OF_ONE = 0.25
_REFERENCES, _REPEATS = 9, 9
# Both hold with room to spare for synthetic subjects, and fail for real sets in which nobody recurs or the exercise
# clumps instead (benchmarks/subjects.py).
_CLEARER = 2.0
_LEAST_CONFIDENCE = 0.6

_Labels = Ints


@dataclass(frozen=True, eq=False)
class InferredSubjects:
    """A proposal of who is whom.

    Attributes
    ----------
    groups : Series of str
        Index `data_id`; a group has the name of its first recording.
    confidence : float
        0 to 1: share of the proposed pairs that are found again when half of the evidence is left out, copies counted
        as found; 0 where nothing is proposed.
    pairs : DataFrame
        Columns `first`, `second` and `why` ("copy" or "alike") of all recordings that were put together.
    recurring : bool
        Whether people were found to recur, beyond copies of a recording.
    note : str
        How sure that is, and why, in a sentence.
    """

    groups: pd.Series
    confidence: float
    pairs: pd.DataFrame
    recurring: bool
    note: str


@dataclass(frozen=True, eq=False)
class _Part:
    """One kind of evidence: principal components of the rows that have it."""

    name: str
    rows: _Labels
    scores: Floats


@dataclass(frozen=True, eq=False)
class _Cut:
    clarity: float
    labels: _Labels


def infer_subjects(features: pd.DataFrame, contents: pd.DataFrame, *, seed: int = 0) -> InferredSubjects:
    """Propose groups of recordings of one subject.

    Copies are put together first: files of one content, and near-identical audio vectors or video features. Then
    audio vectors, and face shapes (else mean pose, gaze and action units), are clustered together (average linkage);
    the tree is cut where the mean silhouette is highest. That is believed if it is at least twice the highest of nine
    references without clumps, whose principal components were shuffled one by one, and if at least 60% of the pairs are
    found again from random halves of the components.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
        As `FeatureExtractor` makes it, best with the family `face_shape`.
    contents : DataFrame of str, shape [n, 2]
        As `Extraction.contents`.

    References
    ----------
    Rousseeuw 1987 (silhouette); Tibshirani, Walther and Hastie 2001 (reference without clusters); Monti et al. 2003
    (how often a pair is found again).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> voices = np.repeat(rng.normal(size=(10, 40)), 3, axis=0) + 0.2 * rng.normal(size=(30, 40))
    >>> ids = pd.Index([f"{k:03d}" for k in range(30)], name="data_id")
    >>> features = pd.DataFrame(voices, index=ids, columns=[f"audio__vector__{k:03d}" for k in range(40)])
    >>> found = infer_subjects(features, pd.DataFrame({"audio": ""}, index=ids))
    >>> found.groups.nunique(), found.groups["002"], round(found.confidence, 1)
    (10, '000', 1.0)
    """
    copies = _copies(features, contents)
    # One row stands for all of its copies: they would make clumps of their own.
    first = np.unique(copies, return_index=True)[1]
    parts = _parts(features.iloc[first])
    cut, confidence, why = _believed(parts, len(first), np.random.default_rng(seed))
    groups = copies if cut is None else cut.labels[copies]
    pairs = _pairs(features.index, groups, copies)
    if cut is None:
        confidence = float(len(pairs) > 0)
        why = f"{why}; {format_count(len(pairs), 'pair')} of copies" if len(pairs) else why
    else:
        alike = float((pairs["why"] == "alike").mean())
        confidence = confidence * alike + 1 - alike
    return InferredSubjects(_named(features.index, groups), confidence, pairs, cut is not None, why)


def with_face_shape(settings: Settings) -> Settings:
    """Return settings under which an extraction holds the face shape as well, see `propose_subjects`."""
    usual = tuple(name for name, family in families().items() if family.by_default)
    names = settings.features.families or usual
    return settings.override({"features.families": tuple(dict.fromkeys([*names, "face_shape"]))})


def propose_subjects(
    extraction: Extraction, out: Path | None, reporter: Reporter, *, seed: int = 0
) -> tuple[pd.DataFrame, pd.Series, Finding]:
    """Propose subjects, write and tell the proposal; return features less the face shape, groups and what was told.

    Parameters
    ----------
    out : Path, optional
        Table to write, `data_id,subject_id`, for a person to correct.

    Raises
    ------
    DataError
        A file could not be read.
    TargetError
        `out` cannot be written, or holds other subjects: somebody may have corrected them.
    """
    features = extraction.checked()
    found = infer_subjects(features, extraction.contents, seed=seed)
    if out is not None:
        _write_proposal(out, found.groups.to_csv())
    told = _told(found, out)
    reporter.note(told)
    kept = [name for name in features.columns if not str(name).startswith(_FACE)]
    return features[kept], found.groups, told


def _write_proposal(out: Path, table: str) -> None:
    with target_errors(out):
        there = out.read_bytes() if out.exists() else None
    if there not in (None, table.encode()):
        raise TargetError(
            "other subjects than those that are proposed stand here, and may have been corrected by hand",
            code="target-taken",
            file=out,
            hint="use them (--groups FILE.csv instead of --groups infer), or move or remove the file",
        )
    write_text_atomic(out, table)


def proposal_path(out: Path) -> Path:
    """Return where the proposal of a model or an evaluation stands.

    Examples
    --------
    >>> proposal_path(Path("models/mine.joblib")).as_posix()
    'models/mine.groups.csv'
    """
    return out.with_suffix(".groups.csv")


def _told(found: InferredSubjects, out: Path | None) -> Finding:
    n, n_groups = len(found.groups), found.groups.nunique()
    mend = f"correct {'the file and pass it' if out is not None else 'them and pass a table'} with --groups FILE.csv"
    if found.recurring:
        what = f"{n_groups} subjects are proposed for {n} recordings: a guess, nobody was asked"
        return Finding(
            "inferred-groups", what, file=out, found=f"confidence {found.confidence:.2f}: {found.note}", hint=mend
        )
    what = "no subjects could be inferred: each recording counts as one of its own, so scores flatter if people recur"
    if n_groups < n:
        what = f"{what}; only copies are put together ({n_groups} groups of {n} recordings)"
    return Finding("own-groups", what, file=out, found=found.note, hint=mend)


# ------------------------------------------------------------------------------------------------- copies


def _copies(features: pd.DataFrame, contents: pd.DataFrame) -> _Labels:
    """Return one number for all copies of a recording."""
    place = {str(data_id): row for row, data_id in enumerate(features.index)}
    pairs = [(place[copy.data_id], place[str(copy.of)]) for copy in find_near_copies(features)]
    for modality in contents:
        hashes = contents[modality].to_numpy(dtype=object)
        known = np.flatnonzero(hashes != "")
        firsts: dict[str, int] = {}
        pairs += [(int(row), firsts.setdefault(hashes[row], int(row))) for row in known]
    return _connected(pairs, len(features))


def _connected(pairs: list[tuple[int, int]], n: int) -> _Labels:
    ends = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.intp)


# ----------------------------------------------------------------------------------------------- evidence


def _parts(features: pd.DataFrame) -> list[_Part]:
    names = [str(name) for name in features.columns]
    voice = [name for name in names if is_audio_component(name)]
    face = [name for name in names if name.startswith(_FACE)]
    habits = [name for name in names if _is_habit(name)]
    shape = _part("face shapes", features[face], _as_shapes)
    video = shape or _part("pose, gaze and action units", features[habits], StandardScaler().fit_transform)
    audio = _part("audio vectors", features[voice], lambda rows: directions(rows, rows.mean(axis=0)))
    return [part for part in (audio, video) if part is not None]


def _is_habit(name: str) -> bool:
    view, channel, functional = parse_name(name)
    return view == VIDEO and functional == "mean" and channel_kind(channel) in _HABITS


def _part(name: str, features: pd.DataFrame, scaled: object) -> _Part | None:
    known = features[features.notna().any(axis=1)]
    known = features.loc[:, (known.notna().mean() >= 0.9) & (known.nunique() > 1)]
    rows = np.flatnonzero(known.notna().all(axis=1))
    if len(rows) < _LEAST_ROWS or known.shape[1] < _LEAST_COLUMNS:
        return None
    values = scaled(known.iloc[rows].to_numpy(dtype=np.float64))  # type: ignore[operator]
    n_components = min(len(rows) - 1, values.shape[1], _COMPONENTS)
    return _Part(name, rows, PCA(n_components, svd_solver="full").fit_transform(values))


def _as_shapes(rows: Floats) -> Floats:
    half = rows.shape[1] // 2
    shapes = align_shapes(rows[:, :half] + 1j * rows[:, half:])
    return np.hstack([shapes.real, shapes.imag])


def _distances(parts: list[_Part], n: int) -> Floats:
    """Return the distance of all rows: root mean square over the parts that both have; 1 is what is usual.

    Two rows without a common part are as far apart as any: nothing says that they belong together.
    """
    total, count = np.zeros((n, n)), np.zeros((n, n))
    for part in parts:
        squared = euclidean_distances(part.scores, squared=True)
        np.fill_diagonal(squared, 0.0)
        both = np.ix_(part.rows, part.rows)
        total[both] += squared / np.median(squared[np.triu_indices(len(squared), 1)])
        count[both] += 1
    found = np.sqrt(np.divide(total, count, out=np.zeros((n, n)), where=count > 0))
    found[count == 0] = found.max()
    np.fill_diagonal(found, 0.0)
    return found


# ------------------------------------------------------------------------------------------------ believing


def _believed(parts: list[_Part], n: int, rng: np.random.Generator) -> tuple[_Cut | None, float, str]:
    """Return a cut that is clearer than chance and is found again, or None; how often it is found again; and why."""
    if n > _MOST_ROWS:
        return None, 0.0, f"only up to {_MOST_ROWS} recordings are compared with one another"
    if not parts:
        return None, 0.0, "there are no audio vectors, face shapes or named channels of enough recordings to compare"
    cut = _clearest(_distances(parts, n))
    names = " and ".join(part.name for part in parts)
    chance = max(_clearest(_distances([_shuffled(part, rng) for part in parts], n)).clarity for _ in range(_REFERENCES))
    halves = (_distances([_halved(part, rng) for part in parts], n) for _ in range(_REPEATS))
    again = float(np.mean([_found_again(cut, distances) for distances in halves]))
    why = f"{names} clump with silhouette {cut.clarity:.2f}, {chance:.2f} without subjects; {again:.0%} of pairs recur"
    believed = cut.clarity >= _CLEARER * max(chance, 0.0) and cut.clarity > 0 and again >= _LEAST_CONFIDENCE
    return (cut, again, why) if believed else (None, again, f"{why}; too weak to go by")


def _clearest(distances: Floats) -> _Cut:
    n = len(distances)
    tree = linkage(squareform(distances, checks=False), "average")
    coarse = np.unique(np.geomspace(4, n - 1, _CUTS).round().astype(int)).tolist()
    cuts = [_cut(distances, tree, n_clusters) for n_clusters in coarse]
    place = int(np.argmax([cut.clarity for cut in cuts]))
    low, high = coarse[max(place - 1, 0)], coarse[min(place + 1, len(coarse) - 1)]
    fine = np.unique(np.linspace(low, high, _CUTS).round().astype(int)).tolist()
    return max([cuts[place], *(_cut(distances, tree, k) for k in fine)], key=lambda cut: cut.clarity)


def _cut(distances: Floats, tree: Floats, n_clusters: int) -> _Cut:
    labels = np.asarray(fcluster(tree, n_clusters, "maxclust"), dtype=np.intp)
    counts = np.bincount(labels)
    if not 1 < (counts > 0).sum() < len(labels) or counts.max() > max(2, _MOST_OF_ONE * len(labels)):
        return _Cut(-1.0, np.arange(len(labels), dtype=np.intp))
    return _Cut(float(silhouette_score(distances, labels, metric="precomputed")), labels)


def _shuffled(part: _Part, rng: np.random.Generator) -> _Part:
    """Return evidence with the same components, but no row in which they belong together."""
    return _Part(part.name, part.rows, rng.permuted(part.scores, axis=0))


def _halved(part: _Part, rng: np.random.Generator) -> _Part:
    n = part.scores.shape[1]
    return _Part(part.name, part.rows, part.scores[:, rng.permutation(n)[: (n + 1) // 2]])


def _found_again(cut: _Cut, distances: Floats) -> float:
    other = _clearest(distances).labels
    together = np.triu(cut.labels[:, None] == cut.labels, 1)
    return float((other[:, None] == other)[together].mean()) if together.any() else 0.0


# ------------------------------------------------------------------------------------------------- telling


def _named(index: pd.Index, groups: _Labels) -> pd.Series:
    firsts = dict(zip(groups[::-1].tolist(), index[::-1], strict=True))
    return pd.Series([firsts[group] for group in groups.tolist()], index=index, name="subject_id", dtype=object)


def _pairs(index: pd.Index, groups: _Labels, copies: _Labels) -> pd.DataFrame:
    rows = []
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group).tolist()
        for place, one in enumerate(members):
            for other in members[place + 1 :]:
                rows.append((index[one], index[other], "copy" if copies[one] == copies[other] else "alike"))
    return pd.DataFrame(rows, columns=["first", "second", "why"])
