"""``medclip zeroshot`` answers about files."""

from __future__ import annotations

import json
import shutil

import pytest
import recordings

import medclip

OPTIONS = ("--labels", "ptbxl-superclass")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    return [recordings.write(folder, f"p{n}", *recordings.simulated(patient=n)) for n in range(2)]


def test_json_is_the_answer_of_the_python_interface(run, smoke_bundle, recording) -> None:
    code, out, err = run("zeroshot", recording, "--model", smoke_bundle, *OPTIONS, "--json")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    expected = medclip.load(smoke_bundle).diagnose(medclip.read(recording), labels="ptbxl-superclass")
    assert answer == {"file": str(recording)} | expected.to_dict()
    scores = [entry["score"] for entry in answer["findings"]]
    assert scores == sorted(scores, reverse=True)
    assert {entry["code"] for entry in answer["findings"]} == {"NORM", "MI", "STTC", "CD", "HYP"}


def test_the_table_says_what_the_json_says(run, smoke_bundle, recording) -> None:
    arguments = ("zeroshot", recording, "--model", smoke_bundle, *OPTIONS)
    lines = run(*arguments)[1].splitlines()
    answer = json.loads(run(*arguments, "--json")[1])
    assert lines[0] == str(recording)
    for line, entry in zip(lines[1:6], answer["findings"], strict=True):
        assert line.startswith(entry["name"])
        assert f"{entry['score']:.2f}" in line
        assert line.endswith(entry["code"])
    assert "Research use only" in lines[-2]


def test_every_file_of_a_list_is_answered_and_the_bad_ones_are_named(run, smoke_bundle, two, tmp_path) -> None:
    bad = tmp_path / "bad.hea"
    bad.write_bytes(b"no header at all")
    files = [two[0], bad, two[1], two[1].with_suffix(".dat")]
    code, out, err = run("zeroshot", *files, "--model", smoke_bundle, *OPTIONS, "--json")
    assert code == 2
    assert [json.loads(line)["file"] for line in out.splitlines()] == [str(files[n]) for n in (0, 2, 3)]
    assert err.count("\n") == 1
    assert str(bad) in err
    answers = [json.loads(line)["findings"] for line in out.splitlines()]
    assert answers[1] == answers[2]
    assert answers[0] != answers[1]


def test_pictures_of_recordings_with_one_name_do_not_overwrite_each_other(run, smoke_bundle, two, tmp_path) -> None:
    from matplotlib.image import imread

    same = []
    for number, header in enumerate(two):
        folder = tmp_path / str(number)
        folder.mkdir()
        for part in (header, header.with_suffix(".dat")):
            shutil.copy(part, folder)
        same.append(shutil.copy(header, folder / "ecg.hea"))
    pictures = tmp_path / "new" / "pictures"
    code, out, err = run("zeroshot", *same, "--model", smoke_bundle, *OPTIONS, "--plot", pictures, "--json")
    assert (code, err) == (0, "")
    drawn = [json.loads(line)["plot"] for line in out.splitlines()]
    assert drawn == [str(pictures / "ecg.png"), str(pictures / "ecg-2.png")]
    assert sorted(path.name for path in pictures.iterdir()) == ["ecg-2.png", "ecg.png"]
    first, second = (imread(path) for path in drawn)
    assert first.shape[0] > 500
    assert first.shape[1] > 1000
    assert first.shape != second.shape or (first != second).any()
    assert run("zeroshot", same[0], "--model", smoke_bundle, *OPTIONS, "--plot", pictures)[0] == 0
    assert len(list(pictures.iterdir())) == 2


def test_a_bundle_with_one_label_set_needs_no_labels(run, smoke_bundle, recording, tmp_path) -> None:
    from medclip.bundle.manifest import write_manifest

    bundle = shutil.copytree(smoke_bundle, tmp_path / "bundle")
    described = json.loads((bundle / "bundle.json").read_text())
    described["prompt_sets"] = {"simulated": described["prompt_sets"]["simulated"]}
    (bundle / "bundle.json").write_text(json.dumps(described))
    write_manifest(bundle)
    code, out, _ = run("zeroshot", recording, "--model", bundle, "--json")
    assert code == 0
    assert json.loads(out)["label_set"] == "simulated"


def test_own_prompts_are_embedded_with_the_text_encoder(run, smoke_bundle, recording, tmp_path) -> None:
    labels = medclip.LabelSet.load("ptbxl-superclass")
    sides = {"positive": ["sinus rhythm"], "negative": ["atrial fibrillation"]}
    prompts = {"schema": 1, "name": "own", "label_set": labels.name, "prompts": dict.fromkeys(labels.codes, sides)}
    file = tmp_path / "own.json"
    file.write_text(json.dumps(prompts))
    code, out, _ = run("zeroshot", recording, "--model", smoke_bundle, *OPTIONS, "--prompts", file, "--json")
    assert code == 0
    scores = [entry["score"] for entry in json.loads(out)["findings"]]
    assert len(set(scores)) == 1
    (file).write_text(json.dumps(prompts | {"prompts": {code: swapped(sides) for code in labels.codes}}))
    _, out, _ = run("zeroshot", recording, "--model", smoke_bundle, *OPTIONS, "--prompts", file, "--json")
    assert json.loads(out)["findings"][0]["score"] == pytest.approx(1 - scores[0], abs=1e-3)


def swapped(sides: dict[str, list[str]]) -> dict[str, list[str]]:
    return {"positive": sides["negative"], "negative": sides["positive"]}


def test_windows_are_chosen_on_the_command_line(run, smoke_bundle, tmp_path) -> None:
    path = recordings.write(tmp_path, "long", *recordings.simulated(100, 30), rate_hz=100)
    arguments = ("zeroshot", path, "--model", smoke_bundle, *OPTIONS)
    scores = {}
    for how in ("mean", "max", "first", "middle"):
        code, out, err = run(*arguments, "--windows", how, "--json")
        assert (code, err) == (0, "")
        answer = json.loads(out)
        assert ("windows" in answer) == (how in ("mean", "max"))
        scores[how] = {entry["code"]: entry["score"] for entry in answer["findings"]}
    assert run(*arguments, "--json")[1] == run(*arguments, "--windows", "mean", "--json")[1]
    for finding, highest in scores["max"].items():
        assert highest >= max(scores[how][finding] for how in ("mean", "first", "middle"))
    lines = run(*arguments)[1].splitlines()
    assert " at 0:" in lines[1]
    code, out, err = run(*arguments, "--windows", "median")
    assert (code, out) == (2, "")
    assert "choose from" in err


def test_a_watch_is_answered_with_its_reservation_first(run, smoke_bundle, tmp_path) -> None:
    stored, leads = recordings.simulated()
    path = recordings.write(tmp_path, "watch", stored[:1], leads[:1])
    code, out, err = run("zeroshot", path, "--model", smoke_bundle, *OPTIONS)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[1].startswith("reservation: 1 of 12 leads (without II, III")
    assert all("not assessable: lacks" in line for line in lines if line.endswith(")") and "  " in line)


def test_labels_of_another_kind_of_data_are_refused_with_those_that_fit(run, smoke_bundle, recording) -> None:
    code, out, err = run("zeroshot", recording, "--model", smoke_bundle, "--labels", "chexpert")
    assert (code, out) == (2, "")
    assert "label set chexpert is for another kind of data than this bundle" in err
    assert "received cxr" in err
    assert "ptbxl-superclass" in err.split("allowed:")[1]
    assert "padchest" not in err
    assert err.count("\n") == 1
