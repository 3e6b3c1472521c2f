"""What an objective sees of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

from torch import Tensor

from medclip.core.errors import ConfigError

__all__ = ["EncodedBatch", "Needs", "Objective"]

Needs = Literal["reports", "statements", "tokens"]


class Objective(Protocol):
    """A training objective: an ``nn.Module`` that turns an encoded batch into named loss terms."""

    needs: ClassVar[frozenset[Needs]]
    """What it looks at beside embeddings and latents; what nobody needs is not computed."""

    def __call__(self, batch: EncodedBatch) -> dict[str, Tensor]:
        """Return one scalar per modality; smaller is better."""


@dataclass(frozen=True, eq=False)
class EncodedBatch:
    """A batch after the encoders.

    Args:
        embeddings: Per modality ``(B, D)``, projected, not normalised.
        text: ``(B, D)`` embedding of each record's report, projected, not normalised; None if no objective needs it.
        latents: Per modality ``(B, L)``, average of the encoder's tokens before projection.
        pair_ids: ``(B,)`` int64; records whose reports say the same share an id.
        statements: ``(S, D)`` embedding of each distinct statement; None if no objective needs it.
        statement_of: ``(B, S)`` bool, which record's report makes which statement.
        statement_ids: ``(S,)`` int64, equal on all processes for equal statements.
        present: Per modality ``(B,)`` bool; absent means that every record has it.
        tokens: Per modality ``(B, T, D)``, projected, not normalised; empty if no objective needs them.
        token_masks: Per modality ``(B, T)`` bool, False where a token stands for padding; absent means that all are
            real.
    """

    embeddings: Mapping[str, Tensor]
    latents: Mapping[str, Tensor]
    pair_ids: Tensor
    text: Tensor | None = None
    statements: Tensor | None = None
    statement_of: Tensor | None = None
    statement_ids: Tensor | None = None
    present: Mapping[str, Tensor] = field(default_factory=dict)
    tokens: Mapping[str, Tensor] = field(default_factory=dict)
    token_masks: Mapping[str, Tensor] = field(default_factory=dict)

    def reports(self) -> Tensor:
        """Embeddings of the reports, or an error if they were not computed."""
        if self.text is None:
            raise ConfigError("this objective needs reports", action="list 'reports' in its needs")
        return self.text
