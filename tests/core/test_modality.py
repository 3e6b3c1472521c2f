"""Modalities, formats, data sets and label sets are found by looking, in medclip and in what others install."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medclip.core import modality as discovery
from medclip.core.errors import DatasetError, InputError, LabelError, MissingDependencyError, PromptError
from medclip.core.modality import Format, Modality, discover, find_dataset, find_modality
from medclip.core.named_files import find_label_set_file, find_prompt_set_file, label_set_names, prompt_set_names
from medclip.core.sniff import sniff

INIT = """
    from medclip.core.modality import Modality, QualityIssue
    from medclip.core.waveform_spec import WaveformSpec

    MODALITY = Modality(
        name="{name}", title="breathing", package=__name__,
        default_input_spec=lambda: WaveformSpec("{name}", 25.0, 60.0, ("flow",)),
        plot=None, quality=lambda sample: (QualityIssue("flat", (), "Check the belt."),),
    )
"""
FORMAT = """
    from medclip.core.modality import Format

    FORMAT = Format("{name}", "{name} file", lambda path, head: head.startswith(b"{magic}"), lambda path: None)
"""
DATASET = """
    from medclip.core.modality import DatasetFactory

    DATASET = DatasetFactory("{name}", "nights", open=lambda root: None)
"""
LABELS = "code,name,parent,polarity\nOSA,sleep apnoea,,abnormal\n"

Install = Callable[..., Path]


def write(path: Path, content: str) -> None:
    """Write a module or a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(content), encoding="utf-8")


def write_plug_in(site: Path, package: str, name: str, *, distribution: str = "", target: str = "") -> Path:
    """Install a distribution with one modality as pip would leave it behind."""
    folder = site / package
    write(folder / "__init__.py", INIT.format(name=name))
    write(folder / "formats" / "belt.py", FORMAT.format(name="belt", magic="BELT"))
    write(folder / "formats" / "_helper.py", "raise RuntimeError('no format')")
    write(folder / "datasets" / "night_shift.py", DATASET.format(name="night_shift"))
    write(folder / "labels" / "sleep.csv", LABELS)
    write(folder / "prompts" / "sleep.json", "{}")
    info = site / f"{distribution or package}-1.0.dist-info"
    write(info / "METADATA", f"Metadata-Version: 2.1\nName: {distribution or package}\nVersion: 1.0\n")
    write(info / "entry_points.txt", f"[medclip.modalities]\n{name} = {target or package}\n")
    return folder


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install plug-ins into a folder that is on the path for one test."""
    before = set(sys.modules)

    def one(package: str, name: str, **options: str) -> Path:
        folder = write_plug_in(tmp_path, package, name, **options)
        importlib.invalidate_caches()
        discover.cache_clear()
        return folder

    monkeypatch.syspath_prepend(tmp_path)
    yield one
    discover.cache_clear()
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(tmp_path):
            del sys.modules[name]


def test_own_modalities_are_found_and_folders_that_are_none_are_not() -> None:
    found = discover()
    assert "report" not in found
    assert all(name == modality.name for name, modality in found.items())
    assert set(found) == {path.parent.name for path in own_folders()}
    with pytest.raises(TypeError):
        found["x"] = None  # type: ignore[index]


def own_folders() -> list[Path]:
    """Return the ``__init__`` of each of medclip's own modalities, found by their text."""
    folder = Path(str(importlib.import_module("medclip.modalities").__file__)).parent
    return [path for path in folder.glob("*/__init__.py") if "MODALITY = Modality(" in path.read_text()]


def test_an_installed_plug_in_is_a_modality_like_any_other(install: Install) -> None:
    folder = install("sleepclip", "respiration")
    modality = find_modality("respiration")
    assert modality.folder == folder
    assert list(modality.formats()) == ["belt"]
    assert modality.dataset_names() == ("night_shift",)
    assert find_dataset("Night-Shift")[1].name == "night_shift"
    assert find_label_set_file("sleep") == ("respiration", folder / "labels" / "sleep.csv")
    assert find_prompt_set_file("sleep") == ("respiration", folder / "prompts" / "sleep.json")
    assert label_set_names()[-1] == prompt_set_names()[-1] == "sleep"
    assert modality.glossary_files() == {}


def test_a_new_file_is_found_without_any_list(install: Install, tmp_path: Path) -> None:
    folder = install("sleepclip", "respiration")
    write(folder / "formats" / "nasal.py", FORMAT.format(name="nasal", magic="NASAL"))
    write(folder / "datasets" / "day_shift.py", DATASET.format(name="day_shift"))
    write(folder / "labels" / "snoring.csv", LABELS)
    importlib.invalidate_caches()
    modality = find_modality("respiration")
    assert list(modality.formats()) == ["belt", "nasal"]
    assert modality.dataset_names() == ("day_shift", "night_shift")
    assert find_label_set_file("snoring")[0] == "respiration"
    recording = tmp_path / "recording"
    recording.write_bytes(b"NASAL 1 2 3")
    assert sniff(recording).name == "nasal"


def test_every_own_label_set_and_prompt_set_is_found_once_with_a_modality_or_without() -> None:
    root = Path(str(importlib.import_module("medclip.modalities").__file__)).parent
    for names, find, pattern in (
        (label_set_names(), find_label_set_file, "*/labels/*.csv"),
        (prompt_set_names(), find_prompt_set_file, "*/prompts/*.json"),
    ):
        files = {path.stem: path for path in root.glob(pattern)}
        assert sorted(names) == sorted(files)
        assert {name: find(name) for name in names} == {
            name: (path.parts[len(root.parts)], path) for name, path in files.items()
        }
    assert {find_label_set_file(name)[0] for name in label_set_names()} >= set(discover())


def test_a_folder_without_a_modality_offers_its_label_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own_kinds"
    write(own / "__init__.py", "")
    write(own / "breath" / "__init__.py", "")
    write(own / "breath" / "labels" / "sleep.csv", LABELS)
    write(own / "breath" / "prompts" / "sleep.json", "{}")
    write(own / "no_package" / "labels" / "lost.csv", LABELS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(discovery, "_OWN_PACKAGE", "own_kinds")
    discover.cache_clear()
    try:
        assert "breath" not in discover()
        assert find_label_set_file("sleep") == ("breath", own / "breath" / "labels" / "sleep.csv")
        assert find_prompt_set_file("sleep") == ("breath", own / "breath" / "prompts" / "sleep.json")
        assert label_set_names() == ("sleep",)
    finally:
        discover.cache_clear()


def test_a_plug_in_does_not_hide_an_own_folder_of_its_name(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own_folders"
    write(own / "__init__.py", "")
    write(own / "breath" / "__init__.py", "")
    write(own / "breath" / "labels" / "snoring.csv", LABELS)
    monkeypatch.setattr(discovery, "_OWN_PACKAGE", "own_folders")
    install("sleepclip", "breath")
    assert set(label_set_names()) == {"snoring", "sleep"}
    assert find_label_set_file("snoring") == ("breath", own / "breath" / "labels" / "snoring.csv")
    assert find_label_set_file("sleep")[0] == "breath"


def test_a_really_installed_distribution_is_found_by_a_new_process(tmp_path: Path) -> None:
    write_plug_in(tmp_path, "sleepclip", "respiration", target="sleepclip:MODALITY")
    code = "from medclip.core.modality import discover; print(*discover())"
    path = os.pathsep.join([str(tmp_path), str(Path(discovery.__file__).parents[2])])
    shown = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert "respiration" in shown.stdout.split()


def test_two_packages_with_one_name_are_refused(install: Install) -> None:
    install("sleepclip", "respiration")
    install("otherclip", "respiration")
    with pytest.raises(InputError, match=r"two packages offer the modality respiration: .*sleepclip"):
        discover()


def test_a_package_that_is_installed_twice_is_one(install: Install) -> None:
    install("sleepclip", "respiration")
    install("sleepclip", "respiration", distribution="sleepclip-editable")
    assert find_modality("respiration").package == "sleepclip"


def test_a_plug_in_that_cannot_be_imported_is_named(install: Install) -> None:
    folder = install("sleepclip", "respiration")
    write(folder / "__init__.py", "import a_package_that_nobody_has")
    with pytest.raises(MissingDependencyError, match=r"plug-in respiration cannot be imported .*a_package_that_nobody"):
        discover()


def test_a_plug_in_that_is_none_is_named(install: Install) -> None:
    folder = install("sleepclip", "respiration")
    write(folder / "__init__.py", "MODALITY = 'respiration'")
    with pytest.raises(MissingDependencyError, match="plug-in respiration is none: sleepclip holds no MODALITY"):
        discover()


def test_a_data_set_that_two_modalities_offer_is_not_chosen_silently(install: Install) -> None:
    install("sleepclip", "respiration")
    install("snoreclip", "snoring")
    for find, kind in ((find_dataset, DatasetError), (find_label_set_file, LabelError)):
        with pytest.raises(kind, match=r"more than one modality offers .*: received .*sleepclip.*snoreclip"):
            find("night_shift" if find is find_dataset else "sleep")
    with pytest.raises(PromptError, match="more than one"):
        find_prompt_set_file("sleep")


def test_unknown_names_are_answered_with_the_known_ones(install: Install) -> None:
    install("sleepclip", "respiration")
    with pytest.raises(InputError, match=r"unknown modality: received eeg; allowed: .*respiration"):
        find_modality("eeg")
    with pytest.raises(DatasetError, match=r"unknown data set: received day; allowed: .*night_shift"):
        find_dataset("day")
    with pytest.raises(LabelError, match=r"unknown label set: received Sleep; allowed: .*sleep"):
        find_label_set_file("Sleep")
    with pytest.raises(PromptError, match=r"unknown prompt set: received Sleep; allowed: .*sleep"):
        find_prompt_set_file("Sleep")


def test_a_module_without_its_object_or_its_dependency_is_named(install: Install) -> None:
    folder = install("sleepclip", "respiration")
    modality = find_modality("respiration")
    write(folder / "formats" / "empty.py", "")
    importlib.invalidate_caches()
    with pytest.raises(MissingDependencyError, match=r"sleepclip\.formats\.empty defines no FORMAT"):
        modality.formats()
    write(folder / "datasets" / "needy.py", "import a_package_that_nobody_has")
    importlib.invalidate_caches()
    with pytest.raises(MissingDependencyError, match=r"datasets\.needy cannot be imported .*that_nobody_has"):
        modality.dataset("needy")


def test_an_error_inside_a_module_is_not_taken_for_a_missing_object(install: Install) -> None:
    folder = install("sleepclip", "respiration")
    write(folder / "formats" / "broken.py", "FORMAT = ().no_such_thing")
    importlib.invalidate_caches()
    with pytest.raises(AttributeError, match="no_such_thing"):
        find_modality("respiration").formats()


def test_only_the_data_set_asked_for_is_imported(install: Install) -> None:
    folder = install("sleepclip", "respiration")
    write(folder / "datasets" / "broken.py", "raise RuntimeError('imported')")
    importlib.invalidate_caches()
    assert "broken" in find_modality("respiration").dataset_names()
    assert find_dataset("night_shift")[1].name == "night_shift"


def test_a_format_sees_no_more_than_the_head(tmp_path: Path, install: Install) -> None:
    install("sleepclip", "respiration")
    seen: list[int] = []
    watching = Format("watch", "", lambda path, head: bool(seen.append(len(head))), lambda path: None)  # type: ignore
    path = tmp_path / "recording"
    path.write_bytes(b"BELT" + bytes(100_000))

    class Watching(Modality):
        def formats(self) -> dict[str, Format]:
            return {"watch": watching}

    modality = find_modality("respiration")
    watched = Watching("watch", "", "sleepclip", modality.default_input_spec, modality.plot, modality.quality)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("medclip.core.sniff.discover", lambda: {"watch": watched, "respiration": modality})
        assert sniff(path).name == "belt"
    assert seen == [4096]
