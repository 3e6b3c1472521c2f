"""A kind of data, and how medclip finds all of them.

A modality is a folder below ``medclip/modalities`` (or a package that an installed distribution names under the entry
point group ``medclip.modalities``) whose ``__init__`` holds ``MODALITY = Modality(...)``. What it offers is found by
scanning its sub-folders, so that adding a format, a data set, a label set or a prompt set is adding one file:

- ``formats/NAME.py`` with ``FORMAT = Format(...)``
- ``datasets/NAME.py`` with ``DATASET = DatasetFactory(...)``
- ``maps/NAME.py`` with ``MAP_WRITER = MapWriter(...)``
- ``labels/NAME.csv``, ``prompts/NAME.json``, ``benchmarks/NAME.json``, ``glossary/LANGUAGE.tsv``
- ``needed_channels.csv``: which findings cannot be judged without which channels

Label sets and prompt sets are also found in a folder that holds no ``MODALITY`` yet: what is asked about a kind of
recordings can be written down before medclip reads them.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from medclip.core._offers import files_by_stem, only_one
from medclip.core.errors import (
    DatasetError,
    InputError,
    MissingDependencyError,
)
from medclip.core.needed_channels import Needs, read_needed_channels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from medclip.core.dataset import Dataset
    from medclip.core.finding_map import FindingMap
    from medclip.core.input_spec import InputSpec
    from medclip.core.sample import Sample

__all__ = [
    "DatasetFactory",
    "Format",
    "MapWriter",
    "Modality",
    "QualityIssue",
    "discover",
    "find_dataset",
    "find_modality",
    "own_packages",
]

_OWN_PACKAGE = "medclip.modalities"
_ENTRY_POINT_GROUP = "medclip.modalities"


@dataclass(frozen=True)
class Format:
    """One file format of a modality.

    Args:
        name: Short name, the same as its module.
        description: What a user would call it, e.g. "WFDB record (.hea with .dat or .mat)".
        sniff: ``(path, head) -> bool`` where ``head`` is the first 4096 bytes, empty for a folder; decides by content
            and never raises.
        read: Reads the file or folder into a sample or raises ``FormatError``.
    """

    name: str
    description: str
    sniff: Callable[[Path, bytes], bool]
    read: Callable[[Path], Sample]


@dataclass(frozen=True)
class DatasetFactory:
    """One data set of a modality.

    Args:
        name: Name used on the command line, the same as its module with ``_`` or ``-`` alike.
        description: One line.
        open: ``open(root, **options) -> Dataset``; ``root`` is None for a generated data set.
        needs_root: False if the data set is generated and takes no folder.
    """

    name: str
    description: str
    open: Callable[..., Dataset]
    needs_root: bool = True


@dataclass(frozen=True)
class MapWriter:
    """One file format for maps of findings.

    Args:
        name: Short name, the same as its module with ``_`` or ``-`` alike.
        description: What a user would call it.
        suffix: Ending of its files, with the dot.
        write: ``write(found, sample, source, target)``: the map, its recording, the file or folder that was read, and
            the file to make. Raises ``FormatError`` if ``source`` lacks what the format needs, and writes nothing then.
    """

    name: str
    description: str
    suffix: str
    write: Callable[[FindingMap, Sample, Path, Path], None]


@dataclass(frozen=True)
class QualityIssue:
    """One technical fault of a recording.

    Args:
        kind: A word to group by, such as ``flat`` or ``saturated``.
        where: The channels concerned; empty for the whole recording.
        message: One sentence for the person at the device, saying what to check.
        severity: ``note`` (worth knowing), ``warning`` (findings may be wrong) or ``unusable``.
    """

    kind: str
    where: tuple[str, ...]
    message: str
    severity: str = "warning"


@dataclass(frozen=True)
class Modality:
    """A kind of data and everything that is particular to it.

    Args:
        name: Name of its folder.
        title: What a clinician calls it.
        package: Import path of its folder.
        default_input_spec: Specification used by recipes and tools that name none.
        plot: Draws a sample the way its readers are used to.
        quality: Lists the technical faults of a sample.
        default_ensemble: How zero-shot scores join several sentences per finding, where nothing else is asked for.
        channel_word: What a clinician calls one channel, in singular.
    """

    name: str
    title: str
    package: str
    default_input_spec: Callable[[], InputSpec]
    plot: Callable[..., Figure]
    quality: Callable[[Sample], tuple[QualityIssue, ...]]
    default_ensemble: str = "mean"
    channel_word: str = "channel"

    @property
    def folder(self) -> Path:
        """Where the modality's data files lie."""
        return Path(str(importlib.import_module(self.package).__file__)).parent

    def formats(self) -> Mapping[str, Format]:
        """All formats by name, found by scanning ``formats/``."""
        names = _module_names(self.folder / "formats")
        return {name: _attribute(f"{self.package}.formats.{name}", "FORMAT") for name in names}

    def map_writers(self) -> Mapping[str, MapWriter]:
        """Formats for maps of findings by name, found by scanning ``maps/``."""
        found = [_attribute(f"{self.package}.maps.{name}", "MAP_WRITER") for name in self._modules("maps")]
        return {writer.name: writer for writer in found}

    def dataset_names(self) -> tuple[str, ...]:
        """Names of all data sets, found by scanning ``datasets/`` without importing them."""
        return tuple(self._modules("datasets"))

    def dataset(self, name: str) -> DatasetFactory:
        """One data set's factory; only its own module is imported."""
        factory: DatasetFactory = _attribute(f"{self.package}.datasets.{name}", "DATASET")
        return factory

    def label_set_files(self) -> Mapping[str, Path]:
        """Label set files by name."""
        return files_by_stem(self.folder / "labels", ".csv")

    def prompt_set_files(self) -> Mapping[str, Path]:
        """Shipped prompt set files by name."""
        return files_by_stem(self.folder / "prompts", ".json")

    def glossary_files(self) -> Mapping[str, Path]:
        """Glossaries for reports, by language code."""
        return files_by_stem(self.folder / "glossary", ".tsv")

    def needed_channels(self) -> Mapping[str, Needs]:
        """What a finding cannot be judged without, by concept id; empty if the modality has no such table."""
        path = self.folder / "needed_channels.csv"
        return read_needed_channels(path) if path.is_file() else {}

    def _modules(self, folder: str) -> list[str]:
        return _module_names(self.folder / folder)


def _module_names(folder: Path) -> list[str]:
    """Names of the public modules in a folder; it is scanned again only when a file has come or gone."""
    try:
        return list(_scanned(folder, folder.stat().st_mtime_ns))
    except OSError:
        return []


@functools.lru_cache(maxsize=64)
def _scanned(folder: Path, _changed_ns: int) -> tuple[str, ...]:
    return tuple(sorted(found.name for found in pkgutil.iter_modules([str(folder)]) if not found.name.startswith("_")))


@functools.cache
def discover() -> Mapping[str, Modality]:
    """Find every modality, medclip's own and those of installed plug-ins, by name.

    Raises:
        InputError: Two packages offer the same name.
        MissingDependencyError: An installed plug-in cannot be imported or holds no ``MODALITY``.
    """
    found: dict[str, Modality] = {}
    for modality in (*_own_modalities(), *_plugged_in_modalities()):
        if modality.name in found:
            raise InputError(
                f"two packages offer the modality {modality.name}",
                received=[found[modality.name].package, modality.package],
                action="remove one of them",
            )
        found[modality.name] = modality
    return MappingProxyType(found)


def _own_modalities() -> Iterator[Modality]:
    """A folder without ``MODALITY`` serves the others, as the one for reports does."""
    for package in own_packages():
        modality = getattr(importlib.import_module(package), "MODALITY", None)
        if isinstance(modality, Modality):
            yield modality


def own_packages() -> dict[str, Path]:
    """Folders of medclip's own modalities, and of what serves them, by the import path of their packages."""
    folders = importlib.import_module(_OWN_PACKAGE).__path__
    names = sorted(found.name for found in pkgutil.iter_modules(folders) if found.ispkg)
    return {f"{_OWN_PACKAGE}.{name}": Path(folder) / name for folder in folders for name in names}


def _plugged_in_modalities() -> Iterator[Modality]:
    # An editable installation beside an ordinary one names the same package twice.
    packages = {entry.module: entry.name for entry in entry_points(group=_ENTRY_POINT_GROUP)}
    for package, name in sorted(packages.items()):
        try:
            modality = getattr(importlib.import_module(package), "MODALITY", None)
        except ImportError as error:
            raise MissingDependencyError(
                f"the plug-in {name} cannot be imported ({error})", action="install what it needs, or remove it"
            ) from error
        if not isinstance(modality, Modality):
            raise MissingDependencyError(
                f"the plug-in {name} is none: {package} holds no MODALITY", action="update or remove it"
            )
        yield modality


def find_modality(name: str) -> Modality:
    """Return one modality by name, or raise ``InputError`` with the names there are."""
    modalities = discover()
    if name not in modalities:
        raise InputError("unknown modality", received=name, allowed=sorted(modalities))
    return modalities[name]


def find_dataset(name: str) -> tuple[Modality, DatasetFactory]:
    """Return a data set's modality and factory by name, ``-`` and ``_`` being the same.

    Raises:
        DatasetError: There is none of that name, or more than one modality offers it.
    """
    wanted = name.lower().replace("-", "_")
    offers = {modality: modality.dataset_names() for modality in discover().values()}
    modality = only_one(name, wanted, offers, DatasetError("unknown data set"))
    return modality, modality.dataset(wanted)


def _attribute(module: str, name: str) -> Any:
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f"{module} cannot be imported ({error})", action="install what it needs, or remove it"
        ) from error
    if not hasattr(found, name):
        raise MissingDependencyError(f"{module} defines no {name}", action="see docs/extending.md")
    return getattr(found, name)
