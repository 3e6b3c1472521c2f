"""A source of clinical knowledge: where its concepts come from, and how its reader is found.

A reader is a module of ``medclip/knowledge/sources`` with ``READER = Reader(...)``. It recognises its files by their
content, packed by gzip, zstd or xz or not, and yields concepts one after another.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from medclip.core.errors import KnowledgeError
from medclip.knowledge.concept import Concept, Origin
from medclip.knowledge.sources import __path__ as _FOLDERS
from medclip.knowledge.sources._packed import read_head

__all__ = ["Link", "Reader", "Source", "read_source", "readers"]


@dataclass(frozen=True)
class Link:
    """Two ids of different vocabularies that mean the same, as somebody has published it.

    Args:
        subject: Id, such as ``MONDO:0004981``.
        object: Id, such as ``DOID:0060224``.
    """

    subject: str
    object: str


@dataclass(frozen=True)
class Source:
    """What one file or folder holds.

    Args:
        origin: Name, version and licence. A part of a vocabulary in a file of its own has a hyphen in its name:
            ``hpo-labels`` beside ``hpo``.
        concepts: Read only once, while they are stored.
        links: Read only once, after the concepts.
        digest: Of the files' content; empty if there are none.
        is_supplement: Whether another source holds the same ids with more about them.
        may_have_cycles: Whether a circle of parents is cut, and not an error.
    """

    origin: Origin
    concepts: Iterable[Concept] = ()
    links: Iterable[Link] = ()
    digest: str = ""
    is_supplement: bool = False
    may_have_cycles: bool = False


@dataclass(frozen=True)
class Reader:
    """One published layout.

    Args:
        name: The same as its module.
        description: What a user would call it.
        sniff: ``(path, head) -> bool``; ``head`` is the unpacked beginning, empty for a folder.
        read: Gives the source, or raises ``KnowledgeError``, at once or while its concepts are read.
    """

    name: str
    description: str
    sniff: Callable[[Path, bytes], bool]
    read: Callable[[Path], Source]


@functools.cache
def readers() -> Mapping[str, Reader]:
    """All readers by name."""
    modules = [found.name for found in pkgutil.iter_modules(_FOLDERS) if not found.name.startswith("_")]
    loaded = {name: importlib.import_module(f"medclip.knowledge.sources.{name}") for name in sorted(modules)}
    return MappingProxyType({name: module.READER for name, module in loaded.items() if hasattr(module, "READER")})


def read_source(path: Path) -> Source:
    """Find out what a file or folder is, and open it.

    Raises:
        KnowledgeError: It does not exist, is damaged or of no known layout.
        MissingDependencyError: It is packed in a way that needs a package.
    """
    if not path.exists():
        raise KnowledgeError(f"{path} does not exist", action="check the path")
    head = b"" if path.is_dir() else read_head(path)
    for reader in readers().values():
        if reader.sniff(path, head):
            return reader.read(path)
    raise KnowledgeError(
        f"{path} is no source of knowledge that medclip can read",
        allowed="; ".join(reader.description for reader in readers().values()),
    )
