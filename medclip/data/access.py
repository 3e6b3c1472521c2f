"""Open files and data sets by what they are, not by where their code lies."""

from __future__ import annotations

import contextlib
import glob
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medclip.core._heads import exists
from medclip.core.dataset import Dataset
from medclip.core.errors import ConfigError, DatasetError, FormatError
from medclip.core.modality import DatasetFactory, Format, discover, find_dataset, find_modality
from medclip.core.privacy import identifiers_kept
from medclip.core.repair import resampling_allowed
from medclip.core.sample import Sample
from medclip.core.sniff import sniff
from medclip.core.wanted import modality_wanted
from medclip.data.store import STORE_FILE, PackedStore

__all__ = ["open_dataset", "read"]

_KINDS: Mapping[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}
_KIND_NAMES = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false"}


def read(
    path: str | Path,
    *,
    modality: str | None = None,
    keep_identifiers: bool = False,
    allow_resampling: bool = False,
) -> Sample:
    """Read one recording of any known format; the format is found by the file's content.

    A name without its ending is understood if the files that begin with it are of one format.

    Args:
        path: A file, a folder of one recording, or ``FILE#RECORD``.
        modality: The kind that is read of a folder or archive with several kinds of recordings, such as the one that a
            model takes; what is left aside stands in the sample's notes. A file of another kind is read all the same.
        keep_identifiers: True keeps the patient's identifier as the file states it. By default ``patient_id`` is a hash
            of it under a key of this installation, the same for all files of a patient.
        allow_resampling: True mends what does not lie evenly, such as a missing slice or a tilted gantry, by
            interpolation and says so in the sample's notes. By default it is refused.

    Raises:
        FormatError: The file is of no known format, or cannot be decoded faithfully.
        InputError: There is no such modality.
    """
    path = Path(path)
    if modality is not None:
        find_modality(modality)
    with modality_wanted(modality), identifiers_kept(keep_identifiers), resampling_allowed(allow_resampling):
        form = sniff(path) if exists(path) else None
        if form is None:
            path, form = _with_ending(path)
        return form.read(path)


def _with_ending(path: Path) -> tuple[Path, Format]:
    """Find the recording that a name without its ending means; else refuse the name as it is."""
    found: dict[Path, Format] = {}
    for candidate in sorted(path.parent.glob(f"{glob.escape(path.name)}.*")) if path.name else ():
        with contextlib.suppress(FormatError):
            found[candidate] = sniff(candidate)
    if len({form.name for form in found.values()}) > 1:
        raise FormatError(
            f"{path} does not exist, and recordings of several formats begin so",
            received=path.name,
            allowed=[candidate.name for candidate in found],
            action="name one of them with its ending",
        )
    return next(iter(found.items())) if found else (path, sniff(path))


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
