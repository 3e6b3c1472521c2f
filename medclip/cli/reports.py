"""``medclip reports extract``."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from medclip.cli.arguments import Parser

__all__ = ["main"]

_COLUMNS = ("present", "absent", "uncertain", "historical", "not mentioned")


def main(given: Sequence[str]) -> int:
    """Read reports."""
    parser = Parser(
        prog="medclip reports",
        description="Read reports by rules: phrases of findings, negation, uncertainty, sections.",
        example="medclip reports extract reports.csv --labels chexpert --out labels.csv",
    )
    actions = parser.add_subparsers(dest="action", required=True, parser_class=Parser, metavar="ACTION")
    extract = actions.add_parser("extract", help="write which findings reports assert or deny, as weak labels")
    extract.add_argument(
        "reports", type=Path, metavar="FILE", help="CSV file, or folder or archive of .txt or .xml files"
    )
    extract.add_argument("--labels", required=True, metavar="NAME", help="label set, one of medclip data labels")
    extract.add_argument("--out", required=True, type=Path, metavar="FILE", help="CSV file to write")
    extract.add_argument("--overwrite", action="store_true", help="replace FILE if it is there")
    extract.add_argument("--id", metavar="COLUMN", help="column of identifiers; default: the first")
    extract.add_argument("--text", metavar="COLUMN", help="column of reports; default: report, text or the sections")
    extract.add_argument(
        "--uncertain",
        choices=["blank", "positive", "negative"],
        default="blank",
        help="what a finding that is doubted becomes; default: blank",
    )
    args = parser.parse_args(given[1:])
    _extract(args)
    return 0


def _extract(args: argparse.Namespace) -> None:
    from medclip.core.errors import OutputError
    from medclip.core.label_set import LabelSet
    from medclip.evaluation.weak_labels import write_weak_labels
    from medclip.modalities.report.collection import read_reports

    if args.out.exists() and (args.reports.exists() and args.out.samefile(args.reports)):
        raise OutputError(f"{args.out} holds the reports themselves", action="choose another --out")
    if args.out.exists() and not args.overwrite:
        raise OutputError(f"{args.out} exists already", action="choose another --out, or say --overwrite")
    labels = LabelSet.load(args.labels)
    reports = read_reports(args.reports, id_column=args.id, text_column=args.text)
    counts = write_weak_labels(reports, labels, args.out, uncertain=args.uncertain)
    print(_table(counts))
    print(f"{args.out}: weak labels of {sum(counts[labels.codes[0]].values())} reports, read off their text by rules")


def _table(counts: Mapping[str, Counter[str]]) -> str:
    from medclip.results.tables import format_table

    rows = [(code, *(said[column] for column in _COLUMNS)) for code, said in counts.items()]
    return format_table(rows, ("finding", *_COLUMNS), alignment="l" + "r" * len(_COLUMNS))
