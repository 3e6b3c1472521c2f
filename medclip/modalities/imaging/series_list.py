"""What a folder or an archive of DICOM files holds: its CT series, and what else was in it."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from medclip.core.errors import FormatError
from medclip.modalities.imaging.archive import unpacked
from medclip.modalities.imaging.dicom_file import is_dicom, open_dicom
from medclip.modalities.imaging.dicom_kind import kind_of
from medclip.modalities.imaging.quick_header import QuickHeader, quick_header
from medclip.modalities.imaging.stack import LEAST_SLICES

__all__ = ["Contents", "Series", "contents_of", "files_under", "is_kernel", "kernel_of", "left_out_kind"]

_TOO_FEW = f"image of a series of fewer than {LEAST_SLICES}"
MOST_FILES = 50_000
"""Most files of a folder that are looked at."""

_CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
_LOCALIZERS = frozenset({"LOCALIZER", "SCOUT", "SURVIEW", "TOPOGRAM", "SCANOGRAM", "REF_SURVIEW"})
_PROJECTIONS = frozenset(
    {"MIP", "MINIP", "MAX_IP", "MIN_IP", "AVERAGE", "PROJECTION IMAGE", "VRT", "SSD", "VOLUME RENDERED", "RENDERED"}
)
_SCREENS = frozenset({"SCREEN SAVE", "DOSE_INFO", "DOSE", "RESULTS"})
# Words of descriptions that may be shown: free text may hold a name.
_PLAIN_WORD = re.compile(
    r"(?<![a-z])(?:abdomen|arterial|axial|body|bone|brain|chest|contrast|cor|coronal|delayed|dose|expiration|head|hrct"
    r"|inspiration|lungs?|mediastinum|native|neck|pelvis|phase|portal|prone|recon|sag|sagittal|sharp|soft|standard"
    r"|supine|thick|thin|thorax|tissue|tra|upper|venous|with|without|\d+(?:\.\d+)? ?mm)(?![a-z])",
    re.IGNORECASE,
)
_KERNEL = re.compile(
    r"[A-Z][a-z]?\d{2}[a-z]?(?:\\?\d)?|[A-D]|FC\d{2}|LUNG|STANDARD|SOFT|BONE|BONEPLUS|DETAIL|CHEST|EDGE"
)


@dataclass(frozen=True, eq=False)
class Series:
    """The images of one series, in the order in which they were found.

    Args:
        headers: One per file.
        number: Its number in the study, None if it has none.
    """

    headers: tuple[QuickHeader, ...]
    number: float | None

    @property
    def n_images(self) -> int:
        """Number of images, the frames of multi-frame files counted singly."""
        return sum(int(header.number("NumberOfFrames", 1.0)) for header in self.headers)

    @property
    def description(self) -> str:
        """Size, thickness, kernel and those words of its description that name no one."""
        first = self.headers[0]
        words = [word.lower() for word in _PLAIN_WORD.findall(first.text("SeriesDescription"))]
        thickness = [f"{value:g} mm thick" for value in first.numbers("SliceThickness")[:1]]
        kernels = [f"kernel {kernel_of(first)}"] if is_kernel(kernel_of(first)) else []
        size = f"{self.n_images} images of {first.number('Rows', 0):.0f} x {first.number('Columns', 0):.0f}"
        return ", ".join([size, *thickness, *kernels, *([f'"{" ".join(words)}"'] if words else [])])


@dataclass(frozen=True, eq=False)
class Contents:
    """What a folder or an archive holds.

    Args:
        series: CT series that may be volumes, by their number in the study.
        left_out: How many of what else there was.
        damaged: Names of DICOM files that cannot be read, with the reason.
    """

    series: tuple[Series, ...]
    left_out: Mapping[str, int]
    damaged: Mapping[str, str]

    @property
    def left_out_words(self) -> str:
        """What else there was as one line without anybody's name; empty if there was nothing."""
        return ", ".join(f"{count} x {kind}" for kind, count in sorted(self.left_out.items()))


def kernel_of(header: QuickHeader) -> str:
    """Return the reconstruction kernel, the first where several values are given."""
    return next(iter(header.texts("ConvolutionKernel")), "")


def is_kernel(text: str) -> bool:
    """Tell whether a text is one of the codes that manufacturers give kernels, and no free text."""
    return _KERNEL.fullmatch(text) is not None


@contextlib.contextmanager
def contents_of(path: Path) -> Iterator[Contents]:
    """List what a folder, an archive or a single file holds; an archive is unpacked as long as the context lasts.

    Raises:
        FormatError: It cannot be opened, or holds more than is looked at.
    """
    if path.is_dir():
        yield _listed(files_under(path), Counter())
        return
    with path.open("rb") as file:
        is_single = is_dicom(file.read(_HEAD_BYTES))
    if is_single:
        yield _listed([path], Counter())
        return
    with unpacked(path) as found:
        left_out = Counter({"file that is not DICOM": found.n_others, "link": found.n_links})
        try:
            yield _listed(found.files, left_out)
        except FormatError as error:
            raise _without_folders(error, found.files) from error


def _without_folders(error: FormatError, files: Iterable[Path]) -> FormatError:
    """Name members of an archive by their own names: where they were unpacked helps nobody."""
    what = error.what
    for path in files:
        what = what.replace(str(path), path.name)
    return FormatError(what, received=error.received, allowed=error.allowed, action=error.action)


_HEAD_BYTES = 4096


def files_under(folder: Path) -> Iterator[Path]:
    """Return the files of a folder and the folders in it, in order; hidden ones and linked folders are passed over.

    Raises:
        FormatError: There are more than are looked at, or a folder cannot be read.
    """
    n_files = 0
    for place, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.startswith("."):
                continue
            n_files += 1
            if n_files > MOST_FILES:
                raise FormatError(
                    f"{folder} holds too many files for one study",
                    allowed=f"up to {MOST_FILES}",
                    action="give the folder of one study or series",
                )
            yield Path(place) / name


def _refuse(error: OSError) -> None:
    raise FormatError("a folder cannot be read", received=error.strerror, action="check its rights") from error


def _listed(files: Iterable[Path], left_out: Counter[str]) -> Contents:
    groups: dict[str, list[QuickHeader]] = defaultdict(list)
    damaged: dict[str, str] = {}
    for path in files:
        try:
            header = quick_header(path) if _is_dicom_file(path) else None
            kind = "file that is not DICOM" if header is None else left_out_kind(header)
        except FormatError as error:
            damaged[path.name] = error.what.replace(str(path), path.name)
            continue
        if header is None or kind:
            left_out[kind] += kind != "DICOMDIR"
        else:
            # Converted series may lack every identifier; then the folder is what holds them together.
            groups[header.text("SeriesInstanceUID") or f"in {path.parent}"].append(header)
    series = [Series(tuple(headers), _number_of(headers[0])) for _, headers in sorted(groups.items())]
    series.sort(key=lambda one: (one.number is None, one.number or 0.0))
    volumes = [one for one in series if one.n_images >= LEAST_SLICES]
    if volumes:
        # Such as the pictures by which the arrival of contrast is watched.
        left_out[_TOO_FEW] += sum(one.n_images for one in series) - sum(one.n_images for one in volumes)
    return Contents(tuple(volumes or series), {kind: n for kind, n in left_out.items() if n}, damaged)


def _number_of(header: QuickHeader) -> float | None:
    return next(iter(header.numbers("SeriesNumber")), None)


def _is_dicom_file(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_dicom(file.read(_HEAD_BYTES))
    except OSError as error:
        raise FormatError(f"{path.name} cannot be read ({error.strerror})", action="check its rights") from error


def left_out_kind(header: QuickHeader) -> str:
    """Say what a file is that is no image of a CT volume; empty for one that is.

    Raises:
        FormatError: What it is cannot be decoded.
    """
    sop_class, modality = header.text("SOPClassUID"), header.text("Modality").upper()
    # Anonymised images lack the class of object at times.
    is_ct = sop_class in (_CT_CLASS, f"{_CT_CLASS}.1", f"{_CT_CLASS}.2") or (not sop_class and modality == "CT")
    if not is_ct:
        kind = kind_of(open_dicom(header.path).header, header.path).description
        return re.sub(r"^an? | \(.*?\)", "", kind).split(",")[0]
    words = {word.upper() for word in header.texts("ImageType")}
    if words & _LOCALIZERS:
        return "localizer"
    if words & _SCREENS:
        return "dose report"
    if words & _PROJECTIONS:
        return "projection or rendering of a volume"
    if header.number("SamplesPerPixel", 1.0) != 1:
        return "colour picture"
    return "" if header.has_pixels else "CT header without an image"
