"""What training and evaluation hand to a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["Batch"]


@dataclass(frozen=True, eq=False)
class Batch:
    """Several records, prepared for the encoders.

    Args:
        inputs: Per modality ``(B, ...)`` float32, prepared by its input specification.
        masks: Per modality bool over all axes of its input but the channels, such as ``(B, n_samples)`` or
            ``(B, height, width)``, False where padded.
        present: Per modality ``(B,)`` bool, False where a study lacks it; a modality that is absent here is complete.
        text_ids: ``(B,)`` int64, row of each record's report in the ``TextTable`` of the data; -1 for no report.
            Texts are tokenised or embedded once per distinct text, not once per record and epoch.
        pair_ids: ``(B,)`` int64; records whose reports say the same share an id, so that duplicates are not negatives.
        statement_ids: ``(S,)`` int64, rows of the distinct statements that the reports of this batch make.
        statement_of: ``(B, S)`` bool, which record's report makes which statement.
        record_ids: One identifier per record.
    """

    inputs: Mapping[str, Tensor]
    masks: Mapping[str, Tensor]
    text_ids: Tensor
    pair_ids: Tensor
    statement_ids: Tensor
    statement_of: Tensor
    record_ids: tuple[str, ...]
    present: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.record_ids)

    def to(self, device: torch.device | str, **options: Any) -> Batch:
        """Return the batch on another device; Lightning calls this."""
        return self._map(lambda tensor: tensor.to(device, **options))

    def pin_memory(self) -> Batch:
        """Return the batch in page-locked memory; the data loader calls this."""
        return self._map(lambda tensor: tensor.pin_memory())

    def _map(self, change: Any) -> Batch:
        def apply(value: Any) -> Any:
            if isinstance(value, Mapping):
                return {name: change(tensor) for name, tensor in value.items()}
            return change(value) if hasattr(value, "to") else value

        return Batch(**{entry.name: apply(getattr(self, entry.name)) for entry in fields(self)})
