"""The format of a file or folder, found by its content; and of what is of none, what it is."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from medclip.core._heads import describe_head, read_head, split_record
from medclip.core.archives import DAMAGES, LOOKED_AT, Limits, is_archive, members_of, not_opened
from medclip.core.errors import FormatError
from medclip.core.modality import Format, discover
from medclip.core.wanted import modality_wanted, wanted_modality

__all__ = ["sniff"]

_MOST_TRIED = 50  # files of a folder, to say which of them are recordings


def sniff(path: Path) -> Format:
    """Find the format of a file or folder by its content; ``FILE#RECORD`` names one recording in a file of several.

    Of several kinds in one folder or archive, the one that ``modality_wanted`` names comes first.

    Raises:
        FormatError: The file does not exist, is empty, cannot be read or is of no known format.
    """
    path, record = split_record(path)
    head = read_head(path)
    modalities = discover()
    formats = {modality.title: modality.formats() for modality in modalities.values()}
    known = [form for offered in formats.values() for form in offered.values()]
    # A record that is named is one of those that are counted without a wish.
    with modality_wanted(None) if record else contextlib.nullcontext():
        wanted = modalities.get(wanted_modality() or "")
        first = list(wanted.formats().values()) if wanted else []
        for form in first + known:
            if form.sniff(path, head):
                return form
    if path.is_dir():
        raise _no_recording(path, known)
    if is_archive(head):
        raise _no_archive(path, known)
    raise FormatError(
        f"{path} is of no known format",
        received=describe_head(head),
        allowed=[f"{title} ({', '.join(offered)})" for title, offered in formats.items()],
        action="export the recording again from its device in one of these formats",
    )


def _no_recording(folder: Path, known: Sequence[Format]) -> FormatError:
    """Say what to do with a folder that is not one recording: its files may be some."""
    try:
        files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.stat().st_size]
        heads = [(path, read_head(path)) for path in files[:_MOST_TRIED]]
    except OSError as error:
        return FormatError(f"{folder} cannot be read ({error.strerror})", action="check its rights")
    suffixes = sorted({path.suffix for path, head in heads if any(form.sniff(path, head) for form in known)})
    shown = ", ".join(suffix or "no ending" for suffix in suffixes)
    counted = "1 file" if len(files) == 1 else f"{len(files)} files"
    return FormatError(
        f"{folder} is a folder and not one recording",
        received=counted + (f", recordings among them that end in {shown}" if suffixes else ""),
        action=f"name its files, such as {folder}/*{suffixes[-1]}" if suffixes else "name the file of a recording",
    )


def _no_archive(path: Path, known: Sequence[Format]) -> FormatError:
    """Say what is in an archive, by kind alone: the names in it may be those of patients."""
    try:
        members = list(members_of(path))
        Limits().check_bytes(path, sum(member.n_bytes for member in members), path.stat().st_size)
    except FormatError as error:
        return error
    except (*DAMAGES, RuntimeError) as error:
        return not_opened(path, error)
    kinds = Counter(_kind_of(path, member.head, known) for member in members)
    counted = ", ".join(f"{n} x {kind}" for kind, n in kinds.most_common())
    has_recordings = not kinds.keys().isdisjoint(form.description for form in known)
    return FormatError(
        f"{path} is an archive without an image that can be read",
        received=(f"the first {LOOKED_AT} files: " if len(members) == LOOKED_AT else "") + (counted or "no file"),
        action="unpack it and give its files" if has_recordings else "give the archive or folder with the images",
    )


def _kind_of(path: Path, head: bytes, known: Sequence[Format]) -> str:
    if not head.strip(b"\0"):
        return "file of zeros" if head else "empty file"
    # A member has no file of its own; formats that need more than its beginning do not know it.
    form = next((form for form in known if form.sniff(path / "member", head)), None)
    if form is not None:
        return form.description
    if is_archive(head):
        return "archive"
    return "text" if _is_text(head) else "file of another kind"


def _is_text(head: bytes) -> bool:
    # A character may have been cut at the end.
    text = head.decode("utf-8", errors="ignore")
    return len(text.encode()) >= len(head) - 3 and "\0" not in text
