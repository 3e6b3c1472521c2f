"""What an objective sees of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

from torch import Tensor

from medclip.core.errors import ConfigError

__all__ = ["EncodedBatch", "Needs", "Objective"]

Needs = Literal["reports", "statements"]


class Objective(Protocol):
    """A training objective: an ``nn.Module`` that turns an encoded batch into named loss terms."""

    needs: ClassVar[frozenset[Needs]]
    """Which embeddings of text it looks at; what nobody needs is not computed."""

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
    """

    embeddings: Mapping[str, Tensor]
    latents: Mapping[str, Tensor]
    pair_ids: Tensor
    text: Tensor | None = None
    statements: Tensor | None = None
    statement_of: Tensor | None = None
    statement_ids: Tensor | None = None
    present: Mapping[str, Tensor] = field(default_factory=dict)

    def reports(self) -> Tensor:
        """Embeddings of the reports, or an error if they were not computed."""
        if self.text is None:
            raise ConfigError("this objective needs reports", action="list 'reports' in its needs")
        return self.text
