"""Generate the signals of a synthetic recording, a video table and an audio vector, from habits and behaviours.

A *habit* is specific to the subject and independent of depression (seat, expressivity, voice). A *behaviour* is a
latent number with a standard deviation of about 1 that depends on severity. `BEHAVIOURS` lists all of them; nothing
else in a signal depends on severity.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.io.trackers.channels import GAZE, POSE


class Behaviour(NamedTuple):
    """A latent behaviour, and its change per `SEVERITY_SCALE` points of severity."""

    name: str
    effect: float
    source: str


# Signs follow the sources; sizes are set so that no single behaviour reveals the label.
BEHAVIOURS = (
    Behaviour("head_motion", -0.90, "Girard 2014: smaller, slower head motion"),
    Behaviour("head_pace", -0.75, "AVEC'13/14 spectra, Alghowinem 2013: slower movement"),
    Behaviour("nods", -0.65, "Girard 2014: fewer affiliative signals"),
    Behaviour("smiles", -0.80, "Girard 2014: AU12 down"),
    Behaviour("smile_length", -0.75, "Scherer 2013: shorter smiles"),
    Behaviour("cheek_raise", -0.65, "Ekman 1990: fewer felt smiles (AU06 with AU12)"),
    Behaviour("dimpler", 0.80, "Girard 2014: AU14 up"),
    Behaviour("lip_corner_down", -0.40, "Girard 2014: AU15 down at high severity (small: counterintuitive)"),
    Behaviour("chin_raise", 0.65, "EMFACS: AU17 up with sadness"),
    Behaviour("gaze_down", 0.80, "Scherer 2013, Alghowinem 2013: gaze down more often"),
    Behaviour("blink_length", 0.80, "Alghowinem 2013: longer blinks, unchanged rate"),
    Behaviour("shared_factors", -0.75, "Williamson 2014: simpler coordination between channels"),
    Behaviour("voice", 0.80, "none: a weak direction in the audio vector"),
)
BEHAVIOUR_NAMES = tuple(behaviour.name for behaviour in BEHAVIOURS)

CUT_OFF = 10  # PHQ-8 score from which a subject counts as depressed (Kroenke 2009)
SEVERITY_SCALE = 7.0  # PHQ-8 points, about the standard deviation if half of the sample is depressed
_EXPRESSED_SPREAD = 0.40  # standard deviation of expressed around true severity, between subjects
SUBJECT_SPREAD, RECORDING_SPREAD = 0.9, 0.3  # standard deviation of a behaviour at equal expressed severity

_INTENSITY_AUS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
_PRESENCE_AUS = (*_INTENSITY_AUS[:-1], 28, 45)
_ID_COLUMNS = ("frame", "timestamp", "confidence", "success")
AU_R = tuple(f"AU{unit:02d}_r" for unit in _INTENSITY_AUS)
AU_C = tuple(f"AU{unit:02d}_c" for unit in _PRESENCE_AUS)
VIDEO_COLUMNS = (*_ID_COLUMNS, *POSE, *GAZE, *AU_R, *AU_C)  # E-DAIC, OpenFace 2.1

# Events per minute of AUs with their own events; AU06 occurs with smiles, AU25 and AU26 with speech, AU45 is blinks.
_AU_RATE = {1: 5, 2: 4, 4: 5, 5: 3, 6: 1, 7: 4, 9: 1, 10: 3, 12: 12, 14: 9, 15: 8, 17: 9, 20: 2, 23: 3}
_AU_BEHAVIOUR = {12: "smiles", 14: "dimpler", 15: "lip_corner_down", 17: "chin_raise"}
PRESENT_ABOVE, ABSENT_BELOW = 0.8, 0.4  # intensity thresholds (hysteresis) of AU_c

_POSE_SPREAD = np.array([9.0, 7.0, 12.0, 0.050, 0.060, 0.030])  # mm, then rad: standard deviation of movement
_SEAT_MEAN = np.array([0.0, 20.0, 550.0, 0.08, 0.0, 0.0])
_SEAT_SPREAD = np.array([35.0, 30.0, 80.0, 0.10, 0.10, 0.06])
_VERGENCE = 0.06  # rad between the two eyes at a distance of about 1 m
_N_FACTORS = 8
_N_DRIVEN = len(POSE) + 2 + len(AU_R)  # channels that move together: pose, gaze angles and the tone of each AU

N_CLUSTERS, N_BANDS = 16, 48  # NetVLAD over log-Mel bands: 768 values
_N_VOICE_FACTORS = 16
_VOICE_SPACE_SEED = 20250  # the same in all sets, so models transfer between sets


class Habits(NamedTuple):
    """Subject-specific properties that are independent of depression."""

    seat: Floats  # [6] mean pose, mm and rad
    gaze: Floats  # [2] mean gaze angles, rad
    motion: float  # factor on the amplitude of head motion
    pace: float  # factor on the speed of all movement
    expressivity: float  # factor on AU intensity
    au_rate: Floats  # [17] factor on the rate of each AU
    au_tone: Floats  # [17] resting intensity
    blinks_per_minute: float
    talk_share: float
    loadings: Floats  # [N_DRIVEN, N_FACTORS]
    voice: Floats  # [N_VOICE_FACTORS]
    speech_pace_hz: float = 0.3  # how often talk and pauses alternate; an interviewer may change it


def draw_habits(rng: np.random.Generator, gender: str) -> Habits:
    """Draw the habits of one subject; gender affects only the voice."""
    voice = rng.normal(size=_N_VOICE_FACTORS)
    voice[0] += 2.0 if gender == "f" else -2.0
    return Habits(
        seat=_SEAT_MEAN + _SEAT_SPREAD * rng.normal(size=6),
        gaze=rng.normal([0.0, 0.08], [0.08, 0.06]),
        motion=float(np.exp(0.15 * rng.normal())),
        pace=float(np.exp(0.12 * rng.normal())),
        expressivity=float(np.exp(0.20 * rng.normal())),
        au_rate=np.exp(0.25 * rng.normal(size=len(AU_R))),
        au_tone=0.25 * rng.normal(size=len(AU_R)),
        blinks_per_minute=float(rng.uniform(10.0, 25.0)),
        talk_share=float(rng.uniform(0.3, 0.7)),
        loadings=rng.normal(size=(_N_DRIVEN, _N_FACTORS)),
        voice=voice,
    )


def draw_behaviours(
    severity: float, subject: np.random.Generator, recording: np.random.Generator, effects: Floats
) -> Floats:
    """Draw the latent behaviours of one recording: effect of severity plus subject and recording effects.

    `effects` has the change of each behaviour per `SEVERITY_SCALE` points of severity.

    Returns
    -------
    ndarray of shape (len(BEHAVIOURS),)
        In the order of `BEHAVIOURS`, dimensionless.
    """
    expressed = (severity - CUT_OFF) / SEVERITY_SCALE + _EXPRESSED_SPREAD * subject.normal()
    subject_effects = SUBJECT_SPREAD * subject.normal(size=len(effects))
    recording_effects = RECORDING_SPREAD * recording.normal(size=len(effects))
    return effects * expressed + subject_effects + recording_effects


# ---------------------------------------------------------------- processes


def _smooth_noise(rng: np.random.Generator, n: int, n_columns: int, frame_rate_hz: float, corner_hz: float) -> Floats:
    """Return Gaussian noise of unit variance below `corner_hz` (a critically damped second-order process)."""
    padded = 1 << (n - 1).bit_length()
    response = 1.0 / (1.0 + (np.fft.rfftfreq(padded, 1.0 / frame_rate_hz) / corner_hz) ** 2)
    gain = np.sqrt((response[0] ** 2 + 2 * np.sum(response[1:-1] ** 2) + response[-1] ** 2) / padded)
    white = np.fft.rfft(rng.normal(size=(padded, n_columns)), axis=0)
    smooth: Floats = np.fft.irfft(white * (response / gain)[:, None], n=padded, axis=0)[:n]
    return smooth


def _draw_bouts(
    rng: np.random.Generator, duration_s: float, per_minute: float, length_s: float, peak: float
) -> Iterator[tuple[float, float, float]]:
    """Yield (start in s, length in s, peak) of the events of a Poisson process."""
    for start in np.sort(rng.uniform(0.0, duration_s, rng.poisson(per_minute * duration_s / 60.0))):
        yield (
            float(start),
            length_s * float(np.exp(0.3 * rng.normal())),
            peak * float(np.exp(0.25 * rng.normal())),
        )


def _add_bout(track: Floats, frame_rate_hz: float, start_s: float, length_s: float, peak: float) -> None:
    """Add a bout to `track` in place: onset, apex and offset, each a third of its duration."""
    first = round(start_s * frame_rate_hz)
    n = min(max(3, round(length_s * frame_rate_hz)), len(track) - first)
    if n <= 0:
        return
    phase = (np.arange(n) + 0.5) / max(3, round(length_s * frame_rate_hz))
    ramp = np.clip(3.0 * np.minimum(phase, 1.0 - phase), 0.0, 1.0)
    np.maximum(track[first : first + n], peak * ramp * ramp * (3.0 - 2.0 * ramp), out=track[first : first + n])


def _make_bout_track(
    rng: np.random.Generator, n: int, frame_rate_hz: float, per_minute: float, length_s: float, peak: float
) -> Floats:
    """Return a track of [n] frames that is zero outside bouts."""
    track = np.zeros(n)
    for bout in _draw_bouts(rng, n / frame_rate_hz, per_minute, length_s, peak):
        _add_bout(track, frame_rate_hz, *bout)
    return track


def _apply_hysteresis(intensity: Floats) -> Floats:
    """Return 1 from where a channel exceeds `PRESENT_ABOVE` until it falls below `ABSENT_BELOW`, otherwise 0."""
    is_decided = (intensity > PRESENT_ABOVE) | (intensity < ABSENT_BELOW)
    is_decided[0] = True
    last_decided = np.maximum.accumulate(np.where(is_decided, np.arange(len(intensity))[:, None], 0), axis=0)
    return np.take_along_axis((intensity > PRESENT_ABOVE).astype(float), last_decided, axis=0)


# ---------------------------------------------------------------- video


def _make_movement(
    rng: np.random.Generator, habits: Habits, behaviour_values: dict[str, float], n: int, rate: float
) -> Floats:
    """Return movement of unit variance, shape [n, N_DRIVEN], from shared factors of decreasing weight."""
    decay = 1.0 / (1.0 + np.exp(-(0.3 + 1.0 * behaviour_values["shared_factors"])))
    loadings = habits.loadings * decay ** np.arange(_N_FACTORS)
    loadings /= np.linalg.norm(loadings, axis=1, keepdims=True)
    corner_hz = 0.35 * habits.pace * np.exp(0.40 * behaviour_values["head_pace"])
    shared = _smooth_noise(rng, n, _N_FACTORS, rate, corner_hz) @ loadings.T
    independent = _smooth_noise(rng, n, _N_DRIVEN, rate, corner_hz)
    return np.asarray(np.sqrt(0.75) * shared + np.sqrt(0.25) * independent)


def _make_pose(
    rng: np.random.Generator, habits: Habits, behaviour_values: dict[str, float], movement: Floats, rate: float
) -> Floats:
    n = len(movement)
    seat = habits.seat + 0.25 * _SEAT_SPREAD * rng.normal(size=6)
    pose = seat + _POSE_SPREAD * habits.motion * np.exp(0.45 * behaviour_values["head_motion"]) * movement
    nodding = _make_bout_track(rng, n, rate, 8.0 * np.exp(0.70 * behaviour_values["nods"]), 1.2, 0.07)
    pose[:, 3] += nodding * np.sin(2 * np.pi * 2.0 * np.arange(n) / rate)  # nods at about 2 Hz
    tracker_noise = 0.01 * _POSE_SPREAD * rng.normal(size=(n, 6))
    return np.asarray(np.clip(pose + tracker_noise, -999.0, 999.0))  # the file format allows three digits


def _make_gaze(
    rng: np.random.Generator, habits: Habits, behaviour_values: dict[str, float], movement: Floats, rate: float
) -> Floats:
    """Return gaze in OpenFace format: two unit vectors and the angles of their mean; positive y is down."""
    n = len(movement)
    fixation = np.cumsum(rng.random(n) < 1.5 / rate)
    angles = habits.gaze + 0.03 * rng.normal(size=2) + 0.04 * movement
    angles += rng.normal(0.0, 0.06, size=(fixation[-1] + 1, 2))[fixation] + 0.004 * rng.normal(size=(n, 2))
    angles[:, 1] += _make_bout_track(rng, n, rate, 6.0 * np.exp(0.60 * behaviour_values["gaze_down"]), 2.0, 0.30)
    angles = np.clip(angles, -1.2, 1.2)
    eyes = [_direction(angles + np.array([turn, 0.0])) for turn in (_VERGENCE / 2, -_VERGENCE / 2)]
    mean = eyes[0] + eyes[1]
    return np.column_stack([*eyes, np.arctan2(mean[:, 0], -mean[:, 2]), np.arctan2(mean[:, 1], -mean[:, 2])])


def _direction(angles: Floats) -> Floats:
    vectors = np.column_stack([np.tan(angles), -np.ones(len(angles))])
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _make_action_units(
    rng: np.random.Generator, habits: Habits, behaviour_values: dict[str, float], movement: Floats, rate: float
) -> Floats:
    """Return AU intensities [n, 17] in 0..5: tone, events, speech and blinks."""
    n = len(movement)
    tracks = {unit: np.zeros(n) for unit in _INTENSITY_AUS}
    for column, unit in enumerate(_INTENSITY_AUS):
        if unit in _AU_RATE:
            per_minute = _AU_RATE[unit] * habits.au_rate[column]
            per_minute *= np.exp(0.60 * behaviour_values[_AU_BEHAVIOUR[unit]]) if unit in _AU_BEHAVIOUR else 1.0
            length_s = 1.6 * np.exp(0.40 * behaviour_values["smile_length"]) if unit == 12 else 1.2
            for bout in _draw_bouts(rng, n / rate, per_minute, length_s, 1.8 * habits.expressivity):
                _add_bout(tracks[unit], rate, *bout)
                if unit == 12 and rng.random() < 1.0 / (1.0 + np.exp(-1.2 * behaviour_values["cheek_raise"])):
                    _add_bout(tracks[6], rate, *bout)
    talking = (
        _smooth_noise(rng, n, 1, rate, habits.speech_pace_hz)[:, 0] > np.sqrt(2.0) * (0.5 - habits.talk_share) * 1.8
    )
    syllables = np.abs(_smooth_noise(rng, n, 2, rate, 3.0)) * talking[:, None]
    tracks[25], tracks[26] = 1.2 * syllables[:, 0], 0.9 * syllables[:, 1]
    tracks[45] = _make_bout_track(
        rng, n, rate, habits.blinks_per_minute, 0.30 * np.exp(0.35 * behaviour_values["blink_length"]), 2.2
    )
    tone = habits.au_tone + 0.12 * movement + 0.05 * rng.normal(size=(n, len(AU_R)))
    return np.clip(np.column_stack(list(tracks.values())) + tone, 0.0, 5.0)


def make_video(
    habits: Habits,
    behaviours: Floats,
    *,
    n_frames: int,
    frame_rate_hz: float,
    masked: bool,
    signal_rng: np.random.Generator,
    quality_rng: np.random.Generator,
) -> Floats:
    """Generate the video table of one recording.

    Parameters
    ----------
    habits : Habits
    behaviours : ndarray of shape (len(BEHAVIOURS),)
    n_frames : int
    frame_rate_hz : float
    masked : bool
        Whether the face is hidden in some spans: low confidence and meaningless values.
    signal_rng, quality_rng : numpy.random.Generator
        Random streams of the face and of tracker failures, so that failures are independent of severity.

    Returns
    -------
    ndarray of shape (n_frames, 53)
        Columns `VIDEO_COLUMNS`, in s, mm and rad; AU intensities 0..5.
    """
    behaviour_values = dict(zip(BEHAVIOUR_NAMES, behaviours.tolist(), strict=True))
    movement = _make_movement(signal_rng, habits, behaviour_values, n_frames, frame_rate_hz)
    intensity = _make_action_units(signal_rng, habits, behaviour_values, movement[:, 8:], frame_rate_hz)
    presence = _apply_hysteresis(intensity)
    lip_suck = _make_bout_track(signal_rng, n_frames, frame_rate_hz, 1.5, 1.0, 1.0) > 0.5
    table = np.column_stack(
        [
            np.arange(1, n_frames + 1),
            np.arange(n_frames) / frame_rate_hz,
            np.clip(0.98 - 0.02 * np.abs(quality_rng.normal(size=n_frames)), 0.85, 0.98),
            np.ones(n_frames),
            _make_pose(signal_rng, habits, behaviour_values, movement[:, :6], frame_rate_hz),
            _make_gaze(signal_rng, habits, behaviour_values, movement[:, 6:8], frame_rate_hz),
            intensity,
            presence[:, :-1],
            lip_suck,
            presence[:, -1],
        ]
    )
    if masked:
        _hide_face(table, frame_rate_hz, quality_rng)
    return table


def _hide_face(table: Floats, frame_rate_hz: float, rng: np.random.Generator) -> None:
    """Hide the face in two to four spans, in place: frozen, zero or random values with low confidence."""
    n = len(table)
    for _ in range(int(rng.integers(2, 5))):
        length = min(n // 6, max(2, round(float(rng.uniform(1.0, 4.0)) * frame_rate_hz)))
        start = int(rng.integers(0, n - length + 1))
        span = table[start : start + length]
        span[:, 2] = rng.uniform(0.02, 0.60, length)
        span[:, 3] = 0.0 if rng.random() < 0.6 else 1.0
        kind = rng.choice(["frozen", "zeros", "wild"])
        if kind == "frozen":
            span[:, 4:] = span[0, 4:]
        elif kind == "zeros":
            span[:, 4:] = 0.0
        else:
            span[:, 4:] = _draw_random_values(rng, length)


def _draw_random_values(rng: np.random.Generator, n: int) -> Floats:
    pose = np.clip(rng.normal(_SEAT_MEAN, 6.0 * _SEAT_SPREAD, size=(n, 6)), -990.0, 990.0)
    angles = rng.uniform(-1.2, 1.2, size=(n, 2))
    intensity = rng.uniform(0.0, 5.0, size=(n, len(AU_R)))
    presence = rng.integers(0, 2, size=(n, len(AU_C)))
    return np.column_stack([pose, _direction(angles), _direction(angles), angles, intensity, presence])


# ---------------------------------------------------------------- audio


class VoiceSpace(NamedTuple):
    """Parameters shared by all voices, identical in every synthetic set."""

    centre: Floats  # [768]
    factors: Floats  # [N_VOICE_FACTORS, 768]
    direction: Floats  # [768], unit length


def make_voice_space() -> VoiceSpace:
    """Return the voice space, including the direction that depends on severity."""
    rng = np.random.default_rng(_VOICE_SPACE_SEED)
    size = N_CLUSTERS * N_BANDS
    direction = rng.normal(size=size)
    return VoiceSpace(
        rng.normal(size=size),
        rng.normal(size=(_N_VOICE_FACTORS, size)) / np.sqrt(_N_VOICE_FACTORS),
        direction / np.linalg.norm(direction),
    )


def make_audio(space: VoiceSpace, habits: Habits, behaviours: Floats, rng: np.random.Generator) -> Floats:
    """Generate the audio vector of one recording, normalised per cluster and then as a whole, as in NetVLAD.

    Returns
    -------
    ndarray of shape (768,)
        16 clusters of 48 bands, with unit Euclidean norm.
    """
    content = 0.4 * rng.normal(size=_N_VOICE_FACTORS)
    vector = space.centre + (habits.voice + content) @ space.factors + 0.6 * rng.normal(size=len(space.centre))
    vector = vector + 8.0 * behaviours[BEHAVIOUR_NAMES.index("voice")] * space.direction
    clusters = vector.reshape(N_CLUSTERS, N_BANDS)
    clusters = clusters / np.linalg.norm(clusters, axis=1, keepdims=True)
    return np.asarray(clusters.ravel() / np.sqrt(N_CLUSTERS))
