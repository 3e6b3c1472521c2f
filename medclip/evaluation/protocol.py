"""What exactly was evaluated, written down so that two numbers are compared only when they answer one question.

The same name often hides different tests: other records, other label derivations, other prompts. A protocol names all
of it and has two digests: ``digest()`` over everything, and ``test_digest()`` over the test alone, which two models
must share before their numbers may stand side by side.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from medclip.core.dataset import LabelTable
from medclip.core.errors import ConfigError

__all__ = ["EvaluationProtocol", "canonical_json", "data_digest", "software"]

_METHOD_FIELDS = frozenset({"model", "model_sha256", "input_spec", "prompt_set", "prompts_sha256", "score_kind"})


@dataclass(frozen=True)
class EvaluationProtocol:
    """Everything that a reported number depends on, apart from the software.

    Args:
        dataset: Name of the data set.
        dataset_version: Version from its data card.
        label_set: Name of the label set.
        folds: Official folds or split names evaluated on, in sorted order.
        n_records: Number of records evaluated.
        data_sha256: ``data_digest`` of the records and their labels.
        model: What a reader calls the model.
        model_sha256: Digest of the bundle, or None for a method without one.
        score_kind: How one score comes about, such as "softmax of positive and negative prompt".
        record_filter: Which records of the folds were taken, in words; "all" if none was left out.
        prompt_set: Name of the prompt set, or None for a method without prompts.
        prompts_sha256: Digest of the prompt set's file, or None.
        input_spec: The input specification as plain types, as its ``to_dict`` gives it.
        n_resamples: Resamples of the patient bootstrap, at least 1.
        confidence: Nominal coverage of the intervals, in (0, 1).
        seed: Seed of the bootstrap.

    Raises:
        ConfigError: A number is out of range or ``input_spec`` holds something that is not a plain type.
    """

    dataset: str
    dataset_version: str
    label_set: str
    folds: tuple[str, ...]
    n_records: int
    data_sha256: str
    model: str
    model_sha256: str | None
    score_kind: str
    record_filter: str = "all"
    prompt_set: str | None = None
    prompts_sha256: str | None = None
    input_spec: Mapping[str, Any] = field(default_factory=dict)
    n_resamples: int = 1000
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        """Bring the folds into order and refuse what cannot have been run."""
        object.__setattr__(self, "folds", tuple(sorted(self.folds)))
        if self.n_records < 1 or self.n_resamples < 1 or self.seed < 0 or not 0 < self.confidence < 1:
            raise ConfigError(
                "an evaluation protocol has a number out of range",
                received=f"{self.n_records} records, {self.n_resamples} resamples, confidence {self.confidence}, "
                f"seed {self.seed}",
                allowed="1 or more, 1 or more, between 0 and 1, 0 or more",
            )
        canonical_json(self.input_spec)

    def check(self, record_ids: Sequence[str], labels: LabelTable) -> None:
        """Refuse to stand for other records or labels than these.

        Raises:
            ConfigError: The number of records or the digest differs.
        """
        action = "build the protocol from the records and labels that are evaluated"
        if self.n_records != len(record_ids):
            received = f"{self.n_records} in the protocol, {len(record_ids)} evaluated"
            raise ConfigError("the protocol names another number of records", received=received, action=action)
        if self.data_sha256 != data_digest(record_ids, labels):
            raise ConfigError("the protocol's data_sha256 is that of other records or labels", action=action)

    def to_dict(self) -> dict[str, Any]:
        """Plain types, as ``metrics.json`` holds them."""
        return asdict(self) | {"folds": list(self.folds), "input_spec": dict(self.input_spec)}

    def digest(self) -> str:
        """sha256 of everything; equal for two runs that must give the same numbers."""
        return _sha256(self.to_dict())

    def test_digest(self) -> str:
        """sha256 of the test without the method tested; equal for two methods whose numbers may be compared."""
        return _sha256({name: value for name, value in self.to_dict().items() if name not in _METHOD_FIELDS})


def data_digest(record_ids: Sequence[str], labels: LabelTable) -> str:
    """Digest the records evaluated and their labels, whatever the order of records and codes.

    It changes when a record is added or a label derived otherwise, which a name and a version may not tell.

    Raises:
        ConfigError: The numbers of records and rows of labels differ, or a record or a code is doubled.
    """
    if len(record_ids) != len(labels.values):
        raise ConfigError("every record needs labels", received=f"{len(record_ids)} and {len(labels.values)}")
    for what, names in (("record", record_ids), ("code", labels.codes)):
        if len(set(names)) != len(names):
            raise ConfigError(f"a {what} is doubled", received=f"{len(names) - len(set(names))} too many")
    codes = sorted(labels.codes)
    order = sorted(range(len(record_ids)), key=lambda row: record_ids[row])
    values = labels.select(codes).values[order]
    digest = hashlib.sha256(canonical_json([codes, [record_ids[row] for row in order]]).encode())
    # Not assessed is hashed as -1, because nan has many bit patterns.
    digest.update(np.where(np.isnan(values), -1, values).astype("<f4").tobytes())
    return digest.hexdigest()


def software() -> dict[str, str | None]:
    """Version of medclip, None if it is not installed; and commit of its checkout, None if it is not in one.

    The commit ends in ``-dirty`` if tracked files differ from it.
    """
    try:
        installed: str | None = version("medclip-toolkit")
    except PackageNotFoundError:
        installed = None
    return {"medclip_version": installed, "git_commit": _git_commit(Path(__file__).resolve().parents[2])}


def canonical_json(value: object) -> str:
    """Write JSON in one way only: sorted keys, no blanks, and 500.0 as 500 (after RFC 8785).

    Raises:
        ConfigError: The value holds nan, infinity or something that JSON has no type for.

    >>> canonical_json({"rate": 500.0, "leads": ("I", "II")})
    '{"leads":["I","II"],"rate":500}'
    """
    try:
        return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"cannot be written as JSON ({error})") from error


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _sha256(value: object) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _git_commit(root: Path) -> str | None:
    # Without this check, an environment inside somebody's repository would report that repository's commit.
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None
