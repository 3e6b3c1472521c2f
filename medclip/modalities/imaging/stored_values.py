"""Stored values of a DICOM picture: decoded, freed of what other bits hold, and of the sign that they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medclip.core.errors import FormatError, MissingDependencyError
from medclip.modalities.imaging.codestream import Codestream, codestream_of
from medclip.modalities.imaging.header_values import decoding, number_of, text_of

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset
    from pydicom.pixels.decoders.base import Decoder

    from medclip.modalities.imaging.dicom_file import DicomFile

__all__ = ["PixelFormat", "StoredValues", "pixel_format_of", "stored_values"]

_MAXIMUM_BYTES = 4 << 30
_COPY_AGAIN = "copy the file again from its source"
_EXPORT_AGAIN = "export the file again from its source"
_IMAGING_EXTRA = "run pip install 'medclip-toolkit[imaging]'"

_JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
_JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
_JPEG_2000_HIGH_THROUGHPUT = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (201, 202, 203))
_RLE = "1.2.840.10008.1.2.5"
# The last marker of JPEG, JPEG-LS and JPEG 2000, and what may follow it up to an even length.
_END_OF_PICTURE, _FILLING = b"\xff\xd9", b"\x00\xff"
# pydicom's plug-ins in the order in which they are tried, and the package that brings the first. pylibjpeg can decode
# JPEG through a library under the GPL; it is left out there.
# Pillow before GDCM for baseline JPEG: of damaged ones GDCM ends the whole process.
_PLUGINS: Mapping[str, tuple[tuple[str, ...], str]] = {
    **dict.fromkeys((f"1.2.840.10008.1.2.4.{number}" for number in (50, 51)), (("pillow", "gdcm"), "Pillow")),
    **dict.fromkeys((f"1.2.840.10008.1.2.4.{number}" for number in (57, 70)), (("gdcm",), "python-gdcm")),
    **dict.fromkeys((f"1.2.840.10008.1.2.4.{number}" for number in (80, 81)), (("pyjpegls", "gdcm"), "pyjpegls")),
    **dict.fromkeys(_JPEG_2000, (("pylibjpeg", "gdcm", "pillow"), "pylibjpeg-openjpeg")),
    **dict.fromkeys(_JPEG_2000_HIGH_THROUGHPUT, (("pylibjpeg",), "pylibjpeg-openjpeg")),
    _RLE: (("pylibjpeg", "pydicom"), "pylibjpeg-rle"),
}


@dataclass(frozen=True)
class PixelFormat:
    """How the values of a picture are stored, as the header says.

    Args:
        rows: Height in pixels.
        columns: Width in pixels.
        n_frames: Pictures in the file.
        n_samples: 1 for grey and palettes, 3 for colour.
        bits_allocated: Bits that one value takes.
        bits_stored: Bits of them that hold the value.
        high_bit: Number of the highest of these, counted from 0.
        is_signed: True for two's complement.
        photometric: Photometric interpretation, such as ``MONOCHROME2``.
    """

    rows: int
    columns: int
    n_frames: int
    n_samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    photometric: str

    @property
    def lowest(self) -> int:
        """Lowest value that can be stored."""
        return -(1 << (self.bits_stored - 1)) if self.is_signed else 0

    @property
    def highest(self) -> int:
        """Highest value that can be stored."""
        return (1 << (self.bits_stored - self.is_signed)) - 1


@dataclass(frozen=True, eq=False)
class StoredValues:
    """Decoded pictures before any rescaling.

    Args:
        array: Whole numbers ``(n_frames, rows, columns)``, with a last axis of red, green and blue for colour.
        form: How they are stored, mended where the compressed picture says otherwise.
        notes: What was mended, for the reader of the result.
    """

    array: np.ndarray
    form: PixelFormat
    notes: tuple[str, ...] = ()


def pixel_format_of(file: DicomFile) -> PixelFormat:
    """Return how a file's pictures are stored; nothing is decoded.

    Raises:
        FormatError: The header does not say so, contradicts itself, or announces more than fits in memory.
    """
    header, path = file.header, file.path

    def whole(keyword: str, default: float | None = None) -> int:
        value = number_of(header, keyword, path, default=default)
        if value != int(value) or value < 0:
            raise FormatError(f"the {keyword} in {path} is no count", received=value, action=_EXPORT_AGAIN)
        return int(value)

    bits_allocated = whole("BitsAllocated")
    bits_stored = whole("BitsStored", bits_allocated)
    form = PixelFormat(
        rows=whole("Rows"),
        columns=whole("Columns"),
        n_frames=max(1, whole("NumberOfFrames", 1)),
        n_samples=whole("SamplesPerPixel", 1),
        bits_allocated=bits_allocated,
        bits_stored=bits_stored,
        high_bit=whole("HighBit", bits_stored - 1),
        is_signed=bool(whole("PixelRepresentation", 0)),
        photometric=text_of(header, "PhotometricInterpretation", path).upper(),
    )
    _check_format(form, path)
    return form


def stored_values(file: DicomFile, frames: range | None = None) -> StoredValues:
    """Decode the stored values of a DICOM file.

    Args:
        file: The file.
        frames: Which of its pictures; None for all.

    Raises:
        FormatError: There are none, they are fewer than announced, damaged, or coded in an unknown way.
        MissingDependencyError: The package that decodes this compression is not installed.
    """
    form = pixel_format_of(file)
    wanted = range(form.n_frames) if frames is None else frames
    dataset = file.with_pixels()
    if not _is_encapsulated(file):
        _check_length(len(dataset[_pixel_keyword(dataset)].value), form, file.path)
        array = _decoded(dataset, file, wanted, {"correct_unused_bits": False})
        return StoredValues(_without_other_bits(array, form), form)
    if file.transfer_syntax == _RLE:
        array = _decoded(dataset, file, wanted, {"correct_unused_bits": False})
        return StoredValues(_without_other_bits(array, form), form)
    return _decompressed(dataset, file, form, wanted)


def _check_format(form: PixelFormat, path: Path) -> None:
    if not (form.rows and form.columns):
        raise FormatError(f"{path} holds a picture without pixels", received=f"{form.rows} x {form.columns}")
    if form.bits_allocated not in (1, 8, 16, 32) or not 1 <= form.bits_stored <= form.bits_allocated:
        raise FormatError(
            f"the values in {path} are stored in a way that is not read",
            received=f"{form.bits_stored} of {form.bits_allocated} bits",
            allowed="1, 8, 16 or 32 bits",
            action=_EXPORT_AGAIN,
        )
    if not form.bits_stored - 1 <= form.high_bit < form.bits_allocated:
        raise FormatError(
            f"the bits of the values in {path} contradict each other",
            received=f"{form.bits_stored} bits of which bit {form.high_bit} is the highest",
            action=_EXPORT_AGAIN,
        )
    if form.n_samples not in (1, 3):
        raise FormatError(f"{path} holds pictures of an unknown kind", received=f"{form.n_samples} values a pixel")
    n_bytes = form.rows * form.columns * form.n_frames * form.n_samples * max(1, form.bits_allocated // 8)
    if n_bytes > _MAXIMUM_BYTES:
        raise FormatError(
            f"{path} announces more pixels than fit in memory",
            received=f"{form.n_frames} of {form.rows} x {form.columns} pixels",
            allowed=f"up to {_MAXIMUM_BYTES} bytes",
        )


def _is_encapsulated(file: DicomFile) -> bool:
    from pydicom.uid import UID

    try:
        return bool(UID(file.transfer_syntax).is_encapsulated)
    except ValueError as error:
        raise FormatError(
            f"{file.path} is coded in a way that is not read",
            received="an unknown transfer syntax",
            action=_EXPORT_AGAIN,
        ) from error


def _pixel_keyword(dataset: FileDataset) -> str:
    keywords = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
    return next(keyword for keyword in keywords if keyword in dataset)


def _check_length(n_bytes: int, form: PixelFormat, path: Path) -> None:
    n_values = form.rows * form.columns * form.n_frames * form.n_samples
    # Colour of which two pixels share their chroma takes two thirds.
    share = 2 / 3 if form.photometric == "YBR_FULL_422" else 1.0
    needed = int(n_values * form.bits_allocated * share + 7) // 8
    if n_bytes < needed:
        raise FormatError(
            f"{path} holds fewer pixels than its header says",
            received=f"{n_bytes} bytes",
            allowed=f"{needed} bytes for {form.n_frames} x {form.rows} x {form.columns} pixels",
            action=_COPY_AGAIN,
        )


def _decoder_of(file: DicomFile) -> tuple[Decoder, str]:
    """Return the decoder of a file's coding and the plug-in that it is to use, empty for none."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    name = UID(file.transfer_syntax).name
    plugins, package = _PLUGINS.get(file.transfer_syntax, ((), ""))
    try:
        decoder = get_decoder(UID(file.transfer_syntax))
    except NotImplementedError as error:
        raise FormatError(
            f"{file.path} is coded in a way that is not read",
            received=name,
            action="export the file again without compression",
        ) from error
    if not plugins:
        return decoder, ""
    for plugin in plugins:
        if plugin in decoder.available_plugins:
            return decoder, plugin
    raise MissingDependencyError(
        f"{file.path} is compressed as {name}, which needs the package {package}", action=_IMAGING_EXTRA
    )


def _decoded(dataset: FileDataset, file: DicomFile, frames: range, options: Mapping[str, Any]) -> np.ndarray:
    """Decode pictures with pydicom; those of three values a pixel as red, green and blue."""
    is_grey = dataset.get("SamplesPerPixel", 1) == 1
    decoder, plugin = _decoder_of(file)
    with decoding(file.path, "its pixel data"):
        pictures = [
            decoder.as_array(dataset, index=frame, raw=is_grey, decoding_plugin=plugin, **options)[0]
            for frame in frames
        ]
    # Most files hold one picture, which need not be copied.
    return np.stack(pictures) if len(pictures) > 1 else pictures[0][np.newaxis]


def _without_other_bits(array: np.ndarray, form: PixelFormat) -> np.ndarray:
    """Shift the value to the top and back, so that overlays in other bits are gone and its sign is right."""
    if form.bits_stored == form.bits_allocated or form.bits_allocated == 1:
        return array
    bits = 8 * array.dtype.itemsize
    signed = array.view(array.dtype.str.replace("u", "i") if form.is_signed else array.dtype.str.replace("i", "u"))
    shifted = signed << (bits - 1 - form.high_bit)
    shifted >>= bits - form.bits_stored
    return np.asarray(shifted)


def _decompressed(dataset: FileDataset, file: DicomFile, form: PixelFormat, frames: range) -> StoredValues:
    """Decode compressed pictures; their own head decides about bits and sign where the header disagrees."""
    from pydicom.encaps import get_frame

    with decoding(file.path, "its compressed pictures"):
        pictures = [get_frame(dataset.PixelData, frame, number_of_frames=form.n_frames) for frame in frames]
    if not all(picture.rstrip(_FILLING).endswith(_END_OF_PICTURE) for picture in pictures):
        raise FormatError(f"{file.path} is truncated: a compressed picture in it has no end", action=_COPY_AGAIN)
    stream = codestream_of(pictures[0])
    if stream is None:
        raise FormatError(
            f"{file.path} is damaged: its compressed picture is none of the coding that it states", action=_COPY_AGAIN
        )
    _check_stream(stream, form, file.path)
    if file.transfer_syntax == _JPEG_EXTENDED and stream.bits > 8:
        array = np.stack([_extended_jpeg(dataset, file, form, stream, frame) for frame in frames])
        return StoredValues(array, form)
    mended, notes = _agreed(stream, form)
    is_jpeg_2000 = stream.is_signed is not None
    options = {"correct_unused_bits": False, "apply_j2k_sign_correction": False} if is_jpeg_2000 else {}
    array = _decoded(dataset, file, frames, options)
    return StoredValues(_of_sign(array, stream.bits, mended) if is_jpeg_2000 else array, mended, notes)


def _check_stream(stream: Codestream, form: PixelFormat, path: Path) -> None:
    stated = (form.rows, form.columns, form.n_samples)
    if (stream.rows, stream.columns, stream.n_components) != stated:
        raise FormatError(
            f"the compressed picture in {path} is not the one that its header announces",
            received=f"{stream.rows} x {stream.columns} pixels of {stream.n_components} values",
            allowed=f"{form.rows} x {form.columns} pixels of {form.n_samples} values",
            action=_EXPORT_AGAIN,
        )


def _agreed(stream: Codestream, form: PixelFormat) -> tuple[PixelFormat, tuple[str, ...]]:
    """Return bits and sign by which decoded values are understood, and a note where stream and header disagree.

    Values are signed if either says so: writers forget the sign on one of the two sides, and none invents it.
    """
    from dataclasses import replace

    if stream.is_signed is None:
        return form, ()
    notes = []
    is_signed = form.is_signed or stream.is_signed
    if stream.is_signed != form.is_signed:
        words = {True: "signed", False: "unsigned"}
        notes.append(
            f"the compressed picture is {words[stream.is_signed]} and the header says {words[form.is_signed]}; "
            "its values were taken as signed"
        )
    bits_stored = max(stream.bits, form.bits_stored) if stream.is_signed == form.is_signed else stream.bits
    return replace(form, is_signed=is_signed, bits_stored=bits_stored, high_bit=bits_stored - 1), tuple(notes)


def _of_sign(array: np.ndarray, bits: int, form: PixelFormat) -> np.ndarray:
    """Understand decoded values as signed or unsigned numbers of so many bits."""
    kind = "i" if form.is_signed else "u"
    values = array.view(f"{kind}{array.dtype.itemsize}")
    unused = 8 * array.dtype.itemsize - bits
    return (values << unused) >> unused if unused else values


def _extended_jpeg(
    dataset: FileDataset, file: DicomFile, form: PixelFormat, stream: Codestream, frame: int
) -> np.ndarray:
    """Decode one 12-bit JPEG, which pydicom hands to none of its plug-ins, with GDCM."""
    try:
        import gdcm
    except ImportError as error:
        raise MissingDependencyError(
            f"{file.path} is compressed as 12-bit JPEG, which needs the package python-gdcm", action=_IMAGING_EXTRA
        ) from error
    from pydicom.encaps import get_frame

    with decoding(file.path, "its compressed pictures"):
        fragment = gdcm.Fragment()
        fragment.SetByteStringValue(get_frame(dataset.PixelData, frame, number_of_frames=form.n_frames))
        fragments = gdcm.SequenceOfFragments.New()
        fragments.AddFragment(fragment)
        element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
        element.SetValue(fragments.__ref__())
        image = gdcm.Image()
        image.SetNumberOfDimensions(2)
        image.SetDimensions((stream.columns, stream.rows, 1))
        image.SetDataElement(element)
        image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2))
        image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(file.transfer_syntax)))
        image.SetPixelFormat(gdcm.PixelFormat(1, 16, stream.bits, stream.bits - 1, 0))
        # GDCM's Python bindings return bytes as text.
        content = image.GetBuffer().encode("utf-8", "surrogateescape")
        return np.frombuffer(content, "<u2").reshape(stream.rows, stream.columns)
