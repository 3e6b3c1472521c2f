"""Input specifications go into a bundle and come back."""

from __future__ import annotations

import json
import pickle
from types import MappingProxyType

import pytest

from medclip.core.errors import BundleError
from medclip.core.input_spec import input_spec_from_dict
from medclip.core.modality import discover
from medclip.core.waveform_spec import WaveformSpec

SPEC = WaveformSpec(
    "demo",
    250.5,
    7,
    ("I", "II", "III"),
    scaling="zscore",
    minimum_duration_s=2,
    minimum_channels=2,
    derived_channels=MappingProxyType({"III": MappingProxyType({"II": 1, "I": -1})}),
    unit="uV",
)


@pytest.mark.parametrize(
    "spec", [SPEC, *(modality.default_input_spec() for modality in discover().values())], ids=lambda spec: spec.modality
)
def test_json_gives_back_an_equal_specification(spec: WaveformSpec) -> None:
    described = json.loads(json.dumps(spec.to_dict(), allow_nan=False))
    assert input_spec_from_dict(described) == spec
    assert input_spec_from_dict(described).to_dict() == spec.to_dict()
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_the_description_is_a_copy() -> None:
    described = SPEC.to_dict()
    described["derived_channels"]["III"]["II"] = 5.0
    described["channel_names"].append("V1")
    assert SPEC.derived_channels == {"III": {"II": 1.0, "I": -1.0}}
    assert SPEC.channel_names == ("I", "II", "III")


GOOD = SPEC.to_dict()


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (None, "no mapping: received NoneType"),
        ([1, 2], "no mapping: received list"),
        ({}, "unknown kind of input specification"),
        (GOOD | {"kind": "hologram"}, "received hologram; allowed: image, volume, waveform. Update medclip"),
        (GOOD | {"kind": ["waveform"]}, "unknown kind"),
        (GOOD | {"colour": "red"}, "malformed waveform input specification .*colour"),
        ({name: value for name, value in GOOD.items() if name != "duration_s"}, "malformed .*duration_s"),
        (GOOD | {"sampling_rate_hz": "250"}, "malformed .*needs numbers"),
        (GOOD | {"sampling_rate_hz": None}, "malformed"),
        (GOOD | {"channel_names": "I"}, "malformed .*no list of names"),
        (GOOD | {"derived_channels": {"III": "II"}}, "malformed .*derived_channels"),
        (GOOD | {"scaling": {}}, "malformed .*unknown scaling"),
        ({1: 2} | GOOD, "malformed"),
    ],
)
def test_malformed_descriptions_are_one_clear_line(described: object, message: str) -> None:
    with pytest.raises(BundleError, match=message) as error:
        input_spec_from_dict(described)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
