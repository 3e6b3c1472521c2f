"""Chapman-Shaoxing-Ningbo: 45,152 ECGs of 10 s with SNOMED CT codes (https://doi.org/10.13026/wgex-er52)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from medclip.core.dataset import RecordInfo
from medclip.core.dataset_files import find_folder
from medclip.core.modality import DatasetFactory
from medclip.core.splits import fold_of
from medclip.modalities.ecg.datasets._csn_labels import readings_of
from medclip.modalities.ecg.datasets._recordings import Entry, Recordings, check_tokens
from medclip.modalities.ecg.datasets._snomed import challenge_codes, ids_of_codes, scored_reading
from medclip.modalities.ecg.datasets._wfdb_folder import read_wfdb, scan_headers

__all__ = ["DATASET", "open_csn"]

_NAMES = r"JS\d{5}"
_LAST_OF_CHAPMAN = "JS10646"


def open_csn(
    root: Path | str | None,
    *,
    label_reading: str = "exact",
    absence: str = "source",
    unknown_codes: str = "error",
    split_seed: int = 0,
    split_fractions: Mapping[str, float] | None = None,
) -> Recordings:
    """Open the WFDB form, in the folder of PhysioNet or of the PhysioNet/CinC challenge of 2021.

    Its label sets are ``csn`` (63 acronyms), ``csn-merl38`` (the 38 of MERL's benchmark) and ``cinc2021``. Codes that
    the publishers' list of acronyms lacks are part of the first two no more than they are for MERL. Where acronyms
    share a SNOMED CT code (LBBB, LBBBB and LFBBB; MI and its four walls; IVB and IDC; WAVN and SAAWR), the code makes
    the broadest of them present and leaves the others open (NaN). Each record is of another patient.

    Args:
        root: A folder that holds its records, at any depth.
        label_reading: ``exact``, or ``merl`` for the labels of MERL's tables with their 5,125 false positives.
        absence: Of ``cinc2021``: ``source`` leaves findings open (NaN) that no record of the hospital carries,
            ``challenge`` counts them as absent.
        unknown_codes: ``ignore`` accepts SNOMED CT codes that neither the publishers' list nor the challenge knows.
        split_seed: See ``patient_split``.
        split_fractions: Shares of train, validation and test; None for 70, 10 and 20 %.

    Raises:
        ConfigError: An option is out of range.
        DatasetError: The folder holds no record, one of them twice, or one with an unknown code.
    """
    from medclip.core.cards import load_card

    card = load_card("csn")
    folder = find_folder(root, card)
    readings = readings_of(label_reading, has_snomed=True)
    entries = []
    for header in scan_headers(folder, card, _NAMES):
        source = "chapman_shaoxing" if header.record_id <= _LAST_OF_CHAPMAN else "ningbo"
        fold = fold_of(header.record_id, split_seed, split_fractions)
        info = RecordInfo(header.record_id, header.record_id, None, fold, {**header.attributes, "source": source})
        entries.append(Entry(info, header.path, header.tokens, source))
    listed = {snomed for ids in ids_of_codes("csn").values() for snomed in ids}
    check_tokens(entries, listed | set(challenge_codes()), card, unknown_codes)
    readings["cinc2021"] = scored_reading("cinc2021", absence=absence)
    return Recordings(folder, card, entries, readings=readings, read=read_wfdb)


DATASET = DatasetFactory(
    name="csn", description="Chapman-Shaoxing-Ningbo: 45,152 twelve-lead ECGs with SNOMED CT codes", open=open_csn
)
