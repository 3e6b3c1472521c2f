"""Technical faults of an ECG, in words for the person at the electrodes.

Thresholds are stated with their reason. Those without another source were set on PTB-XL, so that few recordings which
its cardiologists read without complaint are flagged.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from medclip.core.errors import InputError
from medclip.core.modality import QualityIssue
from medclip.core.sample import Sample
from medclip.modalities.ecg.leads import DERIVED_LEADS, INDEPENDENT_LEADS
from medclip.modalities.ecg.simulate.dipole import lead_vectors

__all__ = ["assess_quality"]

_FLAT_MV = 0.005  # a twentieth of a millimetre from peak to peak: less than the noise of any electrode on skin
_FLAT_RUN_S = 2.0  # longer than the pause between any two beats that leaves a patient awake
_CLIPPED_RUN_S = 0.020  # QRS peaks pass in a few milliseconds
_CLIPPED_MV = 0.5  # smaller peaks may be blunt in recordings of coarse resolution
_GAP_SHARE = 0.2  # the share of missing samples above which an input specification leaves a lead empty
_PLAUSIBLE_MV = (0.05, 15.0)  # typical range of a lead's signal; outside, the unit is probably not mV
_NOISE_MV = 0.030  # root mean square; about one millimetre from peak to peak
_NOISE_SHARE = 0.75  # of the share that white noise has; of the 214 leads of PTB-XL with such noise the worst has 0.67
_MAINS_MV = 0.025  # amplitude: half a millimetre from peak to peak
_MAINS_HZ = (50.0, 60.0)
_WANDER_MV = 2.0  # two centimetres on paper: the trace leaves its row
_INCONSISTENT_MV = 0.02  # root mean square; rounding to 5 uV leaves 0.003
_EXCHANGE_LOG_RATIO = -0.05
_EXCHANGE_CORRELATION = 0.2
_ELECTRODE_OF_PAIR: Mapping[tuple[str, ...], str] = {
    ("I", "II"): "right arm",
    ("I", "III"): "left arm",
    ("II", "III"): "left leg",
}


@dataclass(frozen=True, eq=False)
class _Recording:
    """Leads with a signal, gaps closed, and which of their samples were there."""

    names: tuple[str, ...]
    values: np.ndarray
    is_known: np.ndarray
    sampling_rate_hz: float

    @property
    def leads(self) -> dict[str, np.ndarray]:
        return dict(zip(self.names, self.values, strict=True))

    @functools.cached_property
    def baseline(self) -> np.ndarray:
        """Moving average of one second."""
        return _moving_average(self.values, self.samples(1.0))

    def samples(self, duration_s: float) -> int:
        return max(1, round(duration_s * self.sampling_rate_hz))

    def named(self, is_affected: np.ndarray) -> tuple[str, ...]:
        return tuple(name for name, affected in zip(self.names, is_affected, strict=True) if affected)


def assess_quality(sample: Sample) -> tuple[QualityIssue, ...]:
    """List the technical faults of an ECG; empty when nothing was found.

    Kinds: ``missing``, ``gap``, ``flat``, ``saturated``, ``amplitude``, ``noise``, ``mains``, ``wander``,
    ``inconsistent`` and ``exchanged`` (arm electrodes).

    Raises:
        InputError: The sample is not a waveform.

    >>> from medclip.modalities.ecg.simulate import simulate_ecg
    >>> assess_quality(simulate_ecg(seed=1))
    ()
    >>> [(issue.kind, issue.where) for issue in assess_quality(simulate_ecg(seed=1, electrodes_off=["V3"]))]
    [('missing', ('V3',))]
    """
    if sample.channel_names is None or sample.sampling_rate_hz is None:
        raise InputError("the sample is not a waveform", received=f"array of shape {sample.array.shape}")
    values = sample.array.astype(np.float64)
    is_known = np.isfinite(values)
    issues = _missing(sample.channel_names, is_known)
    present = [row for row in range(len(values)) if is_known[row].any()]
    range_mv = {row: float(np.ptp(values[row][is_known[row]])) for row in present}
    dead = [row for row in present if range_mv[row] <= _FLAT_MV]
    issues += _issue("flat", [sample.channel_names[row] for row in dead], "no signal, a flat line.")
    live = [row for row in present if row not in dead]
    if not live:
        message = "No lead shows a heart: check all electrodes and cables."
        return (*issues, QualityIssue("flat", (), message, "unusable"))
    names = tuple(sample.channel_names[row] for row in live)
    filled = np.stack([_without_gaps(values[row], is_known[row]) for row in live])
    recording = _Recording(names, filled, is_known[live], sample.sampling_rate_hz)
    return (*issues, *(issue for check in _CHECKS for issue in check(recording)))


def _missing(names: tuple[str, ...], is_known: np.ndarray) -> list[QualityIssue]:
    share = 1.0 - is_known.mean(axis=1)
    by_share = list(zip(names, share, strict=True))
    absent = [name for name, part in by_share if part == 1]
    long = [name for name, part in by_share if _GAP_SHARE < part < 1]
    short = [name for name, part in by_share if 0 < part <= _GAP_SHARE]
    return [
        *_issue("missing", absent, "nothing recorded."),
        *_issue("gap", long, "long parts of the recording are missing."),
        *_issue("gap", short, "short parts of the recording are missing.", severity="note"),
    ]


def _flat_runs(recording: _Recording) -> list[QualityIssue]:
    """Leads that stand still for two seconds or more while others go on."""
    longest = np.array([_longest_run(np.diff(lead) == 0) for lead in recording.values])
    if (longest >= recording.values.shape[1] / 2).all():
        message = "No lead shows a heart for half of the time: check all electrodes and cables."
        return [QualityIssue("flat", (), message, "unusable")]
    names = recording.named(longest >= recording.samples(_FLAT_RUN_S))
    return _issue("flat", names, "a flat line for two seconds or more.")


def _saturated(recording: _Recording) -> list[QualityIssue]:
    """Leads that stay at their own extreme value, far from the baseline, for longer than a peak does."""
    n_run = max(3, recording.samples(_CLIPPED_RUN_S))
    is_affected = np.array([_is_clipped(lead, n_run) for lead in recording.values])
    message = "peaks are cut off at the limit of the recorder. Check its gain, let the trace settle and record again."
    return _issue("saturated", recording.named(is_affected), message)


def _is_clipped(lead: np.ndarray, n_run: int) -> bool:
    # Some recorders hold the last value until the end: that is no clipping.
    changing = lead[: len(lead) - int(np.argmax(lead[::-1] != lead[-1]))]
    for extreme in (lead.max(), lead.min()):
        is_extreme = changing == extreme
        if abs(extreme - lead.mean()) > _CLIPPED_MV and is_extreme.sum() >= n_run:
            return _longest_run(is_extreme) >= n_run
    return False


def _implausible(recording: _Recording) -> list[QualityIssue]:
    low, high = np.percentile(recording.values[:, ::4], [0.5, 99.5], axis=1)
    typical_mv = float(np.median(high - low))
    if _PLAUSIBLE_MV[0] <= typical_mv <= _PLAUSIBLE_MV[1]:
        return []
    message = (
        f"The leads vary by {typical_mv:.3g} mV, which no heart does: the file probably states another unit than mV "
        "(uV or V). Check the export of the device."
    )
    return [QualityIssue("amplitude", (), message, "unusable")]


def _noisy(recording: _Recording) -> list[QualityIssue]:
    """Muscle noise and hum: what remains beside a moving average of 20 ms, in the quieter half of the recording."""
    values = recording.values
    n_average = max(3, recording.samples(0.020))
    rest = values - _moving_average(values, n_average)
    n_window = recording.samples(0.1)
    n_windows = max(1, rest.shape[1] // n_window)
    power = (rest[:, : n_windows * n_window].reshape(len(rest), n_windows, -1) ** 2).mean(axis=2)
    typical = np.median(power, axis=1)
    is_noisy = typical > _NOISE_MV**2
    hopeless = _NOISE_SHARE * (1 - 1 / n_average) * (values - recording.baseline).var(axis=1)
    if (is_noisy & (typical > hopeless)).all():
        message = "Every lead shows noise that no heart can be seen in: check all electrodes and cables."
        return [QualityIssue("noise", (), message, "unusable")]
    names = recording.named(is_noisy)
    return _issue("noise", names, "strong noise. Let the patient relax and keep warm, and clean the skin.")


def _humming(recording: _Recording) -> list[QualityIssue]:
    values = recording.values
    for mains_hz in _MAINS_HZ:
        if mains_hz >= 0.45 * recording.sampling_rate_hz:
            continue
        cosine, sine = _hum_basis(mains_hz, values.shape[1], recording.sampling_rate_hz)
        hum_mv, below_mv, above_mv = np.hypot(values @ cosine, values @ sine).T
        # Beside a line of hum the spectrum is low; under a sharp QRS it is high on both sides too.
        names = recording.named((hum_mv > _MAINS_MV) & (hum_mv > 3 * np.maximum(below_mv, above_mv)))
        if names:
            return _issue("mains", names, f"mains hum of {mains_hz:.0f} Hz. Move electric devices and cables away.")
    return []


def _wandering(recording: _Recording) -> list[QualityIssue]:
    names = recording.named(np.ptp(recording.baseline, axis=1) > _WANDER_MV)
    message = f"the baseline drifts by more than {_WANDER_MV:g} mV. Let the patient lie still."
    return _issue("wander", names, message, severity="note")


def _inconsistent(recording: _Recording) -> list[QualityIssue]:
    """Derived leads that are not what I and II say (Einthoven's and Goldberger's relations)."""
    leads, wrong = recording.leads, []
    for name, recipe in DERIVED_LEADS.items():
        if name in leads and all(part in leads for part in recipe):
            difference = leads[name] - sum((weight * leads[part] for part, weight in recipe.items()), np.zeros(1))
            if np.sqrt(np.mean((difference - difference.mean()) ** 2)) > _INCONSISTENT_MV:
                wrong.append(name)
    if not wrong:
        return []
    message = f"{', '.join(wrong)}: do not follow from I and II. Leads were renamed, filtered apart or averaged from"
    return [QualityIssue("inconsistent", tuple(wrong), f"{message} other beats: check the export of the device.")]


def _exchanged_arms(recording: _Recording) -> list[QualityIssue]:
    """Right and left arm electrodes exchanged: I is inverted, and II and III change places.

    The sign that is taught is a negative P-QRS-T in I that V6 does not share (Batchvarov, Malik, Camm, Europace
    9:1081-1090, 2007). As Kors and van Herpen did (American Journal of Cardiology 88:396-399, 2001), the redundancy
    of the leads is used beside it: Dower's lead vectors must explain the eight leads by one heart vector better with
    the arms exchanged than as recorded. Dextrocardia inverts V6 as well and is not reported. Of 2,664 recordings of
    PTB-XL 0.4 % are reported, and 97.9 % of them when their arms are exchanged (least of all paced ones); the two
    limits were set there.
    """
    if not set(INDEPENDENT_LEADS) <= set(recording.names):
        return []
    rows = [recording.names.index(name) for name in INDEPENDENT_LEADS]
    values = (recording.values - recording.baseline)[rows][:, recording.is_known.all(axis=0)]
    products = values @ values.T
    correlation = products[0, 7] / max(np.sqrt(products[0, 0] * products[7, 7]), 1e-12)
    exchange = np.eye(8)
    exchange[:2, :2] = [[-1.0, 0.0], [-1.0, 1.0]]
    as_recorded, as_exchanged = (
        max(_unexplained(matrix @ products @ matrix.T), 1e-12) for matrix in (np.eye(8), exchange)
    )
    if correlation > _EXCHANGE_CORRELATION or np.log(as_exchanged / as_recorded) > _EXCHANGE_LOG_RATIO:
        return []
    message = (
        "Right and left arm electrodes may be exchanged: lead I points the other way than V6. Check that the right "
        "arm electrode is on the right arm and the left one on the left, and record again."
    )
    return [QualityIssue("exchanged", ("I", "II", "III", "aVR", "aVL"), message)]


_CHECKS: tuple[Callable[[_Recording], list[QualityIssue]], ...] = (
    _flat_runs,
    _saturated,
    _implausible,
    _noisy,
    _humming,
    _wandering,
    _inconsistent,
    _exchanged_arms,
)


def _unexplained(products: np.ndarray) -> float:
    """Energy of the leads that no heart vector explains, from their matrix of inner products."""
    vectors = lead_vectors()
    explained = vectors @ np.linalg.pinv(vectors)
    return float(np.trace((np.eye(8) - explained) @ products))


def _without_gaps(values: np.ndarray, is_known: np.ndarray) -> np.ndarray:
    if is_known.all():
        return values
    times = np.arange(len(values))
    return np.asarray(np.interp(times, times[is_known], values[is_known]))


def _longest_run(is_true: np.ndarray) -> int:
    """Length of the longest run of True.

    >>> _longest_run(np.array([True, False, True, True]))
    2
    """
    breaks = np.flatnonzero(~np.concatenate([[False], is_true, [False]]))
    return int(np.diff(breaks).max()) - 1


def _moving_average(values: np.ndarray, n_window: int) -> np.ndarray:
    n_window = min(n_window, values.shape[1])
    before = n_window // 2 + 1
    padded = np.pad(values, ((0, 0), (before, n_window - before)), mode="edge")
    total = np.cumsum(padded, axis=1)
    return np.asarray((total[:, n_window:] - total[:, :-n_window]) / n_window)


@functools.lru_cache(maxsize=16)
def _hum_basis(mains_hz: float, n_samples: int, sampling_rate_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines ``(n_samples, 3)`` at the mains frequency and on both sides, scaled to give amplitudes."""
    times_s = np.arange(n_samples)[:, None] / sampling_rate_hz
    angles = 2 * np.pi * times_s * np.array([mains_hz, mains_hz - 2.7, mains_hz + 2.7])
    return 2 * np.cos(angles) / n_samples, 2 * np.sin(angles) / n_samples


def _issue(kind: str, names: Sequence[str], what: str, *, severity: str = "warning") -> list[QualityIssue]:
    """One issue that ends with the electrodes to check, or none if no lead is concerned."""
    if not names:
        return []
    message = f"{', '.join(names)}: {what} {_advice(names)}"
    return [QualityIssue(kind, tuple(names), message, severity)]


def _advice(names: Sequence[str]) -> str:
    """Name the electrodes that the leads have in common."""
    chest = [name for name in names if name.startswith("V")]
    limb = tuple(name for name in ("I", "II", "III") if name in names)
    has_limb = any(not name.startswith("V") for name in names)
    arm = _ELECTRODE_OF_PAIR.get(limb, "limb") if has_limb else ""
    parts = [f"the {arm} electrode{'s' if arm == 'limb' else ''}"] if arm else []
    if chest:
        parts.append(f"the chest electrode{'s' if len(chest) > 1 else ''} {', '.join(chest)}")
    return f"Check {' and '.join(parts)}: contact, gel and cable."
