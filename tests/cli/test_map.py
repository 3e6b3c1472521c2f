"""``medclip map``, and the tasks of ``medclip evaluate`` that need places and reports."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medclip.data.access import open_dataset

LABELS = ("--labels", "simulated-cxr")
DATA = ("--dataset", "simulated_cxr", "--option", "n_patients=12", "--option", "size=64")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    sample = open_dataset("simulated_cxr", n_patients=1, size=96)[0]
    Image.fromarray((255 * sample.array).round().astype(np.uint8)).save(tmp_path / "chest.png")
    return tmp_path / "chest.png"


def test_maps_are_drawn_and_their_peaks_named(run, smoke_image_bundle, picture, tmp_path) -> None:
    codes = ("Cardiomegaly", "Nodule")
    code, out, err = run(
        "map", picture, "--model", smoke_image_bundle, *LABELS, "--findings", *codes, "--out", tmp_path / "maps"
    )
    assert (code, err) == (0, "")
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == [f"chest-{name}.png" for name in codes]
    assert out.count("highest at") == 2
    assert "96 x 96" in out
    assert "Research use only" in out


def test_maps_and_pictures_are_named_without_the_whole_ending(run, smoke_image_bundle, picture, tmp_path) -> None:
    odd = picture.rename(tmp_path / "chest.tar.gz")
    options = (odd, "--model", smoke_image_bundle, *LABELS)
    assert run("map", *options, "--findings", "Nodule", "--out", tmp_path / "maps")[0] == 0
    assert run("zeroshot", *options, "--plot", tmp_path / "drawn")[0] == 0
    names = [path.name for folder in ("maps", "drawn") for path in (tmp_path / folder).iterdir()]
    assert names == ["chest-Nodule.png", "chest.png"]


def test_findings_are_named_in_any_case(run, smoke_image_bundle, picture, tmp_path) -> None:
    options = ("--model", smoke_image_bundle, *LABELS, "--out", tmp_path / "maps")
    code, _, err = run("map", picture, *options, "--findings", "nodule")
    assert (code, err) == (0, "")
    assert [path.name for path in (tmp_path / "maps").iterdir()] == ["chest-Nodule.png"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--findings", "nodul"), "Did you mean Nodule?"),
        (("--findings", "Measles"), "findings are not in label set simulated-cxr: received Measles"),
        (("--format", "gif"), "not written in this format: received gif; allowed: png, dicom-seg"),
        (("--format", "dicom-seg", "--findings", "Nodule"), "no DICOM file"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(run, smoke_image_bundle, picture, tmp_path, options, said) -> None:
    code, out, err = run("map", picture, "--model", smoke_image_bundle, *LABELS, *options, "--out", tmp_path / "maps")
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "maps").exists()


def test_a_recording_without_places_has_no_map(run, smoke_bundle, recording, tmp_path) -> None:
    options = ("--labels", "ptbxl-superclass", "--out", tmp_path / "maps")
    code, out, err = run("map", recording, "--model", smoke_bundle, *options)
    assert (code, out) == (2, "")
    assert "no places to show on a map" in err


def test_localisation_is_measured_and_kept(run, smoke_image_bundle, tmp_path) -> None:
    arguments = ("evaluate", "--task", "localisation", "--model", smoke_image_bundle, *LABELS, *DATA)
    code, out, err = run(*arguments, "--findings", "nodul", "--out", tmp_path / "result")
    assert (code, out) == (2, "")
    assert "Did you mean Nodule?" in err
    code, out, _ = run(*arguments, "--resamples", "20", "--out", tmp_path / "result")
    assert code == 0
    found = json.loads((tmp_path / "result" / "metrics.json").read_text())
    assert found["overall"]["n_regions"] == sum(one["n_regions"] for one in found["findings"]) > 0
    assert found["overall"]["hits"] is not None
    assert "A hit: the map is highest inside the region" in out
    assert run(*arguments, "--out", tmp_path / "result")[0] == 2


def test_retrieval_is_measured_and_kept(run, smoke_image_bundle, tmp_path) -> None:
    arguments = ("evaluate", "--task", "retrieval", "--model", smoke_image_bundle, *DATA)
    code, out, _ = run(*arguments, "--resamples", "20", "--out", tmp_path / "result")
    assert code == 0
    found = json.loads((tmp_path / "result" / "metrics.json").read_text())["result"]
    assert found["record_to_text"]["n_queries"] == found["text_to_record"]["n_candidates"]
    assert "R@10" in out


def test_a_series_is_mended_only_when_that_is_asked_for(real_data: Path) -> None:
    import medclip
    from medclip.core.errors import FormatError

    folder = real_data / "ct" / "dcm_qa_ct" / "GE_tilt_variable_spacing"
    with pytest.raises(FormatError, match="allow resampling"):
        medclip.read(folder)
    mended = medclip.read(folder, allow_resampling=True)
    assert any("resampled" in note for note in mended.attributes["notes"])
    with pytest.raises(FormatError, match="allow resampling"):
        medclip.read(folder)


def test_pictures_that_share_a_name_get_maps_of_their_own(run, smoke_image_bundle, picture, tmp_path) -> None:
    other = tmp_path / "other" / "chest.png"
    other.parent.mkdir()
    Image.fromarray(np.asarray(Image.open(picture))[::-1]).save(other)
    options = ("--model", smoke_image_bundle, *LABELS, "--findings", "Nodule", "--out", tmp_path / "maps")
    code, out, _ = run("map", picture, other, *options)
    assert code == 0
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == ["chest-2-Nodule.png", "chest-Nodule.png"]
    assert "generated recordings only" in out


def test_all_maps_of_a_file_are_written_or_none(run, smoke_image_bundle, picture, tmp_path) -> None:
    options = ("--labels", "simulated-cxr", "--format", "png", "dicom-seg", "--out", tmp_path / "maps")
    code, out, err = run("map", picture, "--model", smoke_image_bundle, *options)
    assert (code, out) == (2, "")
    assert "no DICOM file" in err
    assert not (tmp_path / "maps").exists()
    (tmp_path / "file").write_text("mine")
    code, _, err = run("map", picture, "--model", smoke_image_bundle, *LABELS, "--out", tmp_path / "file")
    assert code == 2
    assert "is no folder" in err
