"""``medclip bundle`` shows what lies in a bundle, and says so only if it is what was saved."""

from __future__ import annotations

import hashlib
import json
import re


def test_inspect_shows_the_card_and_the_digest(run, smoke_bundle) -> None:
    code, out, err = run("bundle", "inspect", smoke_bundle)
    assert (code, err) == (0, "")
    assert "Not a medical device" in out
    assert "sampling_rate_hz 100.0" in out
    assert "`ptbxl-superclass`: 5 findings" in out
    assert re.search(r"sha256 [0-9a-f]{64}; every file is as it was saved", out)


def test_json_is_the_file(run, smoke_bundle) -> None:
    code, out, _ = run("bundle", "inspect", smoke_bundle, "--json")
    assert code == 0
    assert json.loads(out) == json.loads((smoke_bundle / "bundle.json").read_text())


def test_verify_agrees_with_the_files(run, smoke_bundle) -> None:
    assert run("bundle", "verify", smoke_bundle)[:2] == (0, f"{smoke_bundle}: every file is as it was saved\n")
    checksums = json.loads((smoke_bundle / "MANIFEST.json").read_text())["sha256"]
    files = {path for path in smoke_bundle.rglob("*") if path.is_file() and path.name != "MANIFEST.json"}
    assert {smoke_bundle / name for name in checksums} == files
    for name, checksum in checksums.items():
        assert hashlib.sha256((smoke_bundle / name).read_bytes()).hexdigest() == checksum
