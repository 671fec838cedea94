"""Subject inference: groups recordings that are probably of the same person, for data sets without subject ids.

A proposal is a guess: it is reported and saved next to the result. It is made only if the recordings cluster more
clearly than expected by chance; otherwise each recording is treated as its own subject, which is reported as well.
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

from pdmr_classic.alignment import align_rows
from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.config import Settings
from pdmr_classic.errors import Finding, TargetError, wrap_os_errors
from pdmr_classic.features.extractor import Extraction
from pdmr_classic.features.families.movement import align_shapes
from pdmr_classic.features.names import MATERIAL, VIDEO, feature_prefix, is_audio_component, parse_name
from pdmr_classic.features.registry import load_families
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.progress import Reporter
from pdmr_classic.storage.atomic import check_writable, write_text_atomic
from pdmr_classic.subjects._directions import unit_directions
from pdmr_classic.subjects._similarity import find_similar
from pdmr_classic.text import format_count

_FACE = feature_prefix(MATERIAL, "face_shape")
# Mean position, gaze and facial expression are stable across recordings of a person. Channels without a standard name
# are not used, because they may cluster by task rather than by person.
_HABITS = ("pose", "gaze", "au_intensity")
_MIN_ROWS, _MIN_COLUMNS, _MAX_ROWS = 12, 6, 5000
_MAX_COMPONENTS = 128
_N_CUTS = 16
# Clusterings with a larger cluster are rejected: two clusters are more likely two rooms than two people.
_MAX_CLUSTER_SHARE = 0.25
_N_REFERENCES, _N_HALVES = 9, 9
# Synthetic subjects exceed both thresholds by a margin. Real data sets in which nobody recurs, or whose recordings
# cluster by exercise, do not (benchmarks/subjects.py).
_MIN_RATIO_TO_CHANCE = 2.0
_MIN_CONFIDENCE = 0.6

_Labels = Ints


@dataclass(frozen=True, eq=False)
class InferredSubjects:
    """Proposed subjects.

    Attributes
    ----------
    groups : Series of str
        Index `data_id`; each group is named after its first recording.
    confidence : float
        0 to 1: share of the proposed pairs that are reproduced from a random half of the evidence, where copies count
        as reproduced; 0 if no pairs are proposed.
    pairs : DataFrame
        All pairs of recordings in one group: columns `first`, `second` and `reason` ("copy" or "similar").
    is_accepted : bool
        Whether the evidence is strong enough to propose subjects beyond copies of recordings.
    note : str
        The evidence, in one sentence.
    """

    groups: pd.Series
    confidence: float
    pairs: pd.DataFrame
    is_accepted: bool
    note: str


@dataclass(frozen=True, eq=False)
class _Evidence:
    """One kind of evidence: principal component scores, and the rows that they belong to."""

    name: str
    rows: _Labels
    scores: Floats


@dataclass(frozen=True, eq=False)
class _Clustering:
    silhouette: float
    labels: _Labels


def infer_subjects(features: pd.DataFrame, content_hashes: pd.DataFrame, *, seed: int = 0) -> InferredSubjects:
    """Propose groups of recordings of the same subject.

    Copies are grouped first: files with identical content, and near-identical audio vectors or video features. Audio
    vectors and face shapes (or mean pose, gaze and action units if there are none) are then clustered jointly with
    average linkage, and the tree is cut at the highest mean silhouette. The clusters are accepted if that silhouette is
    at least twice the highest of nine references with independently shuffled principal components, and if at least 60%
    of the pairs are reproduced from random halves of the components.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
        As returned by `FeatureExtractor`, preferably with the family `face_shape`.
    content_hashes : DataFrame of str, shape [n, 2]
        As `Extraction.content_hashes`.

    References
    ----------
    Rousseeuw 1987 (silhouette); Tibshirani, Walther and Hastie 2001 (reference without clusters); Monti et al. 2003
    (reproducibility of pairs).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> voices = np.repeat(rng.normal(size=(10, 40)), 3, axis=0) + 0.2 * rng.normal(size=(30, 40))
    >>> ids = pd.Index([f"{k:03d}" for k in range(30)], name="data_id")
    >>> features = pd.DataFrame(voices, index=ids, columns=[f"audio__vector__{k:03d}" for k in range(40)])
    >>> inferred = infer_subjects(features, pd.DataFrame({"audio": ""}, index=ids))
    >>> inferred.groups.nunique(), inferred.groups["002"], round(inferred.confidence, 1)
    (10, '000', 1.0)
    """
    features, content_hashes = align_rows(features=features, content_hashes=content_hashes)
    copies = _group_copies(features, content_hashes)
    # One row represents all of its copies, which would otherwise form clusters of their own.
    first = np.unique(copies, return_index=True)[1]
    evidence = _collect_evidence(features.iloc[first])
    clustering, confidence, note = _cluster(evidence, len(first), np.random.default_rng(seed))
    groups = copies if clustering is None else clustering.labels[copies]
    pairs = _list_pairs(features.index, groups, copies)
    if clustering is None:
        confidence = float(len(pairs) > 0)
        note = f"{note}; {format_count(len(pairs), 'pair')} of copies" if len(pairs) else note
    else:
        similar_share = float((pairs["reason"] == "similar").mean())
        confidence = confidence * similar_share + 1 - similar_share
    return InferredSubjects(_name_groups(features.index, groups), confidence, pairs, clustering is not None, note)


def add_face_shape(settings: Settings) -> Settings:
    """Return settings that also extract the face shape, which `propose_subjects` uses and removes."""
    default = tuple(name for name, family in load_families().items() if family.is_default)
    names = settings.features.families or default
    return settings.override({"features.families": tuple(dict.fromkeys([*names, "face_shape"]))})


def propose_subjects(
    extraction: Extraction, out: Path | None, reporter: Reporter, *, seed: int = 0
) -> tuple[pd.DataFrame, pd.Series, Finding]:
    """Propose subjects, write and report them; return features without the face shape, groups, and the report.

    Parameters
    ----------
    out : Path, optional
        CSV file to write, `data_id,subject_id`, which the user can correct.

    Raises
    ------
    DataError
        A file cannot be read.
    TargetError
        `out` cannot be written, or contains different subjects, which the user may have corrected.
    """
    features = extraction.require_features()
    inferred = infer_subjects(features, extraction.content_hashes, seed=seed)
    if out is not None:
        _write_proposal(out, inferred.groups.to_csv())
    report = _make_report(inferred, out)
    reporter.note(report)
    columns = [name for name in features.columns if not str(name).startswith(_FACE)]
    return features[columns], inferred.groups, report


def _write_proposal(out: Path, table: str) -> None:
    with wrap_os_errors(out):
        content = out.read_bytes() if out.exists() else None
    if content not in (None, table.encode()):
        raise TargetError(
            "this table of subjects already exists and differs from the new proposal; it may have been edited by hand",
            code="target-taken",
            file=out,
            hint="to use it, pass --groups FILE.csv instead of --groups infer; to propose again, move or delete it",
        )
    write_text_atomic(out, table)


def find_proposal_file(out: Path) -> Path:
    """Check that the proposed subjects of a model or an evaluation can be written, and return the file.

    Raises
    ------
    TargetError

    Examples
    --------
    >>> find_proposal_file(Path("mine.joblib")).as_posix()
    'mine.groups.csv'
    """
    path = out.with_suffix(".groups.csv")
    check_writable(path)
    return path


def _make_report(inferred: InferredSubjects, out: Path | None) -> Finding:
    n, n_groups = len(inferred.groups), inferred.groups.nunique()
    target = "the file and pass it" if out is not None else "the subjects and pass a table"
    hint = f"correct {target} with --groups FILE.csv"
    if inferred.is_accepted:
        what = f"{n_groups} subjects are proposed for {n} recordings: these groups are a guess"
        found = f"confidence {inferred.confidence:.2f}: {inferred.note}"
        return Finding("inferred-groups", what, file=out, found=found, hint=hint)
    what = (
        "no subjects could be inferred: each recording counts as its own subject; if a person has several recordings, "
        "scores are too optimistic"
    )
    if n_groups < n:
        what = f"{what}; only copies are grouped ({n_groups} groups for {n} recordings)"
    return Finding("own-groups", what, file=out, found=inferred.note, hint=hint)


# ------------------------------------------------------------------------------------------------- copies


def _group_copies(features: pd.DataFrame, content_hashes: pd.DataFrame) -> _Labels:
    """Return a label for each recording, shared by all copies of it."""
    similar = find_similar(features, modalities=content_hashes.columns)
    pairs = [np.column_stack([found.rows, found.originals]) for _, found in similar]
    for modality in content_hashes:
        hashes = content_hashes[modality].to_numpy(dtype=object)
        hashed = np.flatnonzero(hashes != "")
        firsts: dict[str, int] = {}
        same = [(int(row), firsts.setdefault(hashes[row], int(row))) for row in hashed]
        pairs.append(np.array(same, dtype=np.intp).reshape(-1, 2))
    return _label_components(np.concatenate(pairs), len(features))


def _label_components(ends: Ints, n: int) -> _Labels:
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.intp)


# ----------------------------------------------------------------------------------------------- evidence


def _collect_evidence(features: pd.DataFrame) -> list[_Evidence]:
    names = [str(name) for name in features.columns]
    voice = [name for name in names if is_audio_component(name)]
    face = [name for name in names if name.startswith(_FACE)]
    habits = [name for name in names if _is_habit(name)]
    shape = _reduce("face shapes", features[face], _align)
    video = shape or _reduce("pose, gaze and action units", features[habits], StandardScaler().fit_transform)
    audio = _reduce("audio vectors", features[voice], lambda rows: unit_directions(rows, rows.mean(axis=0)))
    return [part for part in (audio, video) if part is not None]


def _is_habit(name: str) -> bool:
    view, channel, functional = parse_name(name)
    return view == VIDEO and functional == "mean" and channel_kind(channel) in _HABITS


def _reduce(name: str, features: pd.DataFrame, scale: object) -> _Evidence | None:
    usable = features[features.notna().any(axis=1)]
    usable = features.loc[:, (usable.notna().mean() >= 0.9) & (usable.nunique() > 1)]
    rows = np.flatnonzero(usable.notna().all(axis=1))
    if len(rows) < _MIN_ROWS or usable.shape[1] < _MIN_COLUMNS:
        return None
    values = scale(usable.iloc[rows].to_numpy(dtype=np.float64))  # type: ignore[operator]
    n_components = min(len(rows) - 1, values.shape[1], _MAX_COMPONENTS)
    return _Evidence(name, rows, PCA(n_components, svd_solver="full").fit_transform(values))


def _align(rows: Floats) -> Floats:
    half = rows.shape[1] // 2
    shapes = align_shapes(rows[:, :half] + 1j * rows[:, half:])
    return np.hstack([shapes.real, shapes.imag])


def _distances(evidence: list[_Evidence], n: int) -> Floats:
    """Return the distances between all rows: root mean square over the evidence that both have; the median is 1.

    Two rows without common evidence get the largest distance.
    """
    total, count = np.zeros((n, n)), np.zeros((n, n))
    for part in evidence:
        squared = euclidean_distances(part.scores, squared=True)
        np.fill_diagonal(squared, 0.0)
        both = np.ix_(part.rows, part.rows)
        total[both] += squared / np.median(squared[np.triu_indices(len(squared), 1)])
        count[both] += 1
    distances = np.sqrt(np.divide(total, count, out=np.zeros((n, n)), where=count > 0))
    distances[count == 0] = distances.max()
    np.fill_diagonal(distances, 0.0)
    return distances


# ----------------------------------------------------------------------------------------------- clustering


def _cluster(evidence: list[_Evidence], n: int, rng: np.random.Generator) -> tuple[_Clustering | None, float, str]:
    """Return the clustering (None if the evidence is not strong enough), the share of reproduced pairs, and a note."""
    if n > _MAX_ROWS:
        return None, 0.0, f"at most {_MAX_ROWS} recordings can be compared"
    if not evidence:
        return None, 0.0, "too few recordings have audio vectors, face shapes or named channels to compare"
    clustering = _best_clustering(_distances(evidence, n))
    names = " and ".join(part.name for part in evidence)
    references = (_distances([_shuffle(part, rng) for part in evidence], n) for _ in range(_N_REFERENCES))
    chance = max(_best_clustering(distances).silhouette for distances in references)
    halves = (_distances([_halve(part, rng) for part in evidence], n) for _ in range(_N_HALVES))
    reproduced = float(np.mean([_reproduced_share(clustering, distances) for distances in halves]))
    note = (
        f"clusters of {names} have silhouette {clustering.silhouette:.2f} ({chance:.2f} expected by chance) "
        f"and {reproduced:.0%} of pairs are reproducible"
    )
    is_clear = clustering.silhouette >= _MIN_RATIO_TO_CHANCE * max(chance, 0.0) and clustering.silhouette > 0
    if is_clear and reproduced >= _MIN_CONFIDENCE:
        return clustering, reproduced, note
    return None, reproduced, f"{note}: not enough evidence"


def _best_clustering(distances: Floats) -> _Clustering:
    n = len(distances)
    tree = linkage(squareform(distances, checks=False), "average")
    coarse = np.unique(np.geomspace(4, n - 1, _N_CUTS).round().astype(int)).tolist()
    clusterings = [_cut(distances, tree, n_clusters) for n_clusters in coarse]
    best = int(np.argmax([clustering.silhouette for clustering in clusterings]))
    low, high = coarse[max(best - 1, 0)], coarse[min(best + 1, len(coarse) - 1)]
    fine = np.unique(np.linspace(low, high, _N_CUTS).round().astype(int)).tolist()
    candidates = [clusterings[best], *(_cut(distances, tree, n_clusters) for n_clusters in fine)]
    return max(candidates, key=lambda clustering: clustering.silhouette)


def _cut(distances: Floats, tree: Floats, n_clusters: int) -> _Clustering:
    labels = np.asarray(fcluster(tree, n_clusters, "maxclust"), dtype=np.intp)
    counts = np.bincount(labels)
    if not 1 < (counts > 0).sum() < len(labels) or counts.max() > max(2, _MAX_CLUSTER_SHARE * len(labels)):
        return _Clustering(-1.0, np.arange(len(labels), dtype=np.intp))
    return _Clustering(float(silhouette_score(distances, labels, metric="precomputed")), labels)


def _shuffle(part: _Evidence, rng: np.random.Generator) -> _Evidence:
    """Return evidence in which each component is permuted over rows independently."""
    return _Evidence(part.name, part.rows, rng.permuted(part.scores, axis=0))


def _halve(part: _Evidence, rng: np.random.Generator) -> _Evidence:
    n = part.scores.shape[1]
    return _Evidence(part.name, part.rows, part.scores[:, rng.permutation(n)[: (n + 1) // 2]])


def _reproduced_share(clustering: _Clustering, distances: Floats) -> float:
    labels = _best_clustering(distances).labels
    pairs = np.triu(clustering.labels[:, None] == clustering.labels, 1)
    return float((labels[:, None] == labels)[pairs].mean()) if pairs.any() else 0.0


# ------------------------------------------------------------------------------------------ naming groups


def _name_groups(index: pd.Index, groups: _Labels) -> pd.Series:
    firsts = dict(zip(groups[::-1].tolist(), index[::-1], strict=True))
    return pd.Series([firsts[group] for group in groups.tolist()], index=index, name="subject_id", dtype=object)


def _list_pairs(index: pd.Index, groups: _Labels, copies: _Labels) -> pd.DataFrame:
    rows = []
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group).tolist()
        for position, first in enumerate(members):
            for second in members[position + 1 :]:
                reason = "copy" if copies[first] == copies[second] else "similar"
                rows.append((index[first], index[second], reason))
    return pd.DataFrame(rows, columns=["first", "second", "reason"])
