"""Label sets, prompt sets and benchmarks by name: the files of every modality, be it readable yet or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from medclip.core._offers import files_by_stem, only_one
from medclip.core.errors import ConfigError, InputError, LabelError, PromptError
from medclip.core.modality import discover, own_packages

__all__ = [
    "benchmark_names",
    "find_benchmark_file",
    "find_label_set_file",
    "find_prompt_set_file",
    "label_set_names",
    "prompt_set_names",
]


def label_set_names() -> tuple[str, ...]:
    """Names of all label sets, modality by modality."""
    return tuple(name for files in _offers("labels", ".csv").values() for name in files)


def prompt_set_names() -> tuple[str, ...]:
    """Names of all shipped prompt sets, modality by modality."""
    return tuple(name for files in _offers("prompts", ".json").values() for name in files)


def benchmark_names() -> tuple[str, ...]:
    """Names of all shipped benchmarks, modality by modality."""
    return tuple(name for files in _offers("benchmarks", ".json").values() for name in files)


def find_benchmark_file(name: str) -> tuple[str, Path]:
    """Return the name of a benchmark's modality and its file, or raise ``ConfigError`` with the names there are."""
    return _find_file(name, _offers("benchmarks", ".json"), ConfigError("unknown benchmark"))


def find_label_set_file(name: str) -> tuple[str, Path]:
    """Return the name of a label set's modality and its file, or raise ``LabelError`` with the names there are."""
    return _find_file(name, _offers("labels", ".csv"), LabelError("unknown label set"))


def find_prompt_set_file(name: str) -> tuple[str, Path]:
    """Return the name of a prompt set's modality and its file, or raise ``PromptError`` with the names there are."""
    return _find_file(name, _offers("prompts", ".json"), PromptError("unknown prompt set"))


class _Package(NamedTuple):
    """A folder with files for a modality, which need not be readable yet."""

    name: str
    package: str
    folder: Path


def _offers(folder: str, suffix: str) -> dict[_Package, dict[str, Path]]:
    return {package: files_by_stem(package.folder / folder, suffix) for package in _packages()}


def _packages() -> Iterator[_Package]:
    """Every folder of medclip's own, then those of plug-ins."""
    own = own_packages()
    yield from (_Package(folder.name, package, folder) for package, folder in own.items())
    for modality in discover().values():
        if modality.package not in own:
            yield _Package(modality.name, modality.package, modality.folder)


def _find_file(name: str, offers: Mapping[_Package, Mapping[str, Path]], unknown: InputError) -> tuple[str, Path]:
    package = only_one(name, name, offers, unknown)
    return package.name, offers[package][name]
