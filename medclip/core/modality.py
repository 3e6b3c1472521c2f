"""A kind of data, and how medclip finds all of them.

A modality is a folder below ``medclip/modalities`` (or a package that an installed distribution names under the entry
point group ``medclip.modalities``) whose ``__init__`` holds ``MODALITY = Modality(...)``. What it offers is found by
scanning its sub-folders, so that adding a format, a data set, a label set or a prompt set is adding one file:

- ``formats/NAME.py`` with ``FORMAT = Format(...)``
- ``datasets/NAME.py`` with ``DATASET = DatasetFactory(...)``
- ``labels/NAME.csv``, ``prompts/NAME.json``, ``glossary/LANGUAGE.tsv``
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medclip.core.errors import DatasetError, FormatError, InputError, LabelError, MissingDependencyError, PromptError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from medclip.core.dataset import Dataset
    from medclip.core.input_spec import InputSpec
    from medclip.core.sample import Sample

__all__ = [
    "DatasetFactory",
    "Format",
    "Modality",
    "QualityIssue",
    "discover",
    "find_dataset",
    "find_label_set_file",
    "find_modality",
    "find_prompt_set_file",
    "sniff",
]

_HEAD_BYTES = 4096
_ENTRY_POINT_GROUP = "medclip.modalities"


@dataclass(frozen=True)
class Format:
    """One file format of a modality.

    Args:
        name: Short name, the same as its module.
        description: What a user would call it, e.g. "WFDB record (.hea with .dat or .mat)".
        sniff: ``(path, head) -> bool`` where ``head`` is the first 4096 bytes; decides by content and never raises.
        read: Reads the file into a sample or raises ``FormatError``.
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
    """

    name: str
    title: str
    package: str
    default_input_spec: Callable[[], InputSpec]
    plot: Callable[..., Figure]
    quality: Callable[[Sample], tuple[QualityIssue, ...]]

    @property
    def folder(self) -> Path:
        """Where the modality's data files lie."""
        return Path(str(importlib.import_module(self.package).__file__)).parent

    def formats(self) -> Mapping[str, Format]:
        """All formats by name, found by scanning ``formats/``."""
        return {name: _attribute(f"{self.package}.formats.{name}", "FORMAT") for name in self._modules("formats")}

    def dataset_names(self) -> tuple[str, ...]:
        """Names of all data sets, found by scanning ``datasets/`` without importing them."""
        return tuple(self._modules("datasets"))

    def dataset(self, name: str) -> DatasetFactory:
        """One data set's factory; only its own module is imported."""
        factory: DatasetFactory = _attribute(f"{self.package}.datasets.{name}", "DATASET")
        return factory

    def label_set_files(self) -> Mapping[str, Path]:
        """Label set files by name."""
        return _files(self.folder / "labels", ".csv")

    def prompt_set_files(self) -> Mapping[str, Path]:
        """Shipped prompt set files by name."""
        return _files(self.folder / "prompts", ".json")

    def glossary_files(self) -> Mapping[str, Path]:
        """Glossaries for reports, by language code."""
        return _files(self.folder / "glossary", ".tsv")

    def _modules(self, folder: str) -> list[str]:
        path = self.folder / folder
        return sorted(found.name for found in pkgutil.iter_modules([str(path)]) if not found.name.startswith("_"))


@functools.cache
def discover() -> Mapping[str, Modality]:
    """Find every modality, medclip's own and those of installed plug-ins, by name.

    Raises:
        InputError: Two packages offer the same name.
    """
    import medclip.modalities as own

    packages = [f"{own.__name__}.{found.name}" for found in pkgutil.iter_modules(own.__path__) if found.ispkg]
    packages += [entry.value for entry in entry_points(group=_ENTRY_POINT_GROUP)]
    found_modalities: dict[str, Modality] = {}
    for package in packages:
        modality = getattr(importlib.import_module(package), "MODALITY", None)
        if modality is None:
            continue
        if modality.name in found_modalities:
            other = found_modalities[modality.name].package
            raise InputError(f"two packages offer the modality {modality.name}", received=[other, package])
        found_modalities[modality.name] = modality
    return found_modalities


def find_modality(name: str) -> Modality:
    """Return one modality by name, or raise ``InputError`` with the names there are."""
    modalities = discover()
    if name not in modalities:
        raise InputError("unknown modality", received=name, allowed=sorted(modalities))
    return modalities[name]


def sniff(path: Path) -> Format:
    """Find the format of a file by its content.

    Raises:
        FormatError: The file does not exist, is empty, cannot be read or is of no known format.
    """
    head = _read_head(path)
    known = [form for modality in discover().values() for form in modality.formats().values()]
    for form in known:
        if form.sniff(path, head):
            return form
    raise FormatError(
        f"{path} is of no known format",
        received=_describe_head(head),
        allowed=[form.description for form in known],
        action="export the recording again from its device in one of these formats",
    )


def find_dataset(name: str) -> tuple[Modality, DatasetFactory]:
    """Return a data set's modality and factory by name, ``-`` and ``_`` being the same; or raise ``DatasetError``."""
    wanted = name.lower().replace("-", "_")
    for modality in discover().values():
        if wanted in modality.dataset_names():
            return modality, modality.dataset(wanted)
    known = sorted(found for modality in discover().values() for found in modality.dataset_names())
    raise DatasetError("unknown data set", received=name, allowed=known)


def find_label_set_file(name: str) -> tuple[Modality, Path]:
    """Return the file of a label set and its modality, or raise ``LabelError`` with the names there are."""
    return _find_file(name, Modality.label_set_files, LabelError("unknown label set", received=name))


def find_prompt_set_file(name: str) -> tuple[Modality, Path]:
    """Return the file of a shipped prompt set and its modality, or raise ``PromptError`` with the names there are."""
    return _find_file(name, Modality.prompt_set_files, PromptError("unknown prompt set", received=name))


def _find_file(
    name: str, files: Callable[[Modality], Mapping[str, Path]], missing: InputError
) -> tuple[Modality, Path]:
    known: list[str] = []
    for modality in discover().values():
        available = files(modality)
        if name in available:
            return modality, available[name]
        known += available
    raise type(missing)(missing.what, received=missing.received, allowed=sorted(known))


def _attribute(module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(module), name)
    except AttributeError as error:
        raise MissingDependencyError(f"{module} defines no {name}", action="see docs/extending.md") from error


def _files(folder: Path, suffix: str) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob(f"*{suffix}"))}


def _read_head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError as error:
        raise FormatError(f"{path} does not exist", action="check the path") from error
    except OSError as error:
        raise FormatError(
            f"{path} cannot be read ({error.strerror})", action="check the path and its rights"
        ) from error
    if not head:
        raise FormatError(f"{path} is empty", received="0 bytes", action="copy the file again from its source")
    return head


def _describe_head(head: bytes) -> str:
    shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in head[:8])
    return f"a file that begins with {head[:8].hex(' ')} ({shown})"
