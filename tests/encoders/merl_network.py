"""MERL's ResNet18-1D written with torch alone, after the paper's description: the reference for geometry and size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def block(n_in: int, n_out: int, stride: int) -> nn.ModuleDict:
    parts = nn.ModuleDict(
        {
            "first": nn.Conv1d(n_in, n_out, 3, stride, 1, bias=False),
            "first_norm": nn.BatchNorm1d(n_out),
            "second": nn.Conv1d(n_out, n_out, 3, 1, 1, bias=False),
            "second_norm": nn.BatchNorm1d(n_out),
        }
    )
    if n_in != n_out:
        parts["short"] = nn.Conv1d(n_in, n_out, 1, stride, bias=False)
        parts["short_norm"] = nn.BatchNorm1d(n_out)
    return parts


class MerlNetwork(nn.Module):
    """Stem, eight blocks, 1 x 1 convolution, and multi-head attention of the mean over all tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv1d(12, 64, 7, 2, 3, bias=False)
        self.stem_norm = nn.BatchNorm1d(64)
        shapes = [(64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1)]
        shapes += [(128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1)]
        self.blocks = nn.ModuleList(block(*shape) for shape in shapes)
        self.narrow = nn.Conv1d(512, 256, 1)
        self.positions = nn.Parameter(torch.randn(314, 256) / 16)
        self.query, self.key, self.value, self.output = (nn.Linear(256, 256) for _ in range(4))

    def tokens(self, x: Tensor) -> Tensor:
        x = self.stem_norm(self.stem(x)).relu()
        for parts in self.blocks:
            short = parts["short_norm"](parts["short"](x)) if "short" in parts else x
            body = parts["first_norm"](parts["first"](x)).relu()
            x = (parts["second_norm"](parts["second"](body)) + short).relu()
        return self.narrow(x)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.tokens(x).permute(2, 0, 1)
        tokens = torch.cat([tokens.mean(0, keepdim=True), tokens]) + self.positions[:, None]
        pooled, _ = functional.multi_head_attention_forward(
            tokens[:1],
            tokens,
            tokens,
            embed_dim_to_check=256,
            num_heads=4,
            q_proj_weight=self.query.weight,
            k_proj_weight=self.key.weight,
            v_proj_weight=self.value.weight,
            in_proj_weight=None,
            in_proj_bias=torch.cat([self.query.bias, self.key.bias, self.value.bias]),
            bias_k=None,
            bias_v=None,
            add_zero_attn=False,
            dropout_p=0.0,
            out_proj_weight=self.output.weight,
            out_proj_bias=self.output.bias,
            use_separate_proj_weight=True,
            need_weights=False,
        )
        return pooled[0]
