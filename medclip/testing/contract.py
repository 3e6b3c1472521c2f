"""How a contract test fails."""

from __future__ import annotations

__all__ = ["ContractError", "require"]


class ContractError(AssertionError):
    """A plug-in does not do what medclip relies on; the message says what that is."""


def require(condition: object, what: str) -> None:
    """Raise ``ContractError`` unless a condition holds; unlike an assertion it also works under ``python -O``."""
    if not condition:
        raise ContractError(what)
