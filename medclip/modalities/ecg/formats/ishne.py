"""ISHNE Holter files (Badilini, Ann Noninvasive Electrocardiol 1998), up to a day of up to twelve leads."""

from __future__ import annotations

import struct
from binascii import crc_hqx
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from medclip.core.demographics import device_of, whole_years_between
from medclip.core.errors import FormatError
from medclip.core.modality import Format
from medclip.core.privacy import private_id
from medclip.core.sample import Sample
from medclip.modalities.ecg.formats._leads_together import check_rate, named_once
from medclip.modalities.ecg.formats._recording import COPY_AGAIN, EXPORT_AGAIN, check_readable, check_size

__all__ = ["FORMAT", "read", "sniff"]

_MARK, _ANNOTATION_MARK = b"ISHNE1.0", b"ANN  1.0"
_CRC_START, _HEAD_START, _FIXED_BYTES = 8, 10, 522
_SIZES = struct.Struct("<iiii")
_ID, _SEX, _BORN, _RECORDED = slice(108, 128), 128, 132, 138
_N_LEADS, _LEADS, _QUALITIES, _STEPS, _DEVICE, _RATE = 156, 158, 182, 206, slice(232, 272), 272
_MOST_LEADS, _MOST_VARIABLE_BYTES = 12, 1 << 20
_NAMES = {
    **{2: "X", 3: "Y", 4: "Z"},
    **dict(enumerate(("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"), start=5)),
    **{17: "ES", 18: "AS", 19: "AI"},
}
_SEXES = {1: "male", 2: "female"}
_POOR_QUALITIES = (3, 4, 5)  # frequent noise, intermittent and frequent disconnection
_BLOCK_SAMPLES = 1 << 20


class _Header(NamedTuple):
    n_leads: int
    n_samples: int
    data_start: int
    fixed: bytes


def sniff(path: Path, head: bytes) -> bool:
    """Tell whether a file is an ISHNE Holter recording by its mark; annotation files are not."""
    return head.startswith(_MARK)


def read(path: Path) -> Sample:
    """Read a Holter recording into millivolts.

    The checksum of the header is compared. Names are not decoded; of the dates only the age is used. Leads that the
    file does not name are called by their number.

    Returns:
        float32 ``(n_leads, n_samples)`` in mV with standard lead names; ``age`` in years, ``sex``, ``device`` and
        ``questionable_leads`` as attributes where the file states them.

    Raises:
        FormatError: The file is no ISHNE Holter recording, is damaged, or does not say what its samples are.
    """
    path = Path(path)
    header = _read_header(path, check_readable(path, maximum_bytes=1 << 31))
    (rate_hz,) = struct.unpack_from("<h", header.fixed, _RATE)
    codes, qualities, steps_nv = (_shorts(header, start) for start in (_LEADS, _QUALITIES, _STEPS))
    names = named_once([_NAMES.get(code, f"lead {place}") for place, code in enumerate(codes, start=1)], path)
    if min(steps_nv) <= 0:
        raise FormatError(
            f"{path} does not say what the samples of a lead are",
            received=f"a resolution of {min(steps_nv)} nV",
            allowed="more than 0 nV",
            action=EXPORT_AGAIN,
        )
    attributes = _attributes(header.fixed)
    questionable = tuple(name for name, quality in zip(names, qualities, strict=True) if quality in _POOR_QUALITIES)
    if questionable:
        attributes["questionable_leads"] = questionable
    return Sample(
        modality="ecg",
        array=_millivolts(path, header, steps_nv),
        record_id=path.stem,
        patient_id=private_id(_text(header.fixed[_ID])),
        sampling_rate_hz=check_rate(float(rate_hz), path),
        channel_names=names,
        attributes=attributes,
        source=path.name,
    )


FORMAT = Format(name="ishne", description="ISHNE Holter recording (.ecg)", sniff=sniff, read=read)


def _read_header(path: Path, n_file_bytes: int) -> _Header:
    with path.open("rb") as file:
        fixed = file.read(_FIXED_BYTES)
        if fixed.startswith(_ANNOTATION_MARK):
            raise FormatError(f"{path} holds annotations and no recording", action="choose the .ecg file beside it")
        if not fixed.startswith(_MARK) or len(fixed) < _FIXED_BYTES:
            raise FormatError(
                f"{path} is no whole ISHNE file", allowed="ISHNE1.0 and 514 more bytes", action=COPY_AGAIN
            )
        n_variable, n_stated, _, data_start = _SIZES.unpack_from(fixed, _HEAD_START)
        if not (0 <= n_variable <= _MOST_VARIABLE_BYTES and _FIXED_BYTES + n_variable <= data_start <= n_file_bytes):
            raise FormatError(
                f"{path} is truncated, or its header has an impossible size",
                received=f"{n_variable} bytes of text, samples from byte {data_start}, {n_file_bytes} bytes in all",
                action=COPY_AGAIN,
            )
        variable = file.read(n_variable)
    (stated,) = struct.unpack_from("<H", fixed, _CRC_START)
    computed = crc_hqx(fixed[_HEAD_START:] + variable, 0xFFFF)
    if stated != computed:
        raise FormatError(
            f"the checksum of the header of {path} is wrong",
            received=f"{computed:04x} computed",
            allowed=f"{stated:04x} as the file states",
            action=COPY_AGAIN,
        )
    (n_leads,) = struct.unpack_from("<h", fixed, _N_LEADS)
    if not 0 < n_leads <= _MOST_LEADS:
        raise FormatError(f"{path} announces {n_leads} leads", allowed=f"1 to {_MOST_LEADS}", action=COPY_AGAIN)
    return _Header(n_leads, _count_samples(n_leads, n_stated, n_file_bytes - data_start, path), data_start, fixed)


def _count_samples(n_leads: int, n_stated: int, n_bytes: int, path: Path) -> int:
    """Return the samples of each lead; some writers state those of all leads together."""
    n_samples, rest = divmod(n_bytes, 2 * n_leads)
    if rest or n_samples == 0 or n_stated not in (n_samples, n_samples * n_leads):
        raise FormatError(
            f"the samples in {path} are not as many as it announces",
            received=f"{n_bytes} bytes",
            allowed=f"{2 * n_leads * n_stated} bytes for {n_leads} leads of {n_stated} samples",
            action=COPY_AGAIN,
        )
    check_size(n_leads, n_samples, path)
    return n_samples


def _millivolts(path: Path, header: _Header, steps_nv: tuple[int, ...]) -> np.ndarray:
    """Convert the samples block by block, so that a whole day needs little more room than its result."""
    stored = np.memmap(path, "<i2", "r", header.data_start, (header.n_samples, header.n_leads))
    array = np.empty((header.n_leads, header.n_samples), np.float32)
    steps_mv = np.array(steps_nv)[:, None] / 1e6
    for start in range(0, header.n_samples, _BLOCK_SAMPLES):
        block = stored[start : start + _BLOCK_SAMPLES]
        array[:, start : start + len(block)] = block.T * steps_mv
    return array


def _attributes(fixed: bytes) -> dict[str, Any]:
    found = {
        "age": whole_years_between(_date(fixed, _BORN), _date(fixed, _RECORDED)),
        "sex": _SEXES.get(struct.unpack_from("<h", fixed, _SEX)[0]),
        "device": device_of(_text(fixed[_DEVICE])),
    }
    return {key: value for key, value in found.items() if value is not None}


def _date(fixed: bytes, start: int) -> str:
    day, month, year = struct.unpack_from("<hhh", fixed, start)
    return f"{year:04d}{month:02d}{day:02d}"


def _shorts(header: _Header, start: int) -> tuple[int, ...]:
    return struct.unpack_from(f"<{header.n_leads}h", header.fixed, start)


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("latin-1").strip()
