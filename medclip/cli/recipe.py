"""``medclip fit | validate | test | predict``: what can be said before the trainer is imported, which takes seconds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from medclip.core.errors import ConfigError
from medclip.core.recipes import find_recipe, recipe_names

__all__ = ["main"]

_EVERY_OPTION = "--help_all"
_TITLES = {
    "fit": "Train from a recipe and save a bundle.",
    "validate": "Compute the validation losses of a checkpoint.",
    "test": "Compute the test losses of a checkpoint.",
    "predict": "Write the embeddings of a data set.",
}


def main(given: Sequence[str]) -> int:
    """Check the recipes that are named, then hand over to the trainer's own command line.

    Raises:
        ConfigError: No recipe is named, or there is no such recipe.
    """
    command, *arguments = given
    if "-h" in arguments or "--help" in arguments:
        print(_help(command))
        return 0
    if _EVERY_OPTION in arguments:
        arguments[arguments.index(_EVERY_OPTION)] = "--help"
    elif not arguments:
        raise ConfigError(
            f"medclip {command} needs a recipe",
            allowed=["--config with the path of a YAML file", *recipe_names()],
            action=f"try medclip {command} --help",
        )
    for name in _named(arguments):
        find_recipe(name)

    from medclip.cli import train

    return train.main([command, *arguments])


def _named(arguments: Sequence[str]) -> list[str]:
    apart = [name for option, name in itertools.pairwise(arguments) if option in ("--config", "-c")]
    return apart + [text.removeprefix("--config=") for text in arguments if text.startswith("--config=")]


def _help(command: str) -> str:
    recipes = "".join(f"\n  {name}" for name in recipe_names())
    example = f"medclip {command} --config smoke/{_smallest()} --trainer.default_root_dir runs/smoke"
    return f"""usage: medclip {command} --config RECIPE [--KEY VALUE ...]

{_TITLES[command]}

options:
  --config RECIPE                   a YAML file, or one of the recipes below
  --trainer.default_root_dir DIR    folder of the run: checkpoints, logs and the bundle; default: runs/default
  --trainer.max_epochs N            any key of a recipe can be replaced like this
  --data.root DIR                   folder of the data set, if it needs one
  --ckpt_path last                  continue the run in its folder, or a checkpoint file
  --print_config                    print the complete recipe and stop
  {_EVERY_OPTION}                        explain every key; takes some seconds

recipes:{recipes}

example:
  {example}"""


def _smallest() -> str:
    return next((name.removeprefix("smoke/") for name in recipe_names() if name.startswith("smoke/")), "NAME")
