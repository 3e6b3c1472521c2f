"""The table that says how much of each label set the knowledge at hand explains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from medclip.knowledge.coverage import Coverage
from medclip.results.tables import format_table

__all__ = ["coverage_table"]


def coverage_table(rows: Sequence[Coverage], *, markdown: bool = False) -> str:
    """Set coverages under each other; percentages are cut, not rounded."""
    families = sorted({family for row in rows for family in row.by_family})
    heads = ("label set", "n", "exact", "synonym", "matched", "with definition", "broader only", "none")
    columns = (*heads, *(f"{family} (def)" for family in families))
    lines = [_line(row, families) for row in rows]
    return format_table(lines, columns, alignment="l" + "r" * (len(columns) - 1), markdown=markdown)


def _line(row: Coverage, families: Iterable[str]) -> tuple[object, ...]:
    n = len(row.matches)
    by_family = (tuple(map(len, row.by_family.get(family, ((), ())))) for family in families)
    return (
        row.name,
        n,
        row.count("exact"),
        row.count("synonym"),
        _share(row.n_matched, n),
        _share(len(row.codes_with_definition), n),
        row.count("broader"),
        row.count("none"),
        *(f"{found} ({defined})" for found, defined in by_family),
    )


def _share(part: int, whole: int) -> str:
    return f"{part} ({100 * part // whole} %)" if whole else "0"
