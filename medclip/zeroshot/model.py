"""A trained model in use: recordings in, embeddings and findings out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from medclip.bundle.load import Bundle, load_bundle
from medclip.core.errors import InputError, LabelError, PromptError
from medclip.core.finding_map import FindingMap
from medclip.core.input_spec import InputSpec, PreparedBatch, records_at_once
from medclip.core.label_set import LabelSet
from medclip.core.named_files import find_label_set_file, label_set_names
from medclip.core.sample import Sample
from medclip.prompts.prompt_set import PromptSet
from medclip.zeroshot.answer import answer
from medclip.zeroshot.calibrated import CalibratedClassifier
from medclip.zeroshot.calibration import Calibration
from medclip.zeroshot.device import usable_device
from medclip.zeroshot.ensemble import Classifier, build_classifier, default_ensemble
from medclip.zeroshot.findings import Findings
from medclip.zeroshot.mapping import finding_maps
from medclip.zeroshot.windows import Pooling, WindowReview, batches, choose_windows

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Model", "load"]


class Model:
    """A bundle ready to answer.

    Args:
        bundle: The loaded bundle.
        device: Where to compute, such as ``cpu`` or ``cuda``.

    Raises:
        ConfigError: There is no such device.

    Example::

        model = medclip.load("bundle")
        findings = model.diagnose(medclip.read("ecg.hea"), labels="ptbxl-superclass")
        print(findings)
    """

    def __init__(self, bundle: Bundle, *, device: str | torch.device = "cpu") -> None:
        self.bundle = bundle
        self.device = usable_device(device)
        self._classifiers: dict[tuple[tuple[str, ...], str, str], Classifier] = {}
        self._network = bundle.model.to(self.device)

    @property
    def input_specs(self) -> Mapping[str, InputSpec]:
        """What the model expects, by modality."""
        return self.bundle.input_specs

    @property
    def prompt_sets(self) -> tuple[str, ...]:
        """Names of the prompt sets whose embeddings the bundle holds."""
        return tuple(self.bundle.described["prompt_sets"])

    @property
    def label_sets(self) -> tuple[str, ...]:
        """Names of the label sets that the bundle holds prompts for."""
        return tuple(dict.fromkeys(stored["label_set"] for stored in self.bundle.described["prompt_sets"].values()))

    def label_set(self, name: str | None = None) -> LabelSet:
        """Return a label set by name; None stands for the only one that the bundle holds prompts for.

        Raises:
            LabelError: There is no such label set, it is for another kind of data, or None leaves a choice.
        """
        if name is None and len(self.label_sets) != 1:
            raise LabelError(
                "this bundle has prompts for several label sets" if self.label_sets else "this bundle has no prompts",
                received="none chosen",
                allowed=self.label_sets or label_set_names(),
                action="name one of them (on the command line with --labels)",
            )
        chosen = name or self.label_sets[0]
        try:
            return self._fitting(LabelSet.load(chosen))
        except LabelError as error:
            if chosen in label_set_names():
                raise
            raise LabelError(
                "unknown label set for this bundle",
                received=chosen,
                allowed=self.label_sets,
                action="name one of them",
            ) from error

    def _fitting(self, labels: LabelSet) -> LabelSet:
        if labels.modality in self.input_specs:
            return labels
        raise LabelError(
            f"label set {labels.name} is for another kind of data than this bundle",
            received=labels.modality,
            allowed=[name for name in label_set_names() if find_label_set_file(name)[0] in self.input_specs],
            action="name one of these",
        )

    def diagnose(
        self,
        sample: Sample,
        *,
        labels: str | LabelSet | None = None,
        prompts: str | PromptSet | None = None,
        ensemble: str | None = None,
        calibration: Calibration | None = None,
        windows: Pooling = "mean",
        overlap: float = 0.5,
    ) -> Findings:
        """Score every finding of a label set for one recording.

        A recording that is longer than the model takes is judged window by window, without the windows that are
        technically unusable; the answer holds the scores of each.

        Args:
            sample: A recording of a modality that the model knows.
            labels: A label set or its name; None stands for the only one that the bundle has prompts for.
            prompts: A prompt set, its name or the path of its file; the one named like the label set if None.
            ensemble: ``mean``, ``centred``, ``positive`` or ``chils``; the bundle's if None, or else the modality's.
            calibration: Makes probabilities of scores; it has to be fitted on this model and these prompts.
            windows: What is made of the windows of a long recording. ``mean`` answers "on the whole": it means the
                same for a recording of ten seconds and of a day, and a mean of probabilities is still one. ``max``
                answers "anywhere": the more windows, the higher it is by chance, and it is no probability. So ``mean``
                is the default, with the highest window beside it. ``first`` and ``middle`` judge that window only.
            overlap: Least share that a window has in common with the next, in [0, 1).

        Raises:
            InputError: ``sample`` is no recording.
            SignalError: The recording is too short, has no channel that the model takes, or is technically unusable.
            LabelError: There is no such label set, or it is for another kind of data.
            PromptError: There are no prompts for these labels.
            ConfigError: The ensemble or the use of windows is unknown, or the calibration belongs to another model or
                other prompts.
        """
        if not isinstance(sample, Sample):
            raise InputError(
                "diagnose takes one recording",
                received=type(sample).__name__,
                allowed="a Sample",
                action="medclip.read(path) makes one of a file",
            )
        labels = labels if isinstance(labels, LabelSet) else self.label_set(labels)
        if labels.modality != sample.modality:
            raise LabelError(
                f"label set {labels.name} is for another kind of data",
                received=sample.modality,
                allowed=labels.modality,
            )
        classifier = self.classifier(labels, prompts, ensemble=ensemble)
        if calibration is not None:
            classifier = self.calibrated(classifier, calibration, labels, prompts)
        spec = self._spec(sample.modality)
        review = WindowReview(choose_windows(spec, sample, windows, overlap=overlap))
        scores = self._window_scores(sample.modality, review, classifier)
        return answer(
            sample,
            labels,
            scores,
            review,
            pooling=windows,
            absent=spec.absent(sample),
            n_channels=spec.shape[0],
            model=self.bundle.name,
            remarks=self._remarks(),
            calibration=calibration,
        )

    def _window_scores(self, modality: str, review: WindowReview, classifier: Classifier) -> np.ndarray:
        """Return float64 ``(n_windows, n_findings)`` of the usable windows; a few at a time are in memory."""
        parts = [
            classifier.scores(self._encode(modality, batch)).double().numpy()
            for batch in batches(review.usable(), records_at_once(self._spec(modality)))
        ]
        return np.concatenate(parts)

    def _remarks(self) -> tuple[str, ...]:
        if not self.bundle.described["training"].get("is_generated"):
            return ()
        return ("the model has seen generated recordings only: on a real one its scores mean nothing",)

    def calibrated(
        self, classifier: Classifier, calibration: Calibration, labels: LabelSet, prompts: str | PromptSet | None
    ) -> CalibratedClassifier:
        """Put a calibration behind a classifier.

        Raises:
            ConfigError: It was fitted on another model, other prompts or other scores.
        """
        calibration.check(
            model_sha256=self.bundle.digest,
            prompts_sha256=self.prompt_set(labels, prompts).digest(),
            score_kind=classifier.score_kind,
        )
        return CalibratedClassifier(classifier, calibration)

    def classifier(
        self,
        labels: LabelSet,
        prompts: str | PromptSet | None = None,
        *,
        ensemble: str | None = None,
        records: Tensor | None = None,
    ) -> Classifier:
        """Return the classifier for a label set; stored prompt embeddings are used where there are any.

        Args:
            labels: What to look for.
            prompts: A prompt set, its name or the path of its file; the one named like the label set if None.
            ensemble: ``mean``, ``centred``, ``positive``, ``zpe`` or ``chils``; the bundle's if None, or else the
                modality's.
            records: ``(N, D)`` embeddings of unlabelled recordings, for ``zpe``.

        Raises:
            PromptError: There are no prompts for these labels.
            ConfigError: The ensemble is unknown or lacks recordings.
        """
        prompt_set = self.prompt_set(labels, prompts)
        chosen = ensemble or self.default_ensemble(labels)
        if records is not None:
            return self._classifier(prompt_set, labels, chosen, records)
        key = labels.codes, prompt_set.digest(), chosen
        if key not in self._classifiers:
            self._classifiers[key] = self._classifier(prompt_set, labels, chosen, None)
        return self._classifiers[key]

    def default_ensemble(self, labels: LabelSet) -> str:
        """Return how prompts are joined if nothing else is asked for: as the recipe says, or else the modality."""
        return self.bundle.ensemble or default_ensemble(labels)

    def prompt_set(self, labels: LabelSet, prompts: str | PromptSet | None = None) -> PromptSet:
        """Return the sentences that ``classifier`` would use."""
        if isinstance(prompts, PromptSet):
            return prompts.for_labels(labels)
        name = prompts or labels.name
        if name in self.prompt_sets:
            stored = self.bundle.described["prompt_sets"][name]
            described = {"schema": 1, "name": name, "label_set": stored["label_set"], "prompts": stored["prompts"]}
            return PromptSet.from_dict(described, source=f"bundle {self.bundle.name}").for_labels(labels)
        return PromptSet.load(name).for_labels(labels)

    def maps(
        self,
        sample: Sample,
        findings: Sequence[str],
        *,
        labels: str | LabelSet | None = None,
        prompts: str | PromptSet | None = None,
        ensemble: str | None = None,
    ) -> tuple[FindingMap, ...]:
        """Show where in an image the model sees findings.

        What each place gives to what tells a finding from the others of the label set, laid back onto the image's own
        pixels or voxels.

        Args:
            sample: An image or a volume of a modality that the model knows.
            findings: Codes of the label set.
            labels: A label set or its name; None stands for the only one that the bundle has prompts for.
            prompts: As in ``diagnose``.
            ensemble: As in ``diagnose``.

        Raises:
            LabelError: A finding is not in the label set, or that is for another kind of data.
            SignalError: The recording cannot be prepared.
            ConfigError: The modality has no places to show, or the encoder gives no tokens.
            PromptError: There are no prompts for these labels.
        """
        labels = labels if isinstance(labels, LabelSet) else self.label_set(labels)
        if labels.modality != sample.modality:
            raise LabelError(
                f"label set {labels.name} is for another kind of data",
                received=sample.modality,
                allowed=labels.modality,
            )
        findings = labels.matching(findings)
        classifier = self.classifier(labels, prompts, ensemble=ensemble)
        usual = self.bundle.usual(sample.modality)
        return finding_maps(
            self._network,
            self._spec(sample.modality),
            sample,
            labels,
            findings,
            classifier,
            None if usual is None else usual.places,
        )

    def embed(self, samples: Sequence[Sample], *, batch_size: int | None = None) -> Tensor:
        """Return normalised embeddings ``(n_samples, D)`` of recordings of one modality."""
        if not samples:
            raise PromptError("no recordings to embed")
        modality = samples[0].modality
        spec = self._spec(modality)
        step = batch_size or records_at_once(spec)
        parts = [
            self._encode(modality, spec.prepare_batch(samples[start : start + step]))
            for start in range(0, len(samples), step)
        ]
        return torch.cat(parts)

    def embed_batches(
        self, modality: str, batches: Iterator[PreparedBatch], *, progress: Callable[[int], object] | None = None
    ) -> Tensor:
        """Return normalised embeddings of prepared batches, end to end."""
        parts = []
        for batch in batches:
            parts.append(self._encode(modality, batch))
            if progress is not None:
                progress(len(batch.values))
        return torch.cat(parts)

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Return normalised embeddings ``(n_texts, D)`` of sentences; loads the text encoder on first use."""
        from medclip.zeroshot.prompts import embed_texts

        return embed_texts(self.bundle.text, self.bundle.reports, texts)

    def _embedded(self, texts: Sequence[str]) -> dict[str, Tensor]:
        known = {
            text: embedding
            for name, stored in self.bundle.described["prompt_sets"].items()
            for text, embedding in zip(stored["texts"], self.bundle.prompt_embeddings[name], strict=True)
        }
        unknown = [text for text in texts if text not in known]
        if unknown:
            known |= dict(zip(unknown, self.embed_texts(unknown), strict=True))
        return known

    def _classifier(self, prompt_set: PromptSet, labels: LabelSet, ensemble: str, records: Tensor | None) -> Classifier:
        sides = {
            code: {"positive": entry.positive, "negative": entry.negative} for code, entry in prompt_set.prompts.items()
        }
        embeddings = self._embedded(prompt_set.texts)
        usual = self.bundle.usual(labels.modality)
        return build_classifier(
            ensemble,
            sides,
            embeddings,
            labels,
            scale=self.bundle.scale,
            records=records,
            centre=None if usual is None else usual.embedding,
        )

    def _spec(self, modality: str) -> InputSpec:
        if modality not in self.input_specs:
            raise PromptError(
                "the model does not know this kind of data", received=modality, allowed=list(self.input_specs)
            )
        return self.input_specs[modality]

    @torch.inference_mode()
    def _encode(self, modality: str, batch: PreparedBatch) -> Tensor:
        values = torch.from_numpy(np.ascontiguousarray(batch.values)).to(self.device)
        mask = torch.from_numpy(np.ascontiguousarray(batch.mask)).to(self.device)
        return functional.normalize(self._network.encode(modality, values, mask)[0].float(), dim=-1).cpu()


def load(folder: str | Path, *, device: str = "cpu") -> Model:
    """Load a bundle as a model that answers.

    Raises:
        BundleError: The folder is no bundle, is damaged, or is of another version.
        ConfigError: There is no such device.
    """
    return Model(load_bundle(folder), device=device)
