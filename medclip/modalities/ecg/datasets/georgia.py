"""Georgia 12-lead ECG database of the PhysioNet/CinC challenges: 10,344 ECGs of 5 to 10 s at 500 Hz."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from medclip.core.modality import DatasetFactory
from medclip.modalities.ecg.datasets._cinc import open_source
from medclip.modalities.ecg.datasets._recordings import Recordings

__all__ = ["DATASET", "open_georgia"]


def open_georgia(
    root: Path | str | None,
    *,
    absence: str = "source",
    unknown_codes: str = "error",
    split_seed: int = 0,
    split_fractions: Mapping[str, float] | None = None,
) -> Recordings:
    """Open its records, wherever they lie in a folder; one of the whole challenge of 2021 will do.

    Every record counts as a patient, since none is published; see the data card.

    Args:
        root: The folder.
        absence: ``source``: a finding that no record of this set carries is not assessed (NaN). ``challenge``: it is
            absent, as the challenge scores it.
        unknown_codes: ``ignore`` accepts SNOMED CT codes that the challenge does not know; ``error`` refuses them.
        split_seed: See ``patient_split``.
        split_fractions: Shares of train, validation and test; None for 70, 10 and 20 %.

    Raises:
        ConfigError: An option is out of range.
        DatasetError: The folder holds none of its records, one of them twice, or one with an unknown code.
    """
    from medclip.core.cards import load_card

    return open_source(
        root,
        "georgia",
        load_card("georgia"),
        absence=absence,
        unknown_codes=unknown_codes,
        split_seed=split_seed,
        split_fractions=split_fractions,
    )


DATASET = DatasetFactory(
    name="georgia",
    description="Georgia: 10,344 twelve-lead ECGs of Emory University with SNOMED CT codes",
    open=open_georgia,
)
