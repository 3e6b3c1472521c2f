"""The statements of a report in prose: the sentences of its sections, without what its image cannot show."""

from __future__ import annotations

from collections.abc import Sequence

from medclip.modalities.report.priors import without_masks, without_priors
from medclip.modalities.report.sections import sections_of
from medclip.modalities.report.sentences import sentences_of

__all__ = ["statements_of"]


def statements_of(text: str, sections: Sequence[str], *, remove_priors: bool = False) -> tuple[str, ...]:
    """Return the sentences of some sections in their order, each once.

    Args:
        text: A report as it was delivered.
        sections: Names of the sections to take; text under no heading counts as findings.
        remove_priors: Rewrite or drop sentences that speak of earlier examinations.

    >>> report = "FINDINGS: Stable cardiomegaly. No ___ effusion.\\n\\nIMPRESSION: Stable cardiomegaly."
    >>> statements_of(report, ("findings", "impression"), remove_priors=True)
    ('Cardiomegaly.', 'No effusion.')
    """
    found: dict[str, None] = {}
    for sentence in sentences_of(sections_of(text).select(tuple(sections))):
        kept = without_masks(sentence)
        if remove_priors:
            kept = without_priors(kept)
        if any(sign.isalnum() for sign in kept):
            found[kept] = None
    return tuple(found)
