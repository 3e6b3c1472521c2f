"""``medclip fit | validate | test | predict``: LightningCLI over the module and the data module."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentError
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from medclip.core.errors import ConfigError, MedclipError, OutputError
from medclip.core.recipes import find_recipe
from medclip.data.datamodule import PairDataModule
from medclip.training.callbacks import AtomicCheckpointIO, default_callbacks, default_loggers
from medclip.training.module import ContrastiveModule

__all__ = ["MedclipCLI", "describe_run", "main"]

_log = logging.getLogger(__name__)
_NEEDLESS_WARNINGS = (
    "does not have many workers",
    "is_gradient_checkpointing",
    "LeafSpec",
    "smaller than the logging interval",
    "LightningCLI's args parameter",
    r"module\(s\) in eval mode",
    "Checkpoint directory .* exists and is not empty",
    "The `srun` command is available",
)


# What needs nothing but the bundle.
_ENSEMBLES = ("mean", "centred", "positive")


class MedclipCLI(LightningCLI):
    """LightningCLI that knows where a run lies and saves a bundle when training ends."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add ``--bundle``."""
        parser.add_argument(
            "--bundle",
            type=str | None,
            default=None,
            help="Where to save the bundle; default: bundle in the run folder.",
        )
        parser.add_argument(
            "--bundle_weights",
            type=str,
            default="best",
            help="best: the checkpoint with the lowest validation loss, last: the weights at the end.",
        )
        parser.add_argument(
            "--bundle_ensemble",
            type=str | None,
            default=None,
            help="How zero-shot scores join prompts: mean, centred or positive; default: that of the modality.",
        )
        parser.add_argument(
            "--checkpoint_every_n_steps", type=int, default=500, help="Steps between two savings of last.ckpt."
        )

    def before_instantiate_classes(self) -> None:
        """Put checkpoints and logs into the run folder, and refuse to mix two runs."""
        config = self.config[self.subcommand]
        run = Path(config.trainer.default_root_dir or "runs/default")
        config.trainer.default_root_dir = str(run)
        if config.get("ckpt_path") == "last":
            config.ckpt_path = str(_last_checkpoint(run))
        elif config.get("ckpt_path") and not Path(config.ckpt_path).is_file():
            raise ConfigError("no such checkpoint", received=config.ckpt_path, allowed="last, or a file")
        if self.subcommand != "fit" or config.trainer.fast_dev_run:
            return
        if config.get("bundle_weights") not in ("best", "last"):
            raise ConfigError("unknown bundle_weights", received=config.bundle_weights, allowed="best, last")
        if config.get("bundle_ensemble") not in (None, *_ENSEMBLES):
            raise ConfigError("unknown bundle_ensemble", received=config.bundle_ensemble, allowed=_ENSEMBLES)
        if not config.get("ckpt_path") and any((run / "checkpoints").glob("*.ckpt")):
            raise OutputError(
                f"{run} holds the checkpoints of another run",
                action="continue it with --ckpt_path last, or choose another --trainer.default_root_dir",
            )
        bundle = Path(config.bundle or run / "bundle")
        if bundle.exists():
            raise OutputError(f"{bundle} exists already", action="choose another --bundle")

    def instantiate_classes(self) -> None:
        """Build what the recipe names.

        Raises:
            ConfigError: A class refuses its arguments.
        """
        try:
            super().instantiate_classes()
        except (ValueError, TypeError, MisconfigurationException) as error:
            raise _as_config_error(error) from error

    def instantiate_trainer(self, **options: Any) -> Trainer:
        """Give the trainer checkpoints and logs in the run folder, unless the recipe names a logger."""
        config = self.config[self.subcommand]
        run = Path(config.trainer.default_root_dir)
        own = self.config_init[self.subcommand].trainer.callbacks or []
        own = own if isinstance(own, list) else [own]
        has_progress = config.trainer.enable_progress_bar is not False
        every_n_steps = config.get("checkpoint_every_n_steps", 500)
        extra = default_callbacks(run, every_n_steps=every_n_steps, has_progress=has_progress)
        if has_progress and not any(isinstance(callback, ProgressBar) for callback in extra):
            options["enable_progress_bar"] = False
        if self.subcommand == "fit" and config.trainer.logger is None:
            options["logger"] = default_loggers(run)
        options["plugins"] = [*(self.config_init[self.subcommand].trainer.plugins or []), AtomicCheckpointIO()]
        trainer: Trainer = super().instantiate_trainer(callbacks=[*own, *extra], **options)
        return trainer

    def before_fit(self) -> None:
        """Set up data and model, and say what is going to happen."""
        self._prepare("fit")
        if self.trainer.world_size == 1:
            self.datamodule.train_dataloader()
        _log.info("%s", describe_run(self.model, self.datamodule, Path(self.config["fit"].trainer.default_root_dir)))

    def before_validate(self) -> None:
        """Set up data and model."""
        self._prepare("validate")

    def before_test(self) -> None:
        """Set up data and model."""
        self._prepare("test")

    def before_predict(self) -> None:
        """Set up data and model."""
        self._prepare("predict")

    def _prepare(self, stage: str) -> None:
        """Find what is wrong with the recipe before Lightning opens logs; several processes leave that to Lightning."""
        if self.trainer.world_size == 1:
            self.datamodule.prepare_data()
            self.datamodule.setup(stage)
            self.model.build(self.datamodule)

    def after_fit(self) -> None:
        """Save the bundle."""
        from medclip.cli.export import export_bundle

        config = self.config["fit"]
        run = Path(config.trainer.default_root_dir)
        if not self.trainer.is_global_zero or getattr(self.trainer, "fast_dev_run", False):
            return
        recipe = self.parser.dump(self.config, skip_none=False)
        folder = export_bundle(
            self.model,
            self.datamodule,
            self.trainer,
            Path(config.bundle or run / "bundle"),
            weights=config.bundle_weights,
            ensemble=config.get("bundle_ensemble"),
            recipe=recipe,
        )
        print(f"bundle {folder}")


def describe_run(module: ContrastiveModule, data: PairDataModule, run: Path) -> str:
    """Return a few lines: the data, what is trained, and where the run lies; only the run before the set-up."""
    lines = []
    if module.model is not None:
        counts = data.n_records()
        sizes = [(parameter.numel(), parameter.requires_grad) for parameter in module.parameters()]
        n_all, n_trained = sum(n for n, _ in sizes), sum(n for n, is_trained in sizes if is_trained)
        lines = [
            f"data   {data.dataset}: {counts['train']:,} records to train on, {counts['val']:,} to validate on; "
            f"{len(data.texts):,} distinct texts",
            f"model  {n_trained:,} of {n_all:,} parameters are trained",
        ]
    return "\n".join([*lines, f"run    {run} (continue an interrupted one with --ckpt_path last)"])


def main(given: Sequence[str]) -> int:
    """Run LightningCLI with the given arguments."""
    from medclip.training.memory import keep_freed_memory

    keep_freed_memory()
    _quieten()
    run_cli(_with_recipe_paths(given))
    return 0


def run_cli(arguments: Sequence[str]) -> MedclipCLI:
    """Build and run the CLI.

    Raises:
        ConfigError: The recipe or an option is wrong; the parser's own report, in one line.
    """
    options: dict[str, Any] = {"exit_on_error": False, "prog": "medclip"}
    try:
        return MedclipCLI(
            ContrastiveModule,
            PairDataModule,
            args=list(arguments),
            save_config_kwargs={"overwrite": True},
            trainer_defaults=_trainer_defaults(),
            seed_everything_default=0,
            parser_kwargs=options | dict.fromkeys(LightningCLI.subcommands(), options),
        )
    except ArgumentError as error:
        raise _as_config_error(error) from error
    except MisconfigurationException as error:
        raise ConfigError(" ".join(str(error).split())[:600], action="check the trainer's options") from error


def _as_config_error(error: BaseException) -> MedclipError:
    """Return medclip's own error if it is among the causes, else the message as one."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MedclipError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return ConfigError(" ".join(str(error).split())[:600], action="check the recipe; --print_config shows every key")


def _trainer_defaults() -> dict[str, Any]:
    return {
        "default_root_dir": "runs/default",
        "use_distributed_sampler": False,
        "accelerator": "auto",
        "log_every_n_steps": 10,
        "num_sanity_val_steps": 0,
        "enable_model_summary": False,
    }


def _last_checkpoint(run: Path) -> Path:
    path = run / "checkpoints" / "last.ckpt"
    if not path.is_file():
        raise ConfigError(
            f"no checkpoint to continue from in {run}",
            action="leave --ckpt_path out to start, or name the run with --trainer.default_root_dir",
        )
    return path


def _with_recipe_paths(given: Sequence[str]) -> list[str]:
    """Replace the name of a shipped recipe after ``--config`` by its path."""
    arguments = list(given)
    for position, argument in enumerate(arguments):
        if argument.startswith("--config="):
            arguments[position] = f"--config={find_recipe(argument.removeprefix('--config='))}"
        elif argument in ("--config", "-c") and position + 1 < len(arguments):
            arguments[position + 1] = str(find_recipe(arguments[position + 1]))
    return arguments


def _quieten() -> None:
    """Show what medclip logs; hide what Lightning says about itself and advice that does not apply to our loaders."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for noisy in ("httpx", "filelock", "matplotlib", "jsonargparse", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for message in _NEEDLESS_WARNINGS:
        warnings.filterwarnings("ignore", message=f".*{message}.*")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
