"""Evaluate a model zero-shot on a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from medclip.core.dataset import Dataset, LabelTable
from medclip.core.errors import ConfigError
from medclip.core.input_spec import InputSpec
from medclip.core.label_set import LabelSet
from medclip.evaluation.evaluate import Evaluation, evaluate_scores
from medclip.evaluation.protocol import EvaluationProtocol, data_digest
from medclip.evaluation.records import RecordReader, select_records
from medclip.prompts.prompt_set import PromptSet
from medclip.zeroshot.calibrated import CalibratedClassifier
from medclip.zeroshot.calibration import Method, fit_calibration
from medclip.zeroshot.ensemble import Classifier
from medclip.zeroshot.model import Model
from medclip.zeroshot.windows import Pooling

__all__ = ["calibrate_zeroshot", "evaluate_zeroshot", "refuse_overlap"]


def evaluate_zeroshot(
    model: Model,
    dataset: Dataset,
    labels: LabelSet,
    *,
    folds: Sequence[str] | None = None,
    prompts: str | PromptSet | None = None,
    spec: InputSpec | None = None,
    ensemble: str | None = None,
    classifier: CalibratedClassifier | None = None,
    windows: Pooling = "middle",
    overlap: float = 0.5,
    channels: Sequence[str] | None = None,
    skip_unreadable: bool = False,
    n_resamples: int = 1000,
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> Evaluation:
    """Score all records of some folds and measure how well the scores rank them.

    Args:
        model: The model.
        dataset: Where the records and their labels come from; labels are looked at only after scoring.
        labels: What to look for.
        folds: Folds to evaluate on; all if None.
        prompts: A prompt set, its name or the path of its file; the one named like the label set if None.
        spec: How recordings are prepared, to reproduce somebody else's test; the model's own way if None.
        ensemble: ``mean``, ``chils``, or ``zpe``, which looks at all records evaluated, without labels; the modality's
            default if None.
        classifier: Of ``calibrate_zeroshot``, on other folds, with the same prompts; probabilities are then evaluated.
        windows: What is made of records that are longer than the model takes: ``middle`` judges their middle, as
            training does; ``mean`` and ``max`` all their usable windows as ``Model.diagnose`` does;
            ``first`` the first.
        overlap: Least share that a window has in common with the next, in [0, 1).
        channels: Judge only these channels of each record, as if nothing else were recorded; all if None.
        skip_unreadable: Leave out records that cannot be decoded or prepared; the protocol then says how many.
        n_resamples: Resamples of the patient bootstrap.
        seed: Of the bootstrap.
        progress: Called with the number of records, or of their windows, just scored.

    Raises:
        DatasetError: There is no such fold, or no record is left.
        SignalError: A record cannot be prepared, or has none of ``channels``.
        LabelError: The data set does not carry the labels.
        ConfigError: The ensemble or the use of windows is unknown, or the classifier was calibrated on one of these
            folds, or is used on other windows than it was.
    """
    table = dataset.labels(labels.name).select(labels.codes)
    if classifier is not None:
        _check_calibrated(classifier, dataset, folds, windows)
    used: Classifier | None = classifier
    if used is None and (ensemble or model.default_ensemble(labels)) != "zpe":
        # Before hours of reading, so that a missing prompt set is found at once.
        used = model.classifier(labels, prompts, ensemble=ensemble)
    records = select_records(dataset, table.values, folds)
    spec = spec or model.input_specs[dataset.modality]
    reader = RecordReader(spec, dataset, skip_unreadable, windows=windows, overlap=overlap, channels=channels)
    embeddings = model.embed_batches(dataset.modality, reader.batches(records), progress=progress)
    used = used or model.classifier(labels, prompts, ensemble=ensemble, records=embeddings)
    table = table.rows(reader.kept)
    infos = [dataset.records[record] for record in reader.kept]
    record_ids = [info.record_id for info in infos]
    protocol = EvaluationProtocol(
        **_tested(dataset, labels, folds, record_ids, table),
        **_judged_by(model, model.prompt_set(labels, prompts)),
        score_kind=used.score_kind + reader.score_kind,
        record_filter=_record_filter(len(records) - len(reader.kept)),
        input_spec=spec.to_dict() | ({"channels_kept": list(channels)} if channels else {}),
        n_resamples=n_resamples,
        seed=seed,
    )
    scores = (used.logits(embeddings) if classifier is None else used.scores(embeddings)).double()
    return evaluate_scores(
        reader.pooled(scores),
        table,
        patient_ids=[info.patient_id for info in infos],
        record_ids=record_ids,
        protocol=protocol,
        names={finding.code: finding.name for finding in labels.findings},
    )


def _check_calibrated(
    classifier: CalibratedClassifier, dataset: Dataset, folds: Sequence[str] | None, windows: Pooling
) -> None:
    """Refuse probabilities where they were fitted, or on other parts of records than they were fitted on."""
    if classifier.calibration.fitted_on["dataset"] == dataset.name:
        refuse_overlap(dataset, classifier.calibration.fitted_on["folds"], folds)
    if windows != "middle":
        raise ConfigError(
            "probabilities are fitted on the middle of each record",
            received=f"windows {windows}",
            allowed="middle",
        )


def _tested(
    dataset: Dataset, labels: LabelSet, folds: Sequence[str] | None, record_ids: Sequence[str], table: LabelTable
) -> dict[str, Any]:
    """What a protocol says of the records."""
    return {
        "dataset": dataset.name,
        "dataset_version": dataset.version,
        "label_set": labels.name,
        "folds": tuple(folds) if folds is not None else (),
        "n_records": len(record_ids),
        "data_sha256": data_digest(record_ids, table),
    }


def _judged_by(model: Model, prompt_set: PromptSet) -> dict[str, Any]:
    """What a protocol says of the model and its sentences."""
    return {
        "model": model.bundle.name,
        "model_sha256": model.bundle.digest,
        "prompt_set": prompt_set.name,
        "prompts_sha256": prompt_set.digest(),
    }


def calibrate_zeroshot(
    model: Model,
    dataset: Dataset,
    labels: LabelSet,
    *,
    folds: Sequence[str],
    method: Method = "platt",
    prompts: str | PromptSet | None = None,
    ensemble: str | None = None,
    skip_unreadable: bool = False,
    progress: Callable[[int], object] | None = None,
) -> CalibratedClassifier:
    """Fit curves from scores to probabilities on the records of validation folds.

    With the ensemble ``zpe``, the weights come from these records too, so that nothing is learned from the records that
    are evaluated.

    Args:
        model: The model.
        dataset: Where the records and their labels come from.
        labels: What to look for.
        folds: Validation folds; they must not be evaluated on.
        method: ``temperature``, ``platt`` or ``isotonic``.
        prompts: As in ``evaluate_zeroshot``.
        ensemble: As in ``evaluate_zeroshot``.
        skip_unreadable: Leave out records that cannot be decoded or prepared.
        progress: Called with the number of records just scored.

    Raises:
        DatasetError: There is no such fold, or no record is left.
        LabelError: The data set does not carry the labels.
        ConfigError: The method or the ensemble is unknown, or there are too few records.
    """
    table = dataset.labels(labels.name).select(labels.codes)
    records = select_records(dataset, table.values, folds)
    reader = RecordReader(model.input_specs[dataset.modality], dataset, skip_unreadable)
    embeddings = model.embed_batches(dataset.modality, reader.batches(records), progress=progress)
    classifier = model.classifier(labels, prompts, ensemble=ensemble, records=embeddings)
    table = table.rows(reader.kept)
    infos = [dataset.records[record] for record in reader.kept]
    fitted_on = {
        "dataset": dataset.name,
        "dataset_version": dataset.version,
        "label_set": labels.name,
        "folds": sorted(map(str, folds)),
        "n_records": len(infos),
        "n_patients": len({info.patient_id for info in infos}),
        "data_sha256": data_digest([info.record_id for info in infos], table),
        "model": model.bundle.name,
        "model_sha256": model.bundle.digest,
        "prompts_sha256": model.prompt_set(labels, prompts).digest(),
        "score_kind": classifier.score_kind,
    }
    logits = classifier.logits(embeddings).double().numpy()
    calibration = fit_calibration(method, logits, table.values, labels.codes, fitted_on=fitted_on)
    return CalibratedClassifier(classifier, calibration)


def refuse_overlap(dataset: Dataset, fitted: Sequence[str], evaluated: Sequence[str] | None) -> None:
    """Refuse to evaluate probabilities on folds that they are fitted on.

    Args:
        dataset: Whose folds they are.
        fitted: Folds to fit on.
        evaluated: Folds to evaluate on; all if None.

    Raises:
        ConfigError: A fold is in both.
    """
    names = {str(info.fold) for info in dataset.records} if evaluated is None else set(evaluated)
    if names & set(fitted):
        raise ConfigError(
            "probabilities cannot be evaluated on the folds that they were fitted on",
            received=names & set(fitted),
            action="name other folds with --fold",
        )


def _record_filter(n_skipped: int) -> str:
    assessed = "at least one label of the set assessed"
    return f"{assessed}; {n_skipped} left out because they cannot be read or prepared" if n_skipped else assessed
