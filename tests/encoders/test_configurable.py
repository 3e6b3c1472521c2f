from __future__ import annotations

import json

import pytest
import torch

from medclip.core.errors import BundleError, ConfigError
from medclip.encoders.configurable import build, describe
from medclip.encoders.projection import Projection
from medclip.encoders.resnet1d import ResNet1d
from medclip.encoders.vit1d import ViT1d


@pytest.mark.parametrize(
    "module", [ResNet1d(7, depth=10, width=4, embedding_dim=16), ViT1d(3, depth=1), Projection(8, 4, "batch_norm")]
)
def test_a_module_is_built_again_from_json(module: torch.nn.Module) -> None:
    rebuilt = build(json.loads(json.dumps(describe(module))))
    rebuilt.load_state_dict(module.state_dict())
    assert type(rebuilt) is type(module)


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({"class": "os:system", "arguments": {"command": "true"}}, "unknown package: received os"),
        ({"class": "medclip.encoders.vit1d:Nothing"}, "unknown encoder"),
        ({"class": "medclip.encoders.nowhere:ViT1d"}, "unknown encoder"),
        ({"class": "medclip.core.errors:ConfigError", "arguments": {"what": "x"}}, "no encoder"),
        ({"class": "medclip.encoders.vit1d:ViT1d", "arguments": {"wide": 3}}, "does not take the arguments"),
        ({}, "unknown package"),
    ],
)
def test_a_description_cannot_name_other_code(described: dict[str, object], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        build(described)


@pytest.mark.parametrize(("kind", "n_layers"), [("linear", 1), ("gelu", 3), ("batch_norm", 5)])
def test_projections(kind: str, n_layers: int) -> None:
    head = Projection(12, 8, kind)
    assert len(head.layers) == n_layers
    assert head(torch.randn(4, 12)).shape == (4, 8)


def test_no_projection_between_equal_widths_only() -> None:
    x = torch.randn(2, 8)
    assert torch.equal(Projection(8, 8, "none")(x), x)
    for kind in ("none", "other"):
        with pytest.raises(ConfigError, match=f"received {kind} from 12 to 8"):
            Projection(12, 8, kind)
