"""Without the extra ``imaging``, uncompressed DICOM and PNG are read, and the error names what is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from image_dicom_files import image, ramp, write
from PIL import Image

_PROGRAM = """
import json, sys

for name in ("gdcm", "openjpeg", "rle", "jpeg_ls", "pylibjpeg", "libjpeg", "SimpleITK", "nibabel", "highdicom"):
    sys.modules[name] = None
import medclip
from medclip.core.errors import MedclipError

outcomes = {}
for path in sys.argv[1:]:
    try:
        outcomes[path] = float(medclip.read(path).array.max())
    except MedclipError as error:
        outcomes[path] = f"{type(error).__name__}: {error}"
print(json.dumps(outcomes))
"""


def test_what_is_read_and_what_the_error_says(tmp_path: Path) -> None:
    plain = image(ramp())
    paths = [write(tmp_path / "plain.dcm", plain)]
    for name, syntax, plugin in (("rle", "5", "pydicom"), ("jpegls", "4.80", "pyjpegls")):
        dataset = image(ramp())
        dataset.compress(f"1.2.840.10008.1.2.{syntax}", encoding_plugin=plugin, generate_instance_uid=False)
        paths.append(write(tmp_path / f"{name}.dcm", dataset))
    Image.fromarray(ramp(kind="u1", top=255)).save(tmp_path / "chest.png")
    paths.append(tmp_path / "chest.png")
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *map(str, paths)], capture_output=True, text=True, check=True
    )
    outcomes = {Path(path).name: outcome for path, outcome in json.loads(done.stdout).items()}
    assert {name: outcomes[name] for name in ("plain.dcm", "rle.dcm", "chest.png")} == {
        "plain.dcm": 1.0,
        "rle.dcm": 1.0,
        "chest.png": 1.0,
    }
    assert outcomes["jpegls.dcm"].startswith("MissingDependencyError")
    assert "JPEG-LS" in outcomes["jpegls.dcm"]
    assert "needs the package pyjpegls" in outcomes["jpegls.dcm"]
    assert "pip install 'medclip-toolkit[imaging]'" in outcomes["jpegls.dcm"]
    assert done.stderr == ""
