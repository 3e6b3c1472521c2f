"""Protocols: digests that change with what matters and with nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from medclip.core.dataset import LabelTable
from medclip.core.errors import ConfigError
from medclip.evaluation import protocol as protocol_module
from medclip.evaluation.protocol import EvaluationProtocol, canonical_json, data_digest, software

PROTOCOL = EvaluationProtocol(
    dataset="demo",
    dataset_version="1.0",
    label_set="demo-all",
    folds=("9", "10"),
    n_records=3,
    data_sha256="d" * 64,
    model="first try",
    model_sha256="a" * 64,
    score_kind="softmax of prompt pairs",
    prompt_set="demo",
    prompts_sha256="b" * 64,
    input_spec={"kind": "waveform", "sampling_rate_hz": 500.0, "channel_names": ("A", "B")},
)
CHANGES = {
    "dataset": "other",
    "dataset_version": "1.1",
    "label_set": "demo-some",
    "folds": ("9",),
    "n_records": 4,
    "data_sha256": "e" * 64,
    "record_filter": "without pacemaker",
    "n_resamples": 999,
    "confidence": 0.9,
    "seed": 1,
    "model": "second try",
    "model_sha256": None,
    "score_kind": "cosine",
    "prompt_set": "other",
    "prompts_sha256": None,
    "input_spec": {},
}
METHOD = {"model", "model_sha256", "score_kind", "prompt_set", "prompts_sha256", "input_spec"}
LABELS = LabelTable(("A", "B"), np.array([[1, 0], [0, np.nan], [np.nan, 1]], np.float32))
RECORDS = ("r1", "r2", "r3")


def test_every_field_has_a_change_to_test():
    assert set(CHANGES) == {field.name for field in dataclasses.fields(EvaluationProtocol)}


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_digest_changes_with_every_field_and_test_digest_with_the_test(name):
    changed = dataclasses.replace(PROTOCOL, **{name: CHANGES[name]})
    assert changed.digest() != PROTOCOL.digest()
    assert (changed.test_digest() == PROTOCOL.test_digest()) == (name in METHOD)


def test_digest_is_the_sha256_of_the_sorted_plain_dictionary():
    plain = PROTOCOL.to_dict()
    plain["input_spec"] = {"kind": "waveform", "sampling_rate_hz": 500, "channel_names": ["A", "B"]}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    assert PROTOCOL.digest() == hashlib.sha256(text.encode()).hexdigest()


def test_spelling_of_the_same_protocol_does_not_matter():
    same = dataclasses.replace(
        PROTOCOL,
        folds=("10", "9"),
        input_spec={"channel_names": ["A", "B"], "sampling_rate_hz": 500, "kind": "waveform"},
    )
    assert same.digest() == PROTOCOL.digest()


def test_protocol_survives_json():
    read = json.loads(json.dumps(PROTOCOL.to_dict()))
    assert EvaluationProtocol(**read | {"folds": tuple(read["folds"])}).digest() == PROTOCOL.digest()


@pytest.mark.parametrize(
    "change",
    [{"n_records": 0}, {"n_resamples": 0}, {"seed": -1}, {"confidence": 1.0}, {"confidence": 95}]
    + [{"input_spec": {"rate": value}} for value in (float("nan"), np.float32(1), object())],
)
def test_impossible_protocols_are_refused(change):
    with pytest.raises(ConfigError):
        dataclasses.replace(PROTOCOL, **change)


def test_data_digest_is_blind_to_order():
    order = [2, 0, 1]
    shuffled = LabelTable(("B", "A"), LABELS.values[order][:, ::-1])
    assert data_digest([RECORDS[row] for row in order], shuffled) == data_digest(RECORDS, LABELS)


def test_data_digest_is_blind_to_the_bits_of_a_missing_label():
    odd_nan = LABELS.values.copy()
    odd_nan.view(np.uint32)[1, 1] = 0xFFC00123
    assert np.isnan(odd_nan[1, 1])
    assert data_digest(RECORDS, LabelTable(LABELS.codes, odd_nan)) == data_digest(RECORDS, LABELS)
    wide = LabelTable(LABELS.codes, LABELS.values.astype(np.float64))
    assert data_digest(RECORDS, wide) == data_digest(RECORDS, LABELS)


@pytest.mark.parametrize("value", [1.0, 0.0])
def test_data_digest_sees_one_label(value):
    values = LABELS.values.copy()
    values[1, 1] = value
    assert data_digest(RECORDS, LabelTable(LABELS.codes, values)) != data_digest(RECORDS, LABELS)


def test_data_digest_sees_records_and_codes():
    digests = {
        data_digest(RECORDS, LABELS),
        data_digest(("r1", "r2", "r4"), LABELS),
        data_digest(("r2", "r1", "r3"), LABELS),
        data_digest(RECORDS[:2], LABELS.rows([0, 1])),
        data_digest(RECORDS, LABELS.select(["A"])),
        data_digest(RECORDS, LabelTable(("A", "C"), LABELS.values)),
    }
    assert len(digests) == 6


@pytest.mark.parametrize(
    ("record_ids", "labels", "message"),
    [
        (("r1", "r2"), LABELS, "2 and 3"),
        (("r1", "r1", "r1"), LABELS, "a record is doubled: received 2 too many"),
        (RECORDS, LabelTable(("A", "A"), LABELS.values), "a code is doubled"),
    ],
)
def test_data_digest_needs_different_records_with_labels(record_ids, labels, message):
    with pytest.raises(ConfigError, match=message):
        data_digest(record_ids, labels)


def test_check_refuses_other_data():
    protocol = dataclasses.replace(PROTOCOL, data_sha256=data_digest(RECORDS, LABELS))
    protocol.check(RECORDS, LABELS)
    with pytest.raises(ConfigError, match="3 in the protocol, 2 evaluated"):
        protocol.check(RECORDS[:2], LABELS.rows([0, 1]))
    with pytest.raises(ConfigError, match="data_sha256"):
        protocol.check(("r1", "r2", "r4"), LABELS)


def test_canonical_json_keeps_letters_and_refuses_what_json_has_not():
    assert canonical_json({"b": [True, None, 0.5], "a": "Überleitung"}) == '{"a":"Überleitung","b":[true,null,0.5]}'
    with pytest.raises(ConfigError, match="JSON"):
        canonical_json(float("inf"))


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    """A repository with one tagged commit of one file."""
    git(tmp_path, "init", "-q")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-q", "-m", "first")
    git(tmp_path, "tag", "-a", "v1", "-m", "v1")
    return tmp_path


def test_git_commit_of_a_checkout(checkout):
    commit = git(checkout, "rev-parse", "HEAD")
    assert protocol_module._git_commit(checkout) == commit
    (checkout / "file").write_text("two")
    assert protocol_module._git_commit(checkout) == f"{commit}-dirty"


def test_repository_around_an_environment_is_not_its_checkout(checkout):
    (checkout / "environment").mkdir()
    assert protocol_module._git_commit(checkout / "environment") is None


def test_no_repository_and_no_commit_are_none(tmp_path):
    assert protocol_module._git_commit(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert protocol_module._git_commit(tmp_path) is None


def test_software_names_version_and_commit():
    assert set(software()) == {"medclip_version", "git_commit"}
