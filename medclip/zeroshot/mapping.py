"""What each place of an image adds to the scores of findings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from medclip.core.errors import ConfigError
from medclip.core.finding_map import FindingMap
from medclip.core.input_spec import InputSpec, PreparedInput, RestorableSpec
from medclip.core.label_set import LabelSet
from medclip.core.sample import Sample
from medclip.encoders.model import ContrastiveModel, Tower
from medclip.encoders.output import EncoderOutput
from medclip.zeroshot.classifier import ZeroShotClassifier
from medclip.zeroshot.ensemble import Classifier

__all__ = ["finding_maps", "scores_of_places"]

# Gradients differ from one place to the next more than findings do.
_SMOOTHING_PLACES = 0.75


def finding_maps(
    network: ContrastiveModel,
    spec: InputSpec,
    sample: Sample,
    labels: LabelSet,
    findings: Sequence[str],
    classifier: Classifier,
    usual: Tensor | None = None,
) -> tuple[FindingMap, ...]:
    """Draw maps of findings on the pixels or voxels of a sample.

    Args:
        network: As in ``scores_of_places``.
        spec: What the network expects.
        sample: An image or a volume.
        labels: For the names of findings.
        findings: Codes of the label set.
        classifier: For the whole label set.
        usual: As in ``scores_of_places``.

    Raises:
        SignalError: The sample cannot be prepared.
        ConfigError: As in ``scores_of_places``, or the sample has no places to show.
    """
    if not isinstance(spec, RestorableSpec):
        raise ConfigError("this kind of recording has no places to show on a map", received=sample.modality)
    scores, grids = scores_of_places(network, spec.prepare(sample), sample.modality, classifier, usual)
    names = {finding.code: finding.name for finding in labels.findings}
    columns = {code: classifier.codes.index(code) for code in findings}
    return tuple(
        FindingMap(code, names[code], spec.restore(grids[column], sample), float(scores[column]))
        for code, column in columns.items()
    )


def scores_of_places(
    network: ContrastiveModel,
    prepared: PreparedInput,
    modality: str,
    classifier: Classifier,
    usual: Tensor | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Score an image as a whole and place by place.

    Args:
        network: Its encoder gives tokens with a grid, or features that maps can be traced back to.
        prepared: The image as the encoder takes it.
        modality: Which tower.
        classifier: The findings.
        usual: ``(*grid, D)`` what each place gives in the average training recording, see ``Usual``. Maps then show
            what is more than usual at its place; traced maps do without.

    Returns:
        Scores ``(n_findings,)``, and float32 ``(n_findings, *grid)``, what each place adds to the log-odds that tell a
        finding from the others, times the number of places.

    Raises:
        ConfigError: The tokens have no place, or the classifier's scores do not add up.
    """
    if not isinstance(classifier, ZeroShotClassifier):
        raise ConfigError("maps are drawn of scores that add up", allowed="the ensembles mean, centred and positive")
    device = next(network.parameters()).device
    values, mask = (
        torch.from_numpy(np.ascontiguousarray(array[None])).to(device) for array in (prepared.values, prepared.mask)
    )
    tower = network.tower(modality)
    if tower.is_traced:
        embedding, parts = _traced(tower, values, mask, classifier.apart())
    else:
        with torch.inference_mode():
            output = network.encode_places(modality, values, mask)
        embedding, parts = _added(output, classifier.apart(), usual)
    return classifier.scores(embedding[None])[0].numpy(), parts.numpy()


def _added(output: EncoderOutput, classifier: ZeroShotClassifier, usual: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the embedding, and what each token adds to each finding."""
    if output.tokens is None or output.grid is None:
        raise ConfigError("the encoder's tokens have no place in the image", action="use another encoder for maps")
    if usual is not None and usual.shape[:-1] != output.grid:
        raise ConfigError(
            "the average recording has other places than this one",
            received=list(output.grid),
            allowed=list(usual.shape[:-1]),
        )
    embedding = output.pooled[0].float().cpu()
    parts = classifier.parts(output.tokens[0].cpu(), embedding, None if usual is None else usual.flatten(0, -2))
    return embedding, parts.T.reshape(-1, *output.grid)


def _traced(tower: Tower, values: Tensor, mask: Tensor, classifier: ZeroShotClassifier) -> tuple[Tensor, Tensor]:
    """Return the embedding, and gradient times feature of each place for each finding."""
    embedding, early = tower.trace(values, mask)
    whole = embedding[0].detach().float()
    maps = []
    for direction in classifier.positive - classifier.negative:
        product = embedding[0] @ direction.to(embedding)
        (gradient,) = torch.autograd.grad(product, early, retain_graph=True)
        maps.append(_smoothed((gradient * early).sum(dim=1)[0].detach()))
    parts = torch.stack(maps) * early[0, 0].numel() / whole.norm().clamp_min(1e-12).cpu()
    if classifier.centre is not None:
        offset = classifier.centre @ (classifier.positive - classifier.negative).T
        parts = parts - offset.reshape(-1, *[1] * (parts.ndim - 1))
    return whole.cpu(), classifier.scale * parts


def _smoothed(places: Tensor) -> Tensor:
    from scipy import ndimage

    smooth: np.ndarray = ndimage.gaussian_filter(places.float().cpu().numpy(), _SMOOTHING_PLACES, mode="nearest")
    return torch.from_numpy(smooth)
