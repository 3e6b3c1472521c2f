"""From scores and labels to an evaluation, and from an evaluation to a folder that anyone can check."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from medclip.core.dataset import LabelTable
from medclip.core.errors import MissingDependencyError, OutputError
from medclip.evaluation.bootstrap import BootstrapResult, bootstrap_auroc
from medclip.evaluation.metrics import average_precision, count_labels, macro
from medclip.evaluation.protocol import EvaluationProtocol, software

__all__ = ["ClassResult", "Evaluation", "evaluate_scores"]

# A folder that holds anything else is no earlier evaluation, and overwriting it would destroy somebody's work.
_OWN_FILES = frozenset({"metrics.json", "scores.parquet", "table.txt", "table.md", "calibration.json"})


@dataclass(frozen=True)
class ClassResult:
    """What was measured of one finding.

    Args:
        code: As the label set spells it.
        name: What a clinician calls it, or empty.
        auroc: In [0, 1]; nan if it is undefined.
        auroc_ci: Lower and upper limit of its patient-bootstrap interval.
        average_precision: In (0, 1]; nan if it is undefined.
        n_positive: Records with the finding.
        n_negative: Records without it.
        n_not_assessed: Records of which it is not known.
        n_resamples_undefined: Resamples without a positive or without a negative record.
    """

    code: str
    name: str
    auroc: float
    auroc_ci: tuple[float, float]
    average_precision: float
    n_positive: int
    n_negative: int
    n_not_assessed: int
    n_resamples_undefined: int


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Metrics with intervals, and the scores they were computed from.

    Args:
        protocol: What was evaluated.
        classes: One result per code, in the order of the label table.
        classes_left_out: ``{code: reason}`` for the classes without a defined metric.
        macro_auroc: Mean over the other classes.
        macro_auroc_ci: Its patient-bootstrap interval.
        macro_average_precision: Mean over the same classes.
        n_resamples_undefined: Resamples in which no class at all was defined; left out of the interval.
        n_patients: Number of patients.
        scores: ``(n_records, n_classes)``.
        labels: The labels, one column per class.
        record_ids: One per record.
        patient_ids: One per record; written only on request.
    """

    protocol: EvaluationProtocol
    classes: tuple[ClassResult, ...]
    classes_left_out: Mapping[str, str]
    macro_auroc: float
    macro_auroc_ci: tuple[float, float]
    macro_average_precision: float
    n_resamples_undefined: int
    n_patients: int
    scores: np.ndarray = field(repr=False)
    labels: LabelTable = field(repr=False)
    record_ids: tuple[str, ...] = field(repr=False)
    patient_ids: tuple[str, ...] = field(repr=False)

    @property
    def n_records(self) -> int:
        """Number of records evaluated."""
        return len(self.record_ids)

    def to_dict(self) -> dict[str, Any]:
        """Everything but scores and software, as ``metrics.json`` holds it; undefined numbers are None.

        The names of intervals carry their nominal coverage, such as ``macro_auroc_ci95``.
        """
        level = f"ci{self.protocol.confidence * 100:g}"
        return {
            "macro_auroc": _number(self.macro_auroc),
            f"macro_auroc_{level}": [_number(limit) for limit in self.macro_auroc_ci],
            "macro_average_precision": _number(self.macro_average_precision),
            "n_records": self.n_records,
            "n_patients": self.n_patients,
            "n_resamples_undefined": self.n_resamples_undefined,
            "n_classes_evaluated": len(self.classes) - len(self.classes_left_out),
            "classes_left_out": dict(self.classes_left_out),
            "per_class": {result.code: _class_to_dict(result, level) for result in self.classes},
            "seed": self.protocol.seed,
            "prompts_sha256": self.protocol.prompts_sha256,
            "protocol": self.protocol.to_dict(),
            "protocol_sha256": self.protocol.digest(),
            "test_sha256": self.protocol.test_digest(),
        }

    def write(
        self,
        out_dir: Path,
        *,
        tables: Mapping[str, str],
        command: str | None = None,
        duration_s: float | None = None,
        include_patient_ids: bool = False,
        overwrite: bool = False,
    ) -> None:
        """Write ``metrics.json``, ``scores.parquet`` and readable tables into a new folder, wholly or not at all.

        Args:
            out_dir: Folder to make; its parents are made too.
            tables: Text by file name, ``table.txt`` and ``table.md``; ``medclip.results.tables`` renders them.
            command: The command that reproduces the numbers.
            duration_s: Time of the whole run, from reading the first record.
            include_patient_ids: Whether ``scores.parquet`` gets a column ``patient_id``.
            overwrite: Replace the folder of an earlier evaluation.

        Raises:
            OutputError: The folder exists and ``overwrite`` is False, it holds other files, or it cannot be written.
            MissingDependencyError: pyarrow is not installed.
        """
        run = {"command": command, "duration_s": duration_s}
        metrics = json.dumps(self.to_dict() | software() | run, indent=2, allow_nan=False, ensure_ascii=False)
        with _new_folder(Path(os.path.abspath(out_dir)), overwrite=overwrite) as folder:
            self._write_scores(folder / "scores.parquet", include_patient_ids=include_patient_ids)
            for name, text in ({"metrics.json": metrics + "\n"} | dict(tables)).items():
                (folder / name).write_text(text, encoding="utf-8")

    def _write_scores(self, path: Path, *, include_patient_ids: bool) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            action = "run pip install pyarrow"
            raise MissingDependencyError("writing scores.parquet needs pyarrow", action=action) from error
        columns: dict[str, Any] = {"record_id": list(self.record_ids)}
        if include_patient_ids:
            columns["patient_id"] = list(self.patient_ids)
        for column, code in enumerate(self.labels.codes):
            values = np.ascontiguousarray(self.labels.values[:, column])
            columns[f"score_{code}"] = np.ascontiguousarray(self.scores[:, column])
            columns[f"label_{code}"] = pyarrow.array(values, mask=np.isnan(values))
        table = pyarrow.table(columns).replace_schema_metadata({"protocol_sha256": self.protocol.digest()})
        pyarrow.parquet.write_table(table, path, compression="zstd")


def evaluate_scores(
    scores: np.ndarray,
    labels: LabelTable,
    *,
    patient_ids: Sequence[str],
    record_ids: Sequence[str],
    protocol: EvaluationProtocol,
    names: Mapping[str, str] | None = None,
) -> Evaluation:
    """Measure how well scores rank records, class by class and in the mean, with patient-level intervals.

    Args:
        scores: ``(n_records, n_codes)``, finite; higher means more likely present.
        labels: One column per column of ``scores``.
        patient_ids: One per record.
        record_ids: One per record, all different.
        protocol: What is evaluated; its bootstrap settings are the ones used.
        names: What a clinician calls each code, for the tables.

    Raises:
        ConfigError: The protocol describes other records or labels than these.
        InputError: A score is not finite, shapes differ, or there are fewer than two patients.
        LabelError: A label has no allowed value, or no class can be evaluated.
    """
    protocol.check(record_ids, labels)
    bootstrap = bootstrap_auroc(
        scores,
        labels.values,
        patient_ids,
        n_resamples=protocol.n_resamples,
        confidence=protocol.confidence,
        seed=protocol.seed,
    )
    precisions = average_precision(scores, labels.values)
    macro_precision = macro(precisions, labels.values, codes=labels.codes)
    return Evaluation(
        protocol=protocol,
        classes=_class_results(bootstrap, precisions, labels, names or {}),
        classes_left_out=macro_precision.left_out,
        macro_auroc=bootstrap.macro,
        macro_auroc_ci=bootstrap.macro_ci,
        macro_average_precision=macro_precision.value,
        n_resamples_undefined=bootstrap.n_macro_undefined,
        n_patients=bootstrap.n_patients,
        scores=scores,
        labels=labels,
        record_ids=tuple(record_ids),
        patient_ids=tuple(patient_ids),
    )


def _class_results(
    bootstrap: BootstrapResult, precisions: np.ndarray, labels: LabelTable, names: Mapping[str, str]
) -> tuple[ClassResult, ...]:
    n_positive, n_negative, n_not_assessed = count_labels(labels.values)
    return tuple(
        ClassResult(
            code=code,
            name=names.get(code, ""),
            auroc=float(bootstrap.per_class[column]),
            auroc_ci=(float(bootstrap.per_class_ci[column, 0]), float(bootstrap.per_class_ci[column, 1])),
            average_precision=float(precisions[column]),
            n_positive=int(n_positive[column]),
            n_negative=int(n_negative[column]),
            n_not_assessed=int(n_not_assessed[column]),
            n_resamples_undefined=int(bootstrap.n_undefined[column]),
        )
        for column, code in enumerate(labels.codes)
    )


def _class_to_dict(result: ClassResult, level: str) -> dict[str, Any]:
    return {
        "name": result.name,
        "auroc": _number(result.auroc),
        level: [_number(limit) for limit in result.auroc_ci],
        "average_precision": _number(result.average_precision),
        **{name: value for name, value in asdict(result).items() if name.startswith("n_")},
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _check_target(out_dir: Path, *, overwrite: bool) -> None:
    if not os.path.lexists(out_dir):
        return
    if not overwrite:
        raise OutputError("the output folder exists", received=out_dir, action="name another one, or allow overwriting")
    if out_dir.is_symlink() or not out_dir.is_dir() or {path.name for path in out_dir.iterdir()} - _OWN_FILES:
        action = "name another one; only the folder of an earlier evaluation is overwritten"
        raise OutputError("the output is something else than an evaluation", received=out_dir, action=action)


@contextlib.contextmanager
def _new_folder(out_dir: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a folder beside the target and put it in the target's place once everything is in it."""
    unique = f".{out_dir.name}.{uuid.uuid4().hex[:12]}"
    partial, aside = out_dir.with_name(f"{unique}.partial"), out_dir.with_name(f"{unique}.replaced")
    try:
        _check_target(out_dir, overwrite=overwrite)
        partial.mkdir(parents=True)
        yield partial
        # Again, because somebody may have made the folder meanwhile.
        _check_target(out_dir, overwrite=overwrite)
        _put_in_place(partial, out_dir, aside=aside)
    except OutputError:
        raise
    except OSError as error:
        raise _output_error(out_dir, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _put_in_place(partial: Path, out_dir: Path, *, aside: Path) -> None:
    if out_dir.exists():
        out_dir.rename(aside)
    try:
        partial.rename(out_dir)
    except OSError:
        if aside.exists():
            aside.rename(out_dir)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _output_error(out_dir: Path, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return OutputError(f"the disk is full: {out_dir} was not written", action="free some space and repeat")
    return OutputError(
        f"{out_dir} cannot be written ({error.strerror or error})", action="check the path and its rights"
    )
