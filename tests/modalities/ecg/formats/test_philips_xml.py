"""The Philips reader on files written by hand: exact values, XLI by an own compressor, descriptions, broken twins."""

from __future__ import annotations

import base64
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wfdb_files import random_walk
from xml_files import SECRET, message_of, philips, replaced, xli

import medclip
from medclip.core.privacy import private_id
from medclip.modalities.ecg.formats._philips_xli import decompress, restore_limb_leads
from medclip.modalities.ecg.formats.philips_xml import FORMAT, read
from medclip.modalities.ecg.leads import STANDARD_LEADS


def twelve_leads(n_samples: int = 800) -> dict[str, np.ndarray]:
    """Return int64 leads of which the limb leads follow from I and II, and V1 to V6 wander on their own."""
    walk = random_walk(3, 8, n_samples).astype(np.int64)
    i, ii = walk[0], walk[1]
    limbs = [i, ii, ii - i, -(i + ii) // 2, i - ii // 2, ii - i // 2]
    return dict(zip(STANDARD_LEADS, [*limbs, *walk[2:]], strict=True))


STORED = twelve_leads()


def residuals(leads: dict[str, np.ndarray]) -> np.ndarray:
    """Return what Philips stores of limb leads: how far they are from what follows from those before them."""
    i, ii, iii, avr, avl, avf = (leads[name] for name in STANDARD_LEADS[:6])
    half = [np.fix((i + ii) / 2), np.fix((i - iii) / 2), np.fix((ii + iii) / 2)]
    limbs = [i, ii, ii - i - iii, -avr - half[0], half[1] - avl, half[2] - avf]
    return np.stack([*limbs, *(leads[name] for name in STANDARD_LEADS[6:])]).astype(np.int64)


def compressed(leads: dict[str, np.ndarray], *, version: str = "1.03", extra: int = 4) -> str:
    """Write leads as devices do, with further channels that hold nothing."""
    empty = np.zeros((extra, len(leads["I"])), np.int64)
    content = xli(np.concatenate([residuals(leads), empty]))
    return philips(leads, version=version, compression="XLI", content=base64.b64encode(content).decode())


def write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    (tmp_path / "a.xml").write_bytes(text.encode(encoding))
    return tmp_path / "a.xml"


@pytest.mark.parametrize("text", [philips(STORED), philips(STORED, version="1.04.01", encoding="Plain")])
def test_plain_values_and_description(tmp_path: Path, text: str) -> None:
    sample = medclip.read(write(tmp_path, text))
    assert sample.channel_names == STANDARD_LEADS
    np.testing.assert_allclose(sample.array, np.stack(list(STORED.values())) * 0.005, rtol=1e-6)
    assert sample.sampling_rate_hz == 500
    assert sample.patient_id == private_id("4711") != "4711"
    assert sample.report == "Sinus bradycardia\nABNORMAL ECG"
    assert sample.attributes == {
        "age": 49.0,
        "sex": "female",
        "device": "PageWriter Touch",
        "low_cutoff_hz": 0.05,
        "high_cutoff_hz": 150.0,
        "other_waveforms": ("representative beats, 1 leads",),
    }
    assert not SECRET.search(f"{sample!r}{sample.attributes}{sample.report}")


@pytest.mark.parametrize("version", ["1.03", "1.04"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_compressed_leads_are_the_ones_that_were_compressed(tmp_path: Path, version: str, encoding: str) -> None:
    sample = read(write(tmp_path, compressed(STORED, version=version), encoding))
    np.testing.assert_array_equal(np.rint(sample.array * 200), np.stack(list(STORED.values())))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(-3000, 3000), min_size=3, max_size=60),
    st.integers(1, 40),
    st.sampled_from([1, 7, 100]),
)
def test_any_signal_comes_back_from_xli(values: list[int], n_repeats: int, step: int) -> None:
    lead = np.array(values * n_repeats, np.int64) // step
    # Second differences have to fit into 16 bits.
    stored = np.stack([lead, lead[::-1], np.zeros_like(lead)])
    np.testing.assert_array_equal(decompress(xli(stored), 3, len(lead), Path("x")), stored)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(-2000, 2000), min_size=4, max_size=4), min_size=6, max_size=6))
def test_residuals_are_undone(values: list[list[int]]) -> None:
    array = np.array(values, np.int64)
    leads = dict(zip(STANDARD_LEADS, np.concatenate([array, array]), strict=True))
    restored = restore_limb_leads(residuals(leads), STANDARD_LEADS)
    np.testing.assert_array_equal(restored, np.stack(list(leads.values())))


def test_the_calibration_mark_is_cut_off(tmp_path: Path) -> None:
    tail = np.repeat([0, 200, 0], [50, 100, 50])
    leads = {name: np.concatenate([samples, tail]) for name, samples in STORED.items()}
    for text in (philips(leads), compressed(leads)):
        sample = read(write(tmp_path, text))
        assert sample.array.shape == (12, 800)
        assert sample.attributes["other_waveforms"][-1] == "calibration mark, 0.4 s"
    # A flat end is no mark, and a mark that the leads do not share is none.
    flat = {name: np.concatenate([samples, 0 * tail]) for name, samples in STORED.items()}
    odd = {name: np.concatenate([samples, tail * (name != "V6")]) for name, samples in STORED.items()}
    for leads in (flat, odd):
        assert read(write(tmp_path, philips(leads))).array.shape == (12, 1000)


def test_eight_named_leads_are_completed(tmp_path: Path) -> None:
    stored = {name: STORED[name] for name in ("V1", "II", "I")}
    sample = read(write(tmp_path, philips(stored)))
    assert sample.channel_names == ("I", "II", "III", "aVR", "aVL", "aVF", "V1")
    assert sample.attributes["derived_leads"] == ("III", "aVR", "aVL", "aVF")


def test_the_latest_interpretation_counts(tmp_path: Path) -> None:
    later = (
        '<interpretation date="2003-01-01" time="09:00:00"><statement><leftstatement>Atrial flutter</leftstatement>'
        "</statement></interpretation></interpretations>"
    )
    text = replaced(philips(STORED), ("</interpretations>", later))
    assert read(write(tmp_path, text)).report == "Atrial flutter"


@pytest.mark.parametrize(
    ("stated", "age"),
    [("<years>22</years>", 22), ("<months>6</months>", 0.5), ("<dateofbirth/>", None), ("<years>999</years>", None)],
)
def test_ages(tmp_path: Path, stated: str, age: float | None) -> None:
    text = replaced(philips(STORED), ("<dateofbirth>1953-05-08</dateofbirth>", stated))
    assert read(write(tmp_path, text)).attributes.get("age") == age


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("version>1.04", "version>1.02", "unknown version of Philips XML: received 1.02"),
        ("version>1.04", "version>Anna", "received something else"),
        ("samplingrate>500", "samplingrate>0", "impossible sampling rate"),
        ("samplingrate>500", "samplingrate>1e9", "impossible sampling rate"),
        ("samplingrate>500", "samplingrate>", "states no sampling rate"),
        ("resolution>5", "resolution>0", "coded in a way that is not known"),
        ("offset>0", "offset>7", "offset 7"),
        ("signed>True", "signed>False", "signed False"),
        ("bitspersample>16", "bitspersample>12", "12 bits"),
        ('durationperchannel="1600"', 'durationperchannel="1602"', "another length than it announces"),
        ('durationperchannel="1600"', 'durationperchannel="999999999"', "unusable size"),
        ('durationperchannel="1600"', 'durationperchannel="0"', "unusable size"),
        ('durationperchannel="1600"', "", "states no duration"),
        ('numberofleads="12"', 'numberofleads="11"', "leads are missing in"),
        ("valid>12", "valid>8", "8 valid channels"),
        ('leadlabels="I II', 'leadlabels="I I', "holds a lead more than once"),
        ('"Base64"', '"Hex"', "encoded in an unknown way"),
        ('"Base64"', '"Plain"', "holds something that is no number"),
        ("dataencoding", 'compression="ZIP" dataencoding', "compressed in an unknown way"),
        ("dataencoding", 'compression="XLI" dataencoding', "compressed waveform"),
        ("parsedwaveforms ", "otherwaveforms ", "damaged XML"),
        ("<signalcharacteristics>", "<signalcharacteristic>", "damaged XML"),
        ("</restingecgdata>", "", "truncated or damaged XML"),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert words in message_of(FORMAT, write(tmp_path, replaced(philips(STORED), (old, new))))


def test_unnamed_leads_of_another_set_are_refused(tmp_path: Path) -> None:
    text = replaced(philips(STORED, version="1.03"), (">STD-12<", ">EASI<"))
    assert "does not say which leads it holds" in message_of(FORMAT, write(tmp_path, text))
    fewer = replaced(philips(STORED, version="1.03"), ("valid>12", "valid>8"))
    assert "12 channels, 8 of them valid" in message_of(FORMAT, write(tmp_path, fewer))


def test_without_waveform_or_with_an_empty_one(tmp_path: Path) -> None:
    text = philips(STORED)
    start, stop = text.index("<parsedwaveforms"), text.index("</parsedwaveforms>")
    without = text[:start] + text[stop + len("</parsedwaveforms>") :]
    assert "holds no waveform" in message_of(FORMAT, write(tmp_path, without))
    empty = text[: text.index(">", start) + 1] + text[stop:]
    assert "is empty" in message_of(FORMAT, write(tmp_path, empty))


def test_compressed_limb_leads_need_each_other(tmp_path: Path) -> None:
    leads = {name: STORED[name] for name in ("I", "II", "V1")}
    content = base64.b64encode(xli(np.stack(list(leads.values())))).decode()
    text = philips(leads, compression="XLI", content=content)
    assert "need each other" in message_of(FORMAT, write(tmp_path, text))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (xli(residuals(STORED)[:11]), "11 leads"),
        (xli(residuals(STORED))[:-1], "a chunk of"),
        (xli(residuals(STORED))[:4], "without a whole header"),
        (xli(residuals(STORED)[:, :700]), "lead 1 of another length"),
        (b"\xff\xff\xff\x7f\1\0\0\0" + bytes(50), "a chunk of 2147483647 bytes"),
        (b"\xff\xff\xff\xff\1\0\0\0" + bytes(50), "a chunk of -1 bytes"),
        # A code that stands for nothing yet.
        (b"\5\0\0\0\1\0\0\0" + b"\xff\x00\xff\x00\xff", "lead 1 of another length"),
    ],
)
def test_damaged_compression_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    text = philips(STORED, compression="XLI", content=base64.b64encode(content).decode())
    message = message_of(FORMAT, write(tmp_path, text))
    assert "the compressed waveform of" in message
    assert words in message


def test_samples_that_leave_16_bits_are_refused(tmp_path: Path) -> None:
    runaway = np.zeros((12, 800), np.int64)
    runaway[0] = np.arange(800) ** 2
    content = base64.b64encode(xli(runaway)).decode()
    text = philips(STORED, compression="XLI", content=content)
    assert "more than 16 bits" in message_of(FORMAT, write(tmp_path, text))


def test_a_small_chunk_cannot_fill_the_memory() -> None:
    # A full table of ever longer runs of zeros, and then its longest entry, 767 bytes from 10 bits, again and again.
    codes = [0, *range(256, 1023), *[1022] * 100_000]
    bits = (np.array(codes)[:, None] >> np.arange(9, -1, -1)) & 1
    packed = np.packbits(bits.ravel().astype(np.uint8)).tobytes()
    chunk = len(packed).to_bytes(4, "little") + b"\1\0\0\0" + packed
    tracemalloc.start()
    with pytest.raises(ValueError, match="lead 1 of another length"):
        decompress(chunk, 1, 10, Path("x"))
    # Without a limit 77 MB of zeros would come of these 125 kB.
    assert tracemalloc.get_traced_memory()[1] < 40 << 20
    tracemalloc.stop()
