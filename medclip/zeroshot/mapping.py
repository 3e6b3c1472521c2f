"""What each place of an image adds to the scores of findings."""

from __future__ import annotations

import numpy as np
import torch

from medclip.core.errors import ConfigError
from medclip.core.input_spec import PreparedInput
from medclip.encoders.model import ContrastiveModel
from medclip.zeroshot.classifier import ZeroShotClassifier
from medclip.zeroshot.ensemble import Classifier

__all__ = ["scores_of_places"]


@torch.inference_mode()
def scores_of_places(
    network: ContrastiveModel, prepared: PreparedInput, modality: str, classifier: Classifier
) -> tuple[np.ndarray, np.ndarray]:
    """Score an image as a whole and place by place.

    Args:
        network: Its encoder gives tokens with a grid.
        prepared: The image as the encoder takes it.
        modality: Which tower.
        classifier: The findings.

    Returns:
        Scores ``(n_findings,)``, and float32 ``(n_findings, *grid)``, what each token adds to the log-odds that tell a
        finding from the others.

    Raises:
        ConfigError: The tokens have no place, or the classifier's scores do not add up.
    """
    if not isinstance(classifier, ZeroShotClassifier):
        raise ConfigError("maps are drawn of scores that add up", allowed="the ensembles mean, centred and positive")
    device = next(network.parameters()).device
    values, mask = (
        torch.from_numpy(np.ascontiguousarray(array[None])).to(device) for array in (prepared.values, prepared.mask)
    )
    output = network.encode_places(modality, values, mask)
    if output.tokens is None or output.grid is None:
        raise ConfigError("the encoder's tokens have no place in the image", action="use another encoder for maps")
    parts = classifier.apart().parts(output.tokens[0].cpu(), output.pooled[0].cpu())
    scores = classifier.scores(output.pooled.float().cpu())[0]
    return scores.numpy(), parts.T.reshape(-1, *output.grid).numpy()
