"""The command ``medclip``."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Sequence

__all__ = ["main"]

# Name -> (module, what it does). The texts stand here so that --help imports nothing.
_COMMANDS = {
    "demo": ("medclip.cli.demo", "train on simulated recordings and diagnose unseen ones, in minutes"),
    "zeroshot": ("medclip.cli.zeroshot", "score the findings of a label set for recordings from files"),
    "evaluate": ("medclip.cli.evaluate", "measure a bundle on a data set, with intervals"),
    "baselines": ("medclip.cli.baselines", "put a supervised network and an untrained encoder beside a bundle"),
    "fit": ("medclip.cli.recipe", "train from a recipe and save a bundle"),
    "validate": ("medclip.cli.recipe", "compute the validation losses of a checkpoint"),
    "test": ("medclip.cli.recipe", "compute the test losses of a checkpoint"),
    "predict": ("medclip.cli.recipe", "write the embeddings of a data set"),
    "data": ("medclip.cli.data", "list, download, pack and verify data sets"),
    "reports": ("medclip.cli.reports", "read findings off reports, as weak labels"),
    "knowledge": ("medclip.cli.knowledge", "store and search what is known about findings"),
    "prompts": ("medclip.cli.prompts", "build, check and show the sentences that describe findings"),
    "bundle": ("medclip.cli.bundle", "inspect and verify a bundle"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command and return its exit code: 0 done, 2 the user can mend it, 130 interrupted."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if hasattr(sys.stdout, "reconfigure"):
        # A terminal that lacks a letter gets its code instead of a traceback.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = _dispatch(given)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has gone (as with "| head"); that is no fault.
        _discard_output()
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _discard_output()
        return _fail("the disk is full. Free some space, then run again.")
    return code


def _dispatch(given: list[str]) -> int:
    if not given or given[0] in ("-h", "--help"):
        print(_help())
        return 0
    if given[0] == "--version":
        from medclip.version import __version__

        print(f"medclip {__version__}")
        return 0
    if given[0] not in _COMMANDS:
        return _unknown(given[0])
    return _run(_COMMANDS[given[0]][0], given)


def _run(module: str, given: list[str]) -> int:
    from medclip.core.errors import MedclipError

    try:
        code: int = importlib.import_module(module).main(given)
    except MedclipError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except SystemExit as left:
        # From --help: argparse leaves by itself, before its output is flushed.
        return left.code if isinstance(left.code, int) else 0
    return code


def _unknown(command: str) -> int:
    from medclip.core.errors import InputError

    error = InputError("unknown command", received=command, allowed=_COMMANDS, action="see medclip --help")
    return _fail(str(error))


def _fail(message: str, code: int = 2) -> int:
    if sys.stdout is not None:
        sys.stdout.flush()
    if sys.stderr is not None:
        print(f"medclip: {message}", file=sys.stderr)
    return code


def _discard_output() -> None:
    """Let what is still buffered go nowhere, so that the interpreter does not fail on it at its end."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _help() -> str:
    width = max(map(len, _COMMANDS))
    lines = [
        "usage: medclip COMMAND ...",
        "",
        "Medical multimodal models: findings without labels, with honest numbers.",
        "",
    ]
    lines += [f"  {name:<{width}}  {text}" for name, (_, text) in _COMMANDS.items()]
    lines += ["", "medclip COMMAND --help explains a command.", "Research use only. Not a medical device."]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
