"""The house rules that no linter knows: which package may import which, and who may name a modality."""

from __future__ import annotations

import ast
import functools
import re
import shutil
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "medclip"

# Each package imports only itself and those to its left. "testing", the contract tests for plug-ins, may look at
# everything that a plug-in may be, and no command needs it.
LAYERS = (
    *("core", "modalities", "knowledge", "data", "encoders", "objectives", "training", "bundle", "prompts"),
    *("zeroshot", "evaluation", "results", "app", "testing", "cli"),
)
# What stands before a package in the order but is not for it: clinical knowledge and prompts need no model and no data,
# and networks and their training know no finding.
ALLOWED_ONLY = {
    "knowledge": {"core"},
    "prompts": {"core", "knowledge"},
    "encoders": {"core", "modalities", "data"},
    "objectives": {"core", "modalities", "data", "encoders"},
    "training": {"core", "modalities", "data", "encoders", "objectives"},
    "bundle": {"core", "modalities", "data", "encoders", "objectives", "training"},
}


def python_files(package: Path) -> list[Path]:
    return sorted(package.rglob("*.py"))


@functools.cache
def parsed(text: str) -> ast.Module:
    return ast.parse(text)


def tree_of(path: Path) -> ast.Module:
    return parsed(path.read_text(encoding="utf-8"))


def layer_of(path: Path, package: Path) -> str:
    """Name of the sub-package a file lies in; the public API and the version are above and below everything."""
    inner = path.relative_to(package)
    return inner.parts[0] if len(inner.parts) > 1 else inner.stem


def imported(path: Path, package: Path) -> tuple[tuple[int, str], ...]:
    """Every name imported from the package, those inside functions and under TYPE_CHECKING included."""
    return imports_of(path.read_text(encoding="utf-8"), ("medclip", *path.relative_to(package).parts[:-1]))


@functools.cache
def imports_of(text: str, own_package: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    found = []
    for node in ast.walk(parsed(text)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = own_package[: len(own_package) + 1 - node.level] if node.level else ()
            parts = [*base, *filter(None, [node.module])]
            found += [(node.lineno, ".".join([*parts, alias.name])) for alias in node.names]
    return tuple((line, name) for line, name in found if name.split(".")[0] == "medclip")


def upward_imports(package: Path) -> list[str]:
    found = []
    for path in python_files(package):
        layer = layer_of(path, package)
        if layer in ("__init__", "version"):
            continue
        order = LAYERS.index(layer)
        allowed = ALLOWED_ONLY.get(layer, set(LAYERS[:order])) | {layer, "version"}
        for line, name in imported(path, package):
            target = [*name.split("."), ""][1]
            if target not in allowed:
                found.append(f"{path.relative_to(package)}:{line} ({layer}) imports {name}")
    return found


def modality_names(package: Path) -> list[str]:
    """Folders of modalities; those without a MODALITY, such as that for reports, are not a kind of data."""
    folders = [path.parent for path in (package / "modalities").glob("*/__init__.py")]
    return sorted(
        {folder.name for folder in folders if "MODALITY" in (folder / "__init__.py").read_text()} | {"ecg", "cxr", "ct"}
    )


@functools.cache
def spelled(text: str) -> tuple[tuple[int, str], ...]:
    """Everything that code spells, with its line: names, attributes, arguments and texts, but no docstrings."""
    tree = parsed(text)
    # A text that is a statement documents a module, class, function or attribute.
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = []
    for node in ast.walk(tree):
        fields = [getattr(node, field, None) for field in ("id", "attr", "arg", "name", "module", "asname")]
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            fields.append(node.value)
        found += [(getattr(node, "lineno", 0), field) for field in fields if isinstance(field, str)]
    return tuple(found)


# A terminology that happens to end in the name of a modality.
TERMINOLOGY = "SNOMED CT"


def named_modalities(package: Path) -> list[str]:
    # A word ends at anything but a letter, or where the case changes: load_ecg and ECGSpec name one as much as "ecg".
    humps = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
    word = re.compile(rf"(?<![A-Za-z])({'|'.join(modality_names(package))})(?![a-z])", re.IGNORECASE)
    return [
        f"{path.relative_to(package)}:{line} says {text[:60]!r}"
        for path in python_files(package)
        if layer_of(path, package) != "modalities"
        for line, text in spelled(path.read_text(encoding="utf-8"))
        if word.search(humps.sub(" ", text.replace(TERMINOLOGY, "")))
    ]


def unlisted_modules(package: Path) -> list[str]:
    """Public modules without __all__, and names in __all__ that are not defined."""
    found = []
    for path in python_files(package):
        if path.stem.startswith("_") and path.stem != "__main__":
            continue
        assigned = {
            target.id: node.value
            for node in tree_of(path).body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        if "__all__" not in assigned:
            found.append(str(path.relative_to(package)))
    return found


def test_imports_point_to_the_left() -> None:
    assert upward_imports(PACKAGE) == []


def test_shared_code_names_no_modality() -> None:
    assert named_modalities(PACKAGE) == []


def test_every_public_module_says_what_it_offers() -> None:
    assert unlisted_modules(PACKAGE) == []


def test_every_sub_package_has_a_place_in_the_order() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders <= set(LAYERS)


def test_nothing_needs_torchvision() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path in python_files(PACKAGE)
        for node in ast.walk(tree_of(path))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
        if name.split(".")[0] in ("torchvision", "timm", "open_clip")
    ]
    assert found == []


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("copy") / "medclip"
    shutil.copytree(PACKAGE, target, ignore=shutil.ignore_patterns("__pycache__", "*.json", "*.csv", "*.tsv"))
    return target


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("core/errors.py", "import medclip.cli.__main__"),
        ("core/files.py", "def planted():\n    from medclip.data.store import PackedStore\n    return PackedStore"),
        ("core/sample.py", "if TYPE_CHECKING:\n    from medclip.encoders.model import Tower"),
        ("core/batch.py", "from ..objectives import clip"),
        ("core/batch.py", "from medclip import zeroshot"),
        ("knowledge/concept.py", "from medclip.data.access import read"),
        ("prompts/prompt_set.py", "from medclip.encoders.text import TextEncoder"),
        ("data/store.py", "from medclip import load"),
    ],
)
def test_a_planted_upward_import_is_found(copied: Path, where: str, line: str) -> None:
    path = copied / where
    before = path.read_text()
    try:
        path.write_text(f"{before}\n{line}\n")
        assert len(upward_imports(copied)) == 1
        assert where in upward_imports(copied)[0]
    finally:
        path.write_text(before)


@pytest.mark.parametrize(
    ("line", "n_found"),
    [
        ('KIND = "ecg"', 1),
        ("def load_ecg():\n    return None", 1),
        ("class CTVolume:\n    pass", 1),
        ("def read(cxr):\n    return cxr", 2),
        ("from medclip.modalities.ecg import MODALITY", 1),
        ('TEXT = f"an ECG of {id}"', 1),
        ("spec.ct_window = 1", 1),
        ("# an ecg in a comment", 0),
        ('def example():\n    """Read an ECG."""', 0),
        ('OTHER = "direct effect of cxrays, object, ct_"[:-4]', 1),
        ('WORDS = "direct, effect, object, section"', 0),
    ],
)
def test_a_planted_name_of_a_modality_is_found(copied: Path, line: str, n_found: int) -> None:
    path = copied / "cli" / "__main__.py"
    before = path.read_text()
    try:
        path.write_text(f"{before}\n{line}\n")
        assert len(named_modalities(copied)) == n_found
    finally:
        path.write_text(before)


def test_a_planted_module_without_all_is_found(copied: Path) -> None:
    path = copied / "core" / "planted.py"
    try:
        path.write_text('"""Offers nothing."""\n')
        assert unlisted_modules(copied) == ["core/planted.py"]
    finally:
        path.unlink()
