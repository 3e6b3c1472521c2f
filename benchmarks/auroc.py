"""Time our AUROC and its patient bootstrap against scikit-learn's loop over classes, and compare the numbers.

    OMP_NUM_THREADS=1 python benchmarks/auroc.py [--n_reference 10]

2,000 records x 71 classes with the spread of prevalences of a real label set and scores with ties. scikit-learn's
bootstrap takes minutes, so only ``--n_reference`` of its 1,000 resamples are timed and the time is scaled up; the
values of these are compared with ours. Ratios are the thing to read: a shared machine's seconds vary.
"""

from __future__ import annotations

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
from sklearn.metrics import roc_auc_score

from medclip.evaluation.bootstrap import bootstrap_auroc, patient_resamples, resampled_auroc
from medclip.evaluation.metrics import auroc

N_RECORDS, N_CLASSES, N_RESAMPLES = 2000, 71, 1000


def main() -> None:
    """Print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n_reference", type=int, default=10, help="resamples that scikit-learn is timed on")
    n_reference = parser.parse_args().n_reference
    scores, labels, patient_ids = simulate()

    ours, theirs = auroc(scores, labels), reference(scores, labels)
    print(f"AUROC, {N_RECORDS} x {N_CLASSES}, largest difference {np.abs(ours - theirs).max():.1e}")
    report(median_s(lambda: auroc(scores, labels), 31), median_s(lambda: reference(scores, labels), 5))

    resampled = resampled_auroc(scores, labels, patient_ids, n_resamples=n_reference)
    repeated = reference_bootstrap(scores, labels, patient_ids, n_reference)
    print(f"patient bootstrap x {N_RESAMPLES}, largest difference {np.nanmax(np.abs(resampled - repeated)):.1e}")
    our_s = median_s(lambda: bootstrap_auroc(scores, labels, patient_ids, n_resamples=N_RESAMPLES), 5)
    their_s = median_s(lambda: reference_bootstrap(scores, labels, patient_ids, n_reference), 3)
    report(our_s, their_s * N_RESAMPLES / n_reference)
    print(f"  peak memory of ours {peak_mib(scores, labels, patient_ids):.0f} MiB")


def simulate() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Draw labels of 0.5 to 45 % prevalence, scores that know something about them, and a few repeated patients."""
    generator = np.random.default_rng(0)
    prevalence = np.exp(generator.uniform(np.log(0.005), np.log(0.45), N_CLASSES))
    labels = (generator.random((N_RECORDS, N_CLASSES)) < prevalence).astype(np.float32)
    scores = (generator.normal(size=labels.shape) + 1.2 * labels).round(3).astype(np.float32)
    return scores, labels, [str(patient) for patient in generator.integers(0, int(0.9 * N_RECORDS), N_RECORDS)]


def reference(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Loop of scikit-learn over the classes; nan where one side is empty."""
    columns = zip(scores.T, labels.T, strict=True)
    return np.array([roc_auc_score(y, s) if 0 < y.sum() < len(y) else np.nan for s, y in columns])


def reference_bootstrap(scores: np.ndarray, labels: np.ndarray, patient_ids: list[str], n: int) -> np.ndarray:
    """Repeat the records of the patients drawn and run the loop on them."""
    known, patient_of_record = np.unique(patient_ids, return_inverse=True)
    rows = []
    for counts in patient_resamples(len(known), n_resamples=n, seed=0, chunk=1):
        repeated = np.repeat(np.arange(len(scores)), counts[0][patient_of_record])
        rows.append(reference(scores[repeated], labels[repeated]))
    return np.array(rows)


def median_s(work: Callable[[], object], n_runs: int) -> float:
    """Median seconds of several runs."""
    seconds = []
    for _ in range(n_runs):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def peak_mib(scores: np.ndarray, labels: np.ndarray, patient_ids: list[str]) -> float:
    """Largest memory that one bootstrap holds at a time."""
    tracemalloc.start()
    bootstrap_auroc(scores, labels, patient_ids, n_resamples=N_RESAMPLES)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def report(our_s: float, their_s: float) -> None:
    """Print one comparison."""
    print(f"  medclip {our_s * 1e3:10.1f} ms\n  sklearn {their_s * 1e3:10.1f} ms\n  ratio   {their_s / our_s:10.0f}")


if __name__ == "__main__":
    main()
