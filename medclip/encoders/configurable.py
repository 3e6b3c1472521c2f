"""Modules that remember how they were built, so that a bundle can build them again."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

from medclip.core.errors import BundleError

__all__ = ["Configurable", "build", "describe"]

_ENTRY_POINT_GROUP = "medclip.encoders"


class Configurable:
    """Mix-in, named before ``nn.Module``, that keeps the arguments of the constructor.

    The arguments must be plain types (numbers, text, None, lists and dictionaries of these) or modules that are
    configurable themselves. A module that reads something at its construction, such as pretrained weights, calls
    ``remember`` with arguments that build it without.
    """

    _arguments: dict[str, Any]

    def __init_subclass__(cls, **options: Any) -> None:
        """Wrap the constructor of a subclass, so that it notes its arguments."""
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            cls.__init__ = _noting_arguments(cls.__init__)  # type: ignore[method-assign]

    def remember(self, **arguments: Any) -> None:
        """Replace noted arguments."""
        object.__setattr__(self, "_arguments", self._arguments | arguments)


def _noting_arguments(original: Callable[..., None]) -> Callable[..., None]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        if "_arguments" not in vars(self):
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            object.__setattr__(self, "_arguments", _named(signature, dict(list(bound.arguments.items())[1:])))
        original(self, *args, **kwargs)

    return init


def _named(signature: inspect.Signature, arguments: dict[str, Any]) -> dict[str, Any]:
    """Merge what a ``**`` parameter took into the other arguments, so that the constructor takes them again."""
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            arguments |= arguments.pop(name)
    return arguments


def describe(module: Configurable) -> dict[str, Any]:
    """Return ``{"class": "package.module:Name", "arguments": {...}}`` in plain types."""
    cls = type(module)
    arguments = {
        name: describe(value) if isinstance(value, Configurable) else value for name, value in module._arguments.items()
    }
    return {"class": f"{cls.__module__}:{cls.__qualname__}", "arguments": arguments}


def build(described: Mapping[str, Any]) -> Any:
    """Build a module from what ``describe`` returned.

    Only classes of medclip and of packages that declare themselves under the entry point group ``medclip.encoders``
    are imported, so that a bundle cannot name arbitrary code.

    Raises:
        BundleError: The class is unknown or does not take the arguments.
    """
    module, _, name = str(described.get("class", "")).partition(":")
    packages = ["medclip"] + [entry.value.partition(":")[0] for entry in entry_points(group=_ENTRY_POINT_GROUP)]
    if module.split(".")[0] not in {package.split(".")[0] for package in packages}:
        raise BundleError("the bundle names an encoder of an unknown package", received=module, allowed=packages)
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise BundleError("the bundle names an unknown encoder", received=described.get("class")) from error
    if not (isinstance(cls, type) and issubclass(cls, Configurable)):
        raise BundleError("the bundle names something that is no encoder", received=described["class"])
    arguments = {
        key: build(value) if isinstance(value, Mapping) and value.keys() == {"class", "arguments"} else value
        for key, value in described.get("arguments", {}).items()
    }
    try:
        return cls(**arguments)
    except TypeError as error:
        raise BundleError(f"{name} does not take the arguments in the bundle ({error})") from error
