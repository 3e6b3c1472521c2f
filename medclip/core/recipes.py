"""Recipes that come with medclip."""

from __future__ import annotations

from pathlib import Path

from medclip.core.errors import ConfigError

__all__ = ["find_recipe", "recipe_names"]


def find_recipe(name_or_path: str) -> Path:
    """Return the file of a recipe: a path, or the name of a shipped one such as ``smoke/...`` without ``.yaml``.

    Raises:
        ConfigError: There is neither such a file nor such a recipe.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    shipped = _folder() / f"{name_or_path.removesuffix('.yaml').removeprefix('recipes/')}.yaml"
    if ".." not in Path(name_or_path).parts and shipped.is_file():
        return shipped
    raise ConfigError("no such recipe", received=name_or_path, allowed=["the path of a YAML file", *recipe_names()])


def recipe_names() -> list[str]:
    """Names of the shipped recipes."""
    folder = _folder()
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))


def _folder() -> Path:
    """In an installed wheel the recipes lie inside the package, in a checkout beside it."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "recipes"
    return inside if inside.is_dir() else package.parent / "recipes"
