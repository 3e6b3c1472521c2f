"""Open files and data sets by what they are, not by where their code lies."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medclip.core.dataset import Dataset
from medclip.core.errors import ConfigError, DatasetError
from medclip.core.modality import DatasetFactory, discover, find_dataset, sniff
from medclip.core.privacy import identifiers_kept
from medclip.core.sample import Sample
from medclip.data.store import STORE_FILE, PackedStore

__all__ = ["open_dataset", "read"]

_KINDS: Mapping[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}
_KIND_NAMES = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false"}


def read(path: str | Path, *, keep_identifiers: bool = False) -> Sample:
    """Read one recording of any known format; the format is found by the file's content.

    Args:
        path: A file, a folder of one recording, or ``FILE#RECORD``.
        keep_identifiers: True keeps the patient's identifier as the file states it. By default ``patient_id`` is a hash
            of it under a key of this installation, the same for all files of a patient.

    Raises:
        FormatError: The file is of no known format, or cannot be decoded faithfully.
    """
    with identifiers_kept(keep_identifiers):
        return sniff(Path(path)).read(Path(path))


def open_dataset(name: str, root: str | Path | None = None, **options: Any) -> Dataset:
    """Open a data set by name, or a packed store by its folder.

    Args:
        name: Name of a data set, such as those in ``medclip data list``, or the folder of a packed store. A folder that
            bears the name of a data set is meant only if it is written as a path, such as ``./name``.
        root: The data set's folder; None for a generated data set or a store.
        options: Further options of the data set, such as ``sampling_rate_hz``.

    Raises:
        ConfigError: The data set has no such option, or not with this value; or a store is given any.
        DatasetError: The data set is unknown, or lacks its folder or a file in it.
        StoreError: The store is damaged.
    """
    if _is_store(name):
        _refuse_options(name, {"root": root} | options if root is not None else options)
        return PackedStore(name)
    factory = find_dataset(name)[1]
    if factory.needs_root and root is None:
        raise DatasetError(
            f"data set {factory.name} needs its folder",
            action=f"give root, or fetch it with: medclip data download {factory.name} --out FOLDER",
        )
    _check_options(factory, options)
    return factory.open(root, **options)


def _is_store(name: str) -> bool:
    known = {dataset for modality in discover().values() for dataset in modality.dataset_names()}
    return (Path(name) / STORE_FILE).is_file() and name.lower().replace("-", "_") not in known


def _refuse_options(folder: str, options: Mapping[str, Any]) -> None:
    if options:
        raise ConfigError(
            f"{folder} is a packed store and takes no options",
            received=options,
            action="leave them out, or name the data set itself",
        )


def _check_options(factory: DatasetFactory, options: Mapping[str, Any]) -> None:
    parameters = list(inspect.signature(factory.open).parameters.values())[1:]
    for parameter in parameters:
        _check_kind(factory, parameter, options.get(parameter.name, parameter.default))
    known = [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]
    unknown = [name for name in options if name not in known]
    if unknown and len(known) == len(parameters):
        raise ConfigError(f"data set {factory.name} has no such option", received=unknown, allowed=known)


def _check_kind(factory: DatasetFactory, parameter: inspect.Parameter, value: object) -> None:
    """Compare a value with a plain annotation; the data set itself checks its range, and any other annotation."""
    kind = getattr(parameter.annotation, "__name__", parameter.annotation)
    if kind not in _KINDS or value is parameter.default:
        return
    if not isinstance(value, _KINDS[kind]) or (isinstance(value, bool) and kind != "bool"):
        raise ConfigError(
            f"option {parameter.name} of data set {factory.name} is of the wrong kind",
            received=repr(value),
            allowed=_KIND_NAMES[kind],
        )
