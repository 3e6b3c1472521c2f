"""PhysioNet/CinC challenge 2020: 43,101 ECGs of six sources with SNOMED CT codes (https://doi.org/10.13026/dvyd-kd57)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from medclip.core.modality import DatasetFactory
from medclip.modalities.ecg.datasets._cinc import open_challenge
from medclip.modalities.ecg.datasets._recordings import Recordings

__all__ = ["DATASET", "open_cinc2020"]


def open_cinc2020(
    root: Path | str | None,
    *,
    absence: str = "source",
    unknown_codes: str = "error",
    ptbxl_root: Path | str | None = None,
    split_seed: int = 0,
    split_fractions: Mapping[str, float] | None = None,
) -> Recordings:
    """Open all of its records that lie in a folder, at any depth; each record's source is in its attributes.

    Its label set has the scored diagnoses: 27 codes, three pairs of which are one diagnosis.

    Args:
        root: The folder.
        absence: ``source``: a finding that no record of a source carries is not assessed (NaN) in that source.
            ``challenge``: it is absent, as the challenge scores it.
        unknown_codes: ``ignore`` accepts SNOMED CT codes that the challenge does not know; ``error`` refuses them.
        ptbxl_root: Folder of PTB-XL with its table of patients. Without it, all of PTB-XL is in ``train``, as INCART
            and PTB always are: the challenge does not say which of their records belong to one patient.
        split_seed: See ``patient_split``.
        split_fractions: Shares of train, validation and test; None for 70, 10 and 20 %.

    Raises:
        ConfigError: An option is out of range.
        DatasetError: The folder holds no record, one of them twice, one of no source, or one with an unknown code.
    """
    from medclip.core.cards import load_card

    return open_challenge(
        root,
        load_card("cinc2020"),
        label_set="cinc2020",
        absence=absence,
        unknown_codes=unknown_codes,
        ptbxl_root=ptbxl_root,
        split_seed=split_seed,
        split_fractions=split_fractions,
    )


DATASET = DatasetFactory(
    name="cinc2020",
    description="PhysioNet/CinC challenge 2020: 43,101 twelve-lead ECGs of six sources, 24 scored diagnoses",
    open=open_cinc2020,
)
