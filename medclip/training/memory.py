"""Placeholder until measured."""


def keep_freed_memory() -> None:
    """See helper."""
