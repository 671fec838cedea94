"""The signals of a synthetic recording: habits and behaviours in, a video table and an audio vector out.

A *habit* is the subject's own and says nothing about depression (seat, expressivity, voice). A *behaviour* is
a latent number of about unit spread that leans on severity; the table `BEHAVIOURS` is the whole list of what
is planted. Nothing else in a signal knows the severity.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.io.channels import GAZE, POSE


class Behaviour(NamedTuple):
    """A latent behaviour, and how far a step of severity (`SEVERITY_SCALE` points) moves it."""

    name: str
    effect: float
    source: str


# Signs are the documented directions; sizes are chosen, so that no behaviour tells the label alone.
BEHAVIOURS = (
    Behaviour("head_motion", -0.90, "Girard 2014: smaller, slower head motion"),
    Behaviour("head_pace", -0.75, "AVEC'13/14 spectra, Alghowinem 2013: slower movement"),
    Behaviour("nods", -0.65, "Girard 2014: fewer affiliative signals"),
    Behaviour("smiles", -0.80, "Girard 2014: AU12 down"),
    Behaviour("smile_length", -0.75, "Scherer 2013: shorter smiles"),
    Behaviour("cheek_raise", -0.65, "fewer felt smiles, that is AU06 with AU12 (Ekman 1990)"),
    Behaviour("dimpler", 0.80, "Girard 2014: AU14 up"),
    Behaviour("lip_corner_down", -0.40, "Girard 2014: AU15 down at high severity, against intuition; hence small"),
    Behaviour("chin_raise", 0.65, "AU17 up with sadness (EMFACS)"),
    Behaviour("gaze_down", 0.80, "Scherer 2013, Alghowinem 2013: gaze down more often"),
    Behaviour("blink_length", 0.80, "Alghowinem 2013: longer blinks, unchanged rate"),
    Behaviour("shared_factors", -0.75, "Williamson 2014: simpler coordination between channels"),
    Behaviour("voice", 0.80, "a weak direction in the audio vector"),
)
BEHAVIOUR_NAMES = tuple(behaviour.name for behaviour in BEHAVIOURS)

CUT_OFF = 10  # PHQ-8 points from which a subject counts as depressed (Kroenke 2009)
SEVERITY_SCALE = 7.0  # PHQ-8 points, about the spread of a half-depressed sample
_SHOWN_SPREAD = 0.40  # of subjects around their severity: not everybody shows it alike
SUBJECT_SPREAD, RECORDING_SPREAD = 0.9, 0.3  # of a behaviour around what the shown severity expects

_INTENSITY_AUS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
_PRESENCE_AUS = (*_INTENSITY_AUS[:-1], 28, 45)
_ID_COLUMNS = ("frame", "timestamp", "confidence", "success")
AU_R = tuple(f"AU{unit:02d}_r" for unit in _INTENSITY_AUS)
AU_C = tuple(f"AU{unit:02d}_c" for unit in _PRESENCE_AUS)
VIDEO_COLUMNS = (*_ID_COLUMNS, *POSE, *GAZE, *AU_R, *AU_C)  # E-DAIC, OpenFace 2.1

# Events a minute of each AU that has its own; AU06 joins smiles, AU25 and AU26 are speech, AU45 are blinks.
_AU_RATE = {1: 5, 2: 4, 4: 5, 5: 3, 6: 1, 7: 4, 9: 1, 10: 3, 12: 12, 14: 9, 15: 8, 17: 9, 20: 2, 23: 3}
_AU_BEHAVIOUR = {12: "smiles", 14: "dimpler", 15: "lip_corner_down", 17: "chin_raise"}
PRESENT_ABOVE, ABSENT_BELOW = 0.8, 0.4  # intensity: hysteresis of AU_c

_POSE_SPREAD = np.array([9.0, 7.0, 12.0, 0.050, 0.060, 0.030])  # mm, then rad: of a movement
_SEAT_MEAN = np.array([0.0, 20.0, 550.0, 0.08, 0.0, 0.0])
_SEAT_SPREAD = np.array([35.0, 30.0, 80.0, 0.10, 0.10, 0.06])
_VERGENCE = 0.06  # rad between the two eyes at about a metre
_N_FACTORS = 8
_N_DRIVEN = len(POSE) + 2 + len(AU_R)  # pose, the gaze angles and the tone of every AU move together

N_CLUSTERS, N_BANDS = 16, 48  # NetVLAD over log-Mel bands: 768 numbers
_N_VOICE_FACTORS = 16
_WORLD_SEED = 20250  # what all sets share, so that a model can be carried from one to another


class Habits(NamedTuple):
    """What is a subject's own, and has nothing to do with depression."""

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


def draw_habits(rng: np.random.Generator, gender: str) -> Habits:
    """Draw one subject's habits; gender moves the voice only."""
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


def draw_behaviours(severity: float, subject: np.random.Generator, recording: np.random.Generator) -> Floats:
    """Draw the latent behaviours of one recording: severity's pull, the subject's own, the day's.

    Returns
    -------
    ndarray of shape (len(BEHAVIOURS),)
        In the order of `BEHAVIOURS`, without unit.
    """
    effects = np.array([behaviour.effect for behaviour in BEHAVIOURS])
    shown = (severity - CUT_OFF) / SEVERITY_SCALE + _SHOWN_SPREAD * subject.normal()
    own = SUBJECT_SPREAD * subject.normal(size=len(effects))
    today = RECORDING_SPREAD * recording.normal(size=len(effects))
    return effects * shown + own + today


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
    """Yield (start in s, length in s, peak) of events that come as a Poisson process."""
    for start in np.sort(rng.uniform(0.0, duration_s, rng.poisson(per_minute * duration_s / 60.0))):
        yield (
            float(start),
            length_s * float(np.exp(0.3 * rng.normal())),
            peak * float(np.exp(0.25 * rng.normal())),
        )


def _add_bout(track: Floats, frame_rate_hz: float, start_s: float, length_s: float, peak: float) -> None:
    """Raise `track` in place to an onset, an apex and an offset (each a third of the time)."""
    first = round(start_s * frame_rate_hz)
    n = min(max(3, round(length_s * frame_rate_hz)), len(track) - first)
    if n <= 0:
        return
    phase = (np.arange(n) + 0.5) / max(3, round(length_s * frame_rate_hz))
    ramp = np.clip(3.0 * np.minimum(phase, 1.0 - phase), 0.0, 1.0)
    np.maximum(track[first : first + n], peak * ramp * ramp * (3.0 - 2.0 * ramp), out=track[first : first + n])


def _bout_track(
    rng: np.random.Generator, n: int, frame_rate_hz: float, per_minute: float, length_s: float, peak: float
) -> Floats:
    """Return a track of [n] frames that is zero but for its bouts."""
    track = np.zeros(n)
    for bout in _draw_bouts(rng, n / frame_rate_hz, per_minute, length_s, peak):
        _add_bout(track, frame_rate_hz, *bout)
    return track


def _apply_hysteresis(intensity: Floats) -> Floats:
    """Return 1 from where a channel passes `PRESENT_ABOVE` to where it falls under `ABSENT_BELOW`, else 0."""
    decided = (intensity > PRESENT_ABOVE) | (intensity < ABSENT_BELOW)
    decided[0] = True
    last = np.maximum.accumulate(np.where(decided, np.arange(len(intensity))[:, None], 0), axis=0)
    return np.take_along_axis((intensity > PRESENT_ABOVE).astype(float), last, axis=0)


# ---------------------------------------------------------------- video


def _driven(rng: np.random.Generator, habits: Habits, planted: dict[str, float], n: int, rate: float) -> Floats:
    """Movement of [n, N_DRIVEN] channels of unit variance, from factors that count for less and less."""
    decay = 1.0 / (1.0 + np.exp(-(0.3 + 1.0 * planted["shared_factors"])))
    loadings = habits.loadings * decay ** np.arange(_N_FACTORS)
    loadings /= np.linalg.norm(loadings, axis=1, keepdims=True)
    corner_hz = 0.35 * habits.pace * np.exp(0.40 * planted["head_pace"])
    shared = _smooth_noise(rng, n, _N_FACTORS, rate, corner_hz) @ loadings.T
    own = _smooth_noise(rng, n, _N_DRIVEN, rate, corner_hz)
    return np.asarray(np.sqrt(0.75) * shared + np.sqrt(0.25) * own)


def _pose(rng: np.random.Generator, habits: Habits, planted: dict[str, float], movement: Floats, rate: float) -> Floats:
    n = len(movement)
    seat = habits.seat + 0.25 * _SEAT_SPREAD * rng.normal(size=6)
    pose = seat + _POSE_SPREAD * habits.motion * np.exp(0.45 * planted["head_motion"]) * movement
    nodding = _bout_track(rng, n, rate, 8.0 * np.exp(0.70 * planted["nods"]), 1.2, 0.07)
    pose[:, 3] += nodding * np.sin(2 * np.pi * 2.0 * np.arange(n) / rate)  # nods are near 2 Hz
    tracker = 0.01 * _POSE_SPREAD * rng.normal(size=(n, 6))
    return np.asarray(np.clip(pose + tracker, -999.0, 999.0))  # the file has room for three digits


def _gaze(rng: np.random.Generator, habits: Habits, planted: dict[str, float], movement: Floats, rate: float) -> Floats:
    """Gaze as OpenFace writes it: two unit vectors and the angles of their mean; down is positive y."""
    n = len(movement)
    fixation = np.cumsum(rng.random(n) < 1.5 / rate)
    angles = habits.gaze + 0.03 * rng.normal(size=2) + 0.04 * movement
    angles += rng.normal(0.0, 0.06, size=(fixation[-1] + 1, 2))[fixation] + 0.004 * rng.normal(size=(n, 2))
    angles[:, 1] += _bout_track(rng, n, rate, 6.0 * np.exp(0.60 * planted["gaze_down"]), 2.0, 0.30)
    angles = np.clip(angles, -1.2, 1.2)
    eyes = [_direction(angles + np.array([turn, 0.0])) for turn in (_VERGENCE / 2, -_VERGENCE / 2)]
    mean = eyes[0] + eyes[1]
    return np.column_stack([*eyes, np.arctan2(mean[:, 0], -mean[:, 2]), np.arctan2(mean[:, 1], -mean[:, 2])])


def _direction(angles: Floats) -> Floats:
    towards = np.column_stack([np.tan(angles), -np.ones(len(angles))])
    return np.asarray(towards / np.linalg.norm(towards, axis=1, keepdims=True))


def _action_units(
    rng: np.random.Generator, habits: Habits, planted: dict[str, float], movement: Floats, rate: float
) -> Floats:
    """Intensities [n, 17] in 0..5: tone, events, speech and blinks."""
    n = len(movement)
    tracks = {unit: np.zeros(n) for unit in _INTENSITY_AUS}
    for column, unit in enumerate(_INTENSITY_AUS):
        if unit in _AU_RATE:
            per_minute = _AU_RATE[unit] * habits.au_rate[column]
            per_minute *= np.exp(0.60 * planted[_AU_BEHAVIOUR[unit]]) if unit in _AU_BEHAVIOUR else 1.0
            length_s = 1.6 * np.exp(0.40 * planted["smile_length"]) if unit == 12 else 1.2
            for bout in _draw_bouts(rng, n / rate, per_minute, length_s, 1.8 * habits.expressivity):
                _add_bout(tracks[unit], rate, *bout)
                if unit == 12 and rng.random() < 1.0 / (1.0 + np.exp(-1.2 * planted["cheek_raise"])):
                    _add_bout(tracks[6], rate, *bout)
    talking = _smooth_noise(rng, n, 1, rate, 0.3)[:, 0] > np.sqrt(2.0) * (0.5 - habits.talk_share) * 1.8
    syllables = np.abs(_smooth_noise(rng, n, 2, rate, 3.0)) * talking[:, None]
    tracks[25], tracks[26] = 1.2 * syllables[:, 0], 0.9 * syllables[:, 1]
    tracks[45] = _bout_track(rng, n, rate, habits.blinks_per_minute, 0.30 * np.exp(0.35 * planted["blink_length"]), 2.2)
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
    """Make the video table of one recording.

    Parameters
    ----------
    habits : Habits
    behaviours : ndarray of shape (len(BEHAVIOURS),)
    n_frames : int
    frame_rate_hz : float
    masked : bool
        Whether spans of the face are hidden: low confidence, and values that mean nothing.
    signal_rng, quality_rng : numpy.random.Generator
        Of the face, and of the tracker's failures; apart, so that failures cannot know the severity.

    Returns
    -------
    ndarray of shape (n_frames, 53)
        Columns `VIDEO_COLUMNS`; s, mm and rad; AU intensities 0..5.
    """
    planted = dict(zip(BEHAVIOUR_NAMES, behaviours.tolist(), strict=True))
    movement = _driven(signal_rng, habits, planted, n_frames, frame_rate_hz)
    intensity = _action_units(signal_rng, habits, planted, movement[:, 8:], frame_rate_hz)
    presence = _apply_hysteresis(intensity)
    lip_suck = _bout_track(signal_rng, n_frames, frame_rate_hz, 1.5, 1.0, 1.0) > 0.5
    table = np.column_stack(
        [
            np.arange(1, n_frames + 1),
            np.arange(n_frames) / frame_rate_hz,
            np.clip(0.98 - 0.02 * np.abs(quality_rng.normal(size=n_frames)), 0.85, 0.98),
            np.ones(n_frames),
            _pose(signal_rng, habits, planted, movement[:, :6], frame_rate_hz),
            _gaze(signal_rng, habits, planted, movement[:, 6:8], frame_rate_hz),
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
    """Hide the face in place, for two to four spans: frozen, zero or wild values of low confidence."""
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
            span[:, 4:] = _wild(rng, length)


def _wild(rng: np.random.Generator, n: int) -> Floats:
    pose = np.clip(rng.normal(_SEAT_MEAN, 6.0 * _SEAT_SPREAD, size=(n, 6)), -990.0, 990.0)
    angles = rng.uniform(-1.2, 1.2, size=(n, 2))
    intensity = rng.uniform(0.0, 5.0, size=(n, len(AU_R)))
    presence = rng.integers(0, 2, size=(n, len(AU_C)))
    return np.column_stack([pose, _direction(angles), _direction(angles), angles, intensity, presence])


# ---------------------------------------------------------------- audio


class AudioWorld(NamedTuple):
    """What all voices share: the same in every synthetic set."""

    centre: Floats  # [768]
    factors: Floats  # [N_VOICE_FACTORS, 768]
    direction: Floats  # [768], unit length


def audio_world() -> AudioWorld:
    """Return the space voices live in and the direction in it that leans on severity."""
    rng = np.random.default_rng(_WORLD_SEED)
    size = N_CLUSTERS * N_BANDS
    direction = rng.normal(size=size)
    return AudioWorld(
        rng.normal(size=size),
        rng.normal(size=(_N_VOICE_FACTORS, size)) / np.sqrt(_N_VOICE_FACTORS),
        direction / np.linalg.norm(direction),
    )


def make_audio(world: AudioWorld, habits: Habits, behaviours: Floats, rng: np.random.Generator) -> Floats:
    """Make the audio vector of one recording: normalised within clusters, then as a whole, as NetVLAD does.

    Returns
    -------
    ndarray of shape (768,)
        16 clusters of 48 bands, of unit Euclidean length.
    """
    content = 0.4 * rng.normal(size=_N_VOICE_FACTORS)
    vector = world.centre + (habits.voice + content) @ world.factors + 0.6 * rng.normal(size=len(world.centre))
    vector = vector + 8.0 * behaviours[BEHAVIOUR_NAMES.index("voice")] * world.direction
    clusters = vector.reshape(N_CLUSTERS, N_BANDS)
    clusters = clusters / np.linalg.norm(clusters, axis=1, keepdims=True)
    return np.asarray(clusters.ravel() / np.sqrt(N_CLUSTERS))
