"""XML of devices, parsed without trusting it: nothing is fetched, nothing is expanded, nothing grows without limit.

The parser is Expat with every way to more than the file itself holds closed: an entity that is declared or missing is
an error, a document type definition may be named but is never opened, and size, depth and number of elements are
bounded. That is stricter than the package ``defusedxml``, which bounds neither depth nor size.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from medclip.core._heads import describe_head
from medclip.core.errors import FormatError

__all__ = ["COPY_AGAIN", "has_root", "parse_xml"]

COPY_AGAIN = "copy the file again from its source"
"""What to do about a file that is damaged."""

_MAXIMUM_BYTES = 32 << 20  # a quarter of an hour of 12 leads at 500 Hz; devices write less than 1 MB
_MAXIMUM_ELEMENTS = 100_000  # those of devices hold up to some thousands
_MAXIMUM_ATTRIBUTES = 400_000
_MAXIMUM_DEPTH = 100
_MAXIMUM_TAG_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 16
_EXPORT_AGAIN = "export the recording again from its device"

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNMARKED = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?\sencoding\s*=\s*[\"']([A-Za-z][\w.-]{0,30})[\"']")
# Those in which a "<" is the byte 3C; Python knows others, some of which are no character sets but programs.
_ENCODINGS = re.compile(
    r"utf-?8|(us-)?ascii|iso[-_]?8859[-_]\d{1,2}|latin-?\d|(windows|cp|ibm)-?\d{3,4}|gb2312|gbk|gb18030|big5|"
    r"shift[-_]jis|euc[-_](jp|kr)|koi8[-_][ru]|(x-)?mac[-_]?\w{0,10}"
)
_WIDE = re.compile(r"utf-?16\w*|utf-16[-_]?[lb]e|ucs-?2|unicode")
_BEFORE_ROOT = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(\[.*?\]\s*)?>", re.DOTALL)
_START_TAG = re.compile(r"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)(?=[\s/>])")


def has_root(head: bytes, name: str) -> bool:
    """Tell whether a file that begins with ``head`` is XML with a root element of that name, namespaces apart."""
    encoding, n_mark = _encoding_of(head)
    if encoding is None:
        return False
    text, start = head[n_mark:].decode(encoding, "ignore"), 0
    while found := _BEFORE_ROOT.match(text, start):
        start = found.end()
    root = _START_TAG.match(text, start)
    return bool(root and root[1] == name)


def parse_xml(path: Path, *, root: str) -> Element:
    """Parse a file; tags and attributes are called by their names without a namespace.

    Args:
        path: The file, in any encoding.
        root: Name that the root element must have.

    Raises:
        FormatError: The file cannot be read, is no XML with this root, is damaged, is not in its encoding, or is built
            to do harm. No word of the file is quoted.
    """
    content = _content_of(path)
    encoding = _checked_encoding(content, path)
    tree = _Tree(path)
    parser = _parser(tree)
    n_bytes = 0
    try:
        for chunk, is_last in _recoded(content, encoding, path):
            parser.Parse(chunk, is_last)
            n_bytes += len(chunk)
            if n_bytes - parser.CurrentByteIndex > _MAXIMUM_TAG_BYTES + _CHUNK_BYTES:
                tree.refuse(
                    "holds a tag or a comment longer than any recording's", f"more than {_MAXIMUM_TAG_BYTES} bytes"
                )
    except expat.ExpatError as error:
        raise FormatError(
            f"{path} is truncated or damaged XML",
            received=f"{expat.ErrorString(error.code)} in line {error.lineno}",
            action=COPY_AGAIN,
        ) from error
    found = tree.close()
    if found.tag != root:
        raise FormatError(f"{path} is XML of another kind", allowed=f"the root element {root}")
    return found


class _Tree:
    """Builds the tree from what the parser reports, within bounds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._builder = TreeBuilder()
        self._depth = self._n_elements = self._n_attributes = 0
        self.data = self._builder.data

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._n_elements += 1
        self._n_attributes += len(attributes)
        if self._depth > _MAXIMUM_DEPTH:
            self.refuse("is nested deeper than any recording", f"more than {_MAXIMUM_DEPTH} levels")
        if self._n_elements > _MAXIMUM_ELEMENTS or self._n_attributes > _MAXIMUM_ATTRIBUTES:
            self.refuse("holds more elements than any recording", f"more than {_MAXIMUM_ELEMENTS}")
        self._builder.start(_local(tag), {_local(name): value for name, value in attributes.items()})

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._builder.end(_local(tag))

    def close(self) -> Element:
        return self._builder.close()

    def refuse_entity(self, *_: object) -> NoReturn:
        self.refuse("declares or needs entities of its own, which are never expanded", "an entity")

    def refuse(self, what: str, received: str) -> NoReturn:
        raise FormatError(f"{self._path} {what}", received=received, action=_EXPORT_AGAIN)


def _parser(tree: _Tree) -> expat.XMLParserType:
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = tree.start, tree.end
    parser.CharacterDataHandler = tree.data
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.EntityDeclHandler = tree.refuse_entity
    parser.ExternalEntityRefHandler = tree.refuse_entity
    # A reference to an entity of a definition that is not opened would otherwise be left out without a word.
    parser.SkippedEntityHandler = tree.refuse_entity
    return parser


def _content_of(path: Path) -> bytes:
    try:
        n_bytes = path.stat().st_size
        if n_bytes > _MAXIMUM_BYTES:
            raise FormatError(
                f"{path} is too large for a recording in XML",
                received=f"{n_bytes} bytes",
                allowed=f"up to {_MAXIMUM_BYTES} bytes",
            )
        return path.read_bytes()
    except OSError as error:
        raise FormatError(
            f"{path} cannot be read ({error.strerror})", action="check the path and its rights"
        ) from error


def _checked_encoding(content: bytes, path: Path) -> str:
    head = content[:4096]
    encoding, n_mark = _encoding_of(head)
    beginning = head[n_mark:].decode(encoding or "ascii", "ignore").lstrip()
    if not beginning.startswith("<"):
        received = describe_head(content) if content else "0 bytes"
        raise FormatError(f"{path} is no XML file", received=received, action=COPY_AGAIN)
    if encoding is None:
        raise FormatError(
            f"{path} declares a character encoding that is not supported",
            allowed="UTF-8, UTF-16, ISO 8859, Windows, GB, Big5, Shift JIS, EUC or KOI8 code pages",
            action=_EXPORT_AGAIN,
        )
    return encoding


def _encoding_of(head: bytes) -> tuple[str | None, int]:
    """Return a file's encoding, None if it declares an unknown one, and the length of its byte order mark."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name, len(mark)
    for beginning, name in _UNMARKED:
        if head.startswith(beginning):
            return name, 0
    declared = _DECLARED.match(head.lstrip())
    name = declared[1].decode("ascii").lower() if declared else "utf-8"
    # Text that was converted often keeps the declaration of a wide encoding that it is plainly no longer in.
    if _WIDE.fullmatch(name):
        return "utf-8", 0
    try:
        return (codecs.lookup(name).name if _ENCODINGS.fullmatch(name) else None), 0
    except LookupError:
        return None, 0


def _recoded(content: bytes, encoding: str, path: Path) -> Iterator[tuple[bytes, bool]]:
    """Give the content in UTF-8, a piece at a time, and whether a piece is the last one."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    n_mark = _encoding_of(content[:4096])[1]
    try:
        for start in range(n_mark, len(content), _CHUNK_BYTES):
            is_last = start + _CHUNK_BYTES >= len(content)
            yield decoder.decode(content[start : start + _CHUNK_BYTES], is_last).encode("utf-8"), is_last
    except UnicodeError as error:
        raise FormatError(
            f"the text of {path} is not in the encoding that it declares",
            received=f"bytes that are no {encoding}",
            action="export the recording again; guessing the encoding could turn a statement into another",
        ) from error


def _local(name: str) -> str:
    return name.rpartition(":")[2]
