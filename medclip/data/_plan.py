"""What identifies a packed store: which records, with which reports, labels and signals."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from medclip.core.dataset import Dataset, RecordInfo
from medclip.core.errors import DatasetError, FormatError, MedclipError, StoreError
from medclip.core.input_spec import InputSpec
from medclip.core.sample import Sample
from medclip.data.store import SCHEMA_VERSION

__all__ = ["Plan", "attributes_json", "first_readable", "read_record"]

# They change how a store is written, and not what it holds.
_MANNER = ("records_per_shard", "skip_unreadable")


@dataclass(frozen=True)
class Plan:
    """What a store is to hold, and how it is written.

    The signals of a data set are known only once all are read, so its first readable one speaks for them: opened at
    another rate, or simulated with other noise, a data set has the same index and another first signal.
    """

    schema_version: int
    dataset: str
    modality: str
    version: str
    n_records: int
    records_per_shard: int
    skip_unreadable: bool
    index_sha256: str
    labels_sha256: str
    first_signal_sha256: str
    input_spec: dict[str, Any] | None

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        first: Sample,
        *,
        records_per_shard: int,
        skip_unreadable: bool,
        spec: InputSpec | None = None,
    ) -> Plan:
        """Look at everything but the signals."""
        return cls(
            SCHEMA_VERSION,
            dataset.name,
            dataset.modality,
            dataset.version,
            len(dataset),
            records_per_shard,
            skip_unreadable,
            _index_sha256(dataset),
            _labels_sha256(dataset),
            _signal_sha256(first),
            None if spec is None else spec.to_dict(),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return dataclasses.asdict(self)

    def is_fulfilled_by(self, described: Any) -> bool:
        """Tell whether a store that was written by another plan, given as plain types, holds the same data."""
        return isinstance(described, Mapping) and all(
            described.get(name) == value for name, value in self.as_dict().items() if name not in _MANNER
        )

    def ranges(self) -> list[range]:
        """Record numbers of each shard."""
        steps = range(0, self.n_records, self.records_per_shard)
        return [range(start, min(start + self.records_per_shard, self.n_records)) for start in steps]


def first_readable(dataset: Dataset, *, skip_unreadable: bool) -> Sample:
    """Return the first record, or with ``skip_unreadable`` the first that can be read.

    Raises:
        StoreError: There is none.
        FormatError: The first one cannot be decoded and ``skip_unreadable`` is False.
        DatasetError: Its file is not there and ``skip_unreadable`` is False.
    """
    if len(dataset) == 0:
        raise StoreError(f"data set {dataset.name} has no records to pack", action="check its folder and options")
    reason: MedclipError | None = None
    for index in range(len(dataset)):
        try:
            return read_record(dataset, index)
        except (FormatError, DatasetError) as error:
            if not skip_unreadable:
                raise
            reason = reason or error
    raise StoreError(f"none of the {len(dataset)} records of {dataset.name} can be read; the first: {reason}")


def read_record(dataset: Dataset, index: int) -> Sample:
    """Read one record.

    Raises:
        FormatError: It cannot be decoded.
        DatasetError: Its file is not there, or the operating system refuses to read it.
    """
    try:
        return dataset[index]
    except MedclipError:
        raise
    except OSError as error:
        raise DatasetError(
            f"record {dataset.records[index].record_id} of {dataset.name} cannot be read ({error.strerror or error})",
            action="check the data set's folder and its rights",
        ) from error


def attributes_json(info: RecordInfo) -> str:
    """Write the attributes of a record as JSON; what NumPy made becomes plain, and what is no JSON becomes text."""
    return json.dumps(dict(info.attributes), ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _index_sha256(dataset: Dataset) -> str:
    digest = hashlib.sha256()
    for info in dataset.records:
        fields = [info.record_id, info.patient_id, info.fold, info.report, attributes_json(info)]
        digest.update(json.dumps(fields).encode())
    return digest.hexdigest()


def _labels_sha256(dataset: Dataset) -> str:
    digest = hashlib.sha256()
    for label_set in dataset.label_sets:
        table = dataset.labels(label_set)
        digest.update(json.dumps([label_set, *table.codes]).encode())
        # NaN has many bit patterns.
        digest.update(np.where(np.isnan(table.values), 2, table.values).astype(np.int8).tobytes())
    return digest.hexdigest()


def _signal_sha256(sample: Sample) -> str:
    geometry = [sample.spacing_mm, sample.origin_mm, sample.direction]
    described = [sample.array.shape, float(sample.sampling_rate_hz or 0), sample.channel_names, geometry]
    return hashlib.sha256(
        json.dumps(described, default=_plain).encode() + sample.array.astype("<f4").tobytes()
    ).hexdigest()
