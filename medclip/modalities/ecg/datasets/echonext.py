"""EchoNext: 100,000 ECGs of 36,286 patients with what an echocardiogram showed (https://physionet.org/content/echonext)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medclip.core.dataset import RecordInfo
from medclip.core.dataset_files import check_unique, find_root, how_to_fetch, read_rows
from medclip.core.errors import ConfigError, DatasetError, FormatError
from medclip.core.label_set import LabelSet
from medclip.core.modality import DatasetFactory
from medclip.core.sample import Sample
from medclip.modalities.ecg.datasets._recordings import Entry, Recordings, TokenReading
from medclip.modalities.ecg.leads import STANDARD_LEADS

__all__ = ["DATASET", "open_echonext"]

_TABLE = "echonext_metadata_100k.csv"
_RATE_HZ, _N_SAMPLES = 250.0, 2500
_SHAPE = (1, _N_SAMPLES, len(STANDARD_LEADS))
_UNMEASURED = "unmeasured: "
_SEXES = {"0": "female", "1": "male", "Female": "female", "Male": "male", "F": "female", "M": "male"}
# The measurements that each flag was derived from; the composite flag has none of its own.
_MEASUREMENTS: Mapping[str, Sequence[str]] = {
    "lvef_lte_45_flag": ("lvef_value",),
    "lvwt_gte_13_flag": ("ivs_measurement", "lvpw_measurement"),
    "aortic_stenosis_moderate_or_greater_flag": ("aortic_stenosis_value",),
    "aortic_regurgitation_moderate_or_greater_flag": ("aortic_regurgitation_value",),
    "mitral_regurgitation_moderate_or_greater_flag": ("mitral_regurgitation_value",),
    "tricuspid_regurgitation_moderate_or_greater_flag": ("tricuspid_regurgitation_value",),
    "pulmonary_regurgitation_moderate_or_greater_flag": ("pulmonary_regurgitation_value",),
    "rv_systolic_dysfunction_moderate_or_greater_flag": ("rv_systolic_function_value",),
    "pericardial_effusion_moderate_large_flag": ("pericardial_effusion_value",),
    "pasp_gte_45_flag": ("pasp_value",),
    "tr_max_gte_32_flag": ("tr_max_velocity_value",),
}


def open_echonext(root: Path | str | None, *, unmeasured: str = "open") -> Recordings:
    """Open EchoNext: its table, and its waveforms if they are there.

    The publishers write 0 for a finding whose measurement is missing, half of all records for some. The waveforms are
    given in standard deviations and not in millivolts: a sample's ``amplitude_is_calibrated`` is False.

    Args:
        root: The folder with ``echonext_metadata_100k.csv``, or one that holds a single such folder.
        unmeasured: ``open``: a finding that is 0 and was not measured is NaN. ``absent``: it is 0, as published.

    Raises:
        ConfigError: ``unmeasured`` is neither.
        DatasetError: The folder, the table, a column, a split or a flag is missing, doubled or unknown.
    """
    from medclip.core.cards import load_card

    if unmeasured not in ("open", "absent"):
        raise ConfigError("unmeasured findings cannot be read so", received=unmeasured, allowed="open, absent")
    card = load_card("echonext")
    folder = find_root(root, _TABLE, card)
    codes = LabelSet.load("echonext").codes
    measurements = sorted({column for columns in _MEASUREMENTS.values() for column in columns})
    columns = ("ecg_key", "patient_key", "split", "age_at_ecg", "sex", *codes, *measurements)
    rows_of_split: Counter[str] = Counter()
    entries = []
    for line, row in read_rows(folder / _TABLE, card, columns):
        cells = dict(zip(columns, row, strict=True))
        card.check_split(cells["split"])
        try:
            tokens = _tokens(cells, codes)
            info = RecordInfo(cells["ecg_key"], cells["patient_key"], None, cells["split"], _attributes(cells))
        except (KeyError, ValueError) as error:
            raise DatasetError(
                f"line {line} of {folder / _TABLE} cannot be used ({error})", action=how_to_fetch(card)
            ) from error
        # The rows of one split, in the order of the table, are the rows of its file of waveforms.
        place = str(rows_of_split[cells["split"]])
        rows_of_split[cells["split"]] += 1
        entries.append(Entry(info, f"EchoNext_{cells['split']}_waveforms.npy", tokens, place=place))
    check_unique((entry.info.record_id for entry in entries), card, folder / _TABLE)
    unsure = {_UNMEASURED + code: (code,) for code in codes} if unmeasured == "open" else {}
    reading = TokenReading({code: (code,) for code in codes}, unsure=unsure)
    return Recordings(folder, card, entries, readings={"echonext": reading}, read=_read)


DATASET = DatasetFactory(
    name="echonext",
    description="EchoNext: 100,000 twelve-lead ECGs with structural heart disease by echocardiography",
    open=open_echonext,
)


def _tokens(cells: Mapping[str, str], codes: Sequence[str]) -> frozenset[str]:
    """Return the flags that are set, and a mark for those whose measurement is missing."""
    odd = [code for code in codes if cells[code] not in ("0", "1", "0.0", "1.0", "")]
    if odd:
        raise ValueError(f"{odd[0]} is neither 0 nor 1")
    present = {code for code in codes if cells[code] in ("1", "1.0")}
    lacking = {code for code in codes if not all(cells[column] for column in _MEASUREMENTS.get(code, (code,)))}
    return frozenset(present | {_UNMEASURED + code for code in lacking - present})


def _attributes(cells: Mapping[str, str]) -> dict[str, Any]:
    attributes: dict[str, Any] = {"age": float(cells["age_at_ecg"])} if cells["age_at_ecg"] else {}
    sex = _SEXES.get(cells["sex"].removesuffix(".0").capitalize())
    return attributes | ({"sex": sex} if sex else {})


def _read(path: Path, entry: Entry) -> Sample:
    try:
        waveforms = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise FormatError(f"{path} is truncated or no NumPy file", action="copy it again from its source") from error
    row = int(entry.place)
    if waveforms.shape[1:] != _SHAPE or row >= len(waveforms) or waveforms.dtype.kind != "f":
        raise FormatError(
            f"{path} does not hold record {entry.info.record_id}",
            received=" x ".join(map(str, waveforms.shape)),
            allowed=f"{row + 1} or more x 1 x {_N_SAMPLES} x 12",
            action="use the table and the waveforms of one version",
        )
    return Sample(
        modality="ecg",
        array=np.array(waveforms[row, 0].T, np.float32, order="C"),
        record_id=entry.info.record_id,
        sampling_rate_hz=_RATE_HZ,
        channel_names=STANDARD_LEADS,
        attributes={"amplitude_is_calibrated": False},
    )
