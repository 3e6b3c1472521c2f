"""Heads of compressed pictures, beside what wrote them says."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from medclip.modalities.imaging.codestream import Codestream, codestream_of


def encoded(mode: str, form: str, **options: object) -> bytes:
    shape = (48, 64, 3) if mode == "RGB" else (48, 64)
    buffer = io.BytesIO()
    values = np.random.default_rng(0).integers(0, 256, shape)
    picture = Image.fromarray(values.astype("u2" if mode == "I;16" else "u1"))
    picture.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("mode", "form", "options", "bits"),
    [
        ("L", "JPEG", {}, 8),
        ("RGB", "JPEG", {"progressive": True, "comment": b"\xff\xc0 in a comment"}, 8),
        ("L", "JPEG2000", {}, 8),
        ("RGB", "JPEG2000", {"no_jp2": True}, 8),
        ("I;16", "JPEG2000", {}, 16),
    ],
)
def test_size_and_depth(mode: str, form: str, options: dict[str, object], bits: int) -> None:
    content = encoded(mode, form, **options)
    is_signed = False if form == "JPEG2000" else None
    assert codestream_of(content) == Codestream(48, 64, bits, is_signed, 3 if mode == "RGB" else 1)


def test_what_is_cut_or_foreign_says_nothing() -> None:
    for content in (encoded("L", "JPEG"), encoded("L", "JPEG2000")):
        assert [codestream_of(content[:n]) for n in range(0, 40)] == [None] * 40
    assert codestream_of(bytes(100)) is None
    assert codestream_of(b"\xff\xd8" + bytes(100)) is None
