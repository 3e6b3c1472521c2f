"""Put the answer about one recording together: its findings, and everything that qualifies them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medclip.core.label_set import LabelSet
from medclip.core.modality import find_modality
from medclip.core.needed_channels import lacking
from medclip.core.sample import Sample
from medclip.core.windows import WindowPlace, clock
from medclip.zeroshot.calibration import Calibration
from medclip.zeroshot.findings import Findings, FindingScore
from medclip.zeroshot.windows import Pooling, WindowReview, WindowScores, pool_scores

__all__ = ["answer"]

_POOLED_AS = {"mean": "the mean over them", "max": "the highest of them"}


def answer(
    sample: Sample,
    labels: LabelSet,
    scores: np.ndarray,
    review: WindowReview,
    *,
    pooling: Pooling,
    absent: Sequence[str],
    n_channels: int,
    model: str,
    remarks: Sequence[str],
    calibration: Calibration | None,
) -> Findings:
    """Pool the scores of windows and say what the reader has to know beside them.

    Args:
        sample: The recording.
        labels: What was asked about.
        scores: ``(n_windows, n_findings)`` in [0, 1], of the windows that ``review`` found usable.
        review: What was found in the windows.
        pooling: How they become one score.
        absent: Channels that the model takes and the recording lacks.
        n_channels: Number of channels that the model takes.
        model: Name of the bundle.
        remarks: Notes on the model.
        calibration: What made probabilities of the scores, if anything did.
    """
    windows = _window_scores(labels, scores, review, pooling)
    # The highest of several probabilities is none.
    known = {} if calibration is None or (windows and pooling == "max") else calibration.parameters
    needs = find_modality(sample.modality).needed_channels() if absent else {}
    entries = [
        FindingScore(
            finding.code,
            finding.name,
            float(score),
            finding.polarity,
            finding.code in known,
            lacking(needs.get(finding.concept, ()), absent),
        )
        for finding, score in zip(labels.findings, pool_scores(scores, [len(scores)], pooling)[0], strict=True)
    ]
    return Findings(
        tuple(sorted(entries, key=lambda entry: (not entry.is_assessable, -entry.score))),
        labels.name,
        model,
        sample,
        (*review.notes, *_on_windows(sample, review, pooling), *remarks),
        review.quality,
        "" if not known or calibration is None else calibration.summary(),
        windows,
        _reservations(sample, absent, n_channels),
    )


def _window_scores(labels: LabelSet, scores: np.ndarray, review: WindowReview, pooling: Pooling) -> WindowScores | None:
    places = tuple(place for place in review.places if place is not None)
    if len(review.windows) == 1 or not places:
        return None
    return WindowScores(places, labels.codes, scores, pooling, review.n_left_out, tuple(review.faults))


def _on_windows(sample: Sample, review: WindowReview, pooling: Pooling) -> tuple[str, ...]:
    places, duration_s = [place for place in review.places if place is not None], sample.duration_s
    if duration_s is None or not places or len(review.windows) == 1:
        return _on_one_window(duration_s, places)
    length_s = places[0].stop_s - places[0].start_s
    left_out = f"; {review.n_left_out} more left out as technically unusable" if review.n_left_out else ""
    plural = "s" if len(places) > 1 else ""
    return (
        f"{len(places)} window{plural} of {length_s:.3g} s judged, of {clock(duration_s)} recorded{left_out}; "
        f"scores are {_POOLED_AS[pooling]}",
    )


def _on_one_window(duration_s: float | None, places: Sequence[WindowPlace]) -> tuple[str, ...]:
    if duration_s is None or not places or places[0].stop_s - places[0].start_s > 0.95 * duration_s:
        return ()
    return (f"only {places[0]} of {clock(duration_s)} judged",)


def _reservations(sample: Sample, absent: Sequence[str], n_channels: int) -> tuple[str, ...]:
    """Mark an answer from fewer channels than the model takes."""
    if not absent:
        return ()
    word = find_modality(sample.modality).channel_word
    n_present = n_channels - len(absent)
    degree = "far less" if n_present < n_channels / 2 else "less"
    return (
        f"{n_present} of {n_channels} {word}s (without {', '.join(absent)}): findings that need the others cannot be "
        f"judged, and the scores of the rest are {degree} reliable than those from all {word}s",
    )
