"""``medclip knowledge build | add | search | show | status | coverage``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medclip.cli.arguments import Parser

if TYPE_CHECKING:
    from medclip.knowledge.coverage import Coverage
    from medclip.knowledge.store import KnowledgeStore
    from medclip.knowledge.vocabulary import Entry, Vocabulary

__all__ = ["main"]


def main(given: Sequence[str]) -> int:
    """Run one of the actions on the knowledge store."""
    parser = Parser(prog="medclip knowledge", description="What findings are, what they are called, and who says so.")
    actions = parser.add_subparsers(dest="action", required=True, parser_class=Parser)
    build = _action(actions, "build", _build, "make the store from medclip's catalogue, or bring it up to date")
    add = _action(actions, "add", _add, "store a published vocabulary; run it again if it was interrupted")
    add.add_argument("source", help="its name, such as hpo, doid or umls, so that no other is taken for it; or auto")
    add.add_argument("path", help="file or folder; for omop also a PostgreSQL URL, which is only checked")
    search = _action(actions, "search", _search, "find concepts by words")
    search.add_argument("text", nargs="+")
    search.add_argument("--limit", type=int, default=10, help="most concepts to show; default 10")
    search.add_argument("--modality", help="leave out findings of other modalities")
    show = _action(actions, "show", _show, "everything about an id, or about the finding with a code")
    show.add_argument("id", metavar="CODE_OR_ID")
    show.add_argument("--labels", help="the label set that the code is of")
    status = _action(actions, "status", _status, "sources, versions, licences")
    coverage = _action(actions, "coverage", _coverage, "how much of a label set the sources explain")
    coverage.add_argument("labels", nargs="*", help="label sets")
    coverage.add_argument(
        "--label-file",
        action="append",
        default=[],
        type=Path,
        metavar="CSV",
        help="label set with the columns code, name, equivalents, broader; may be repeated",
    )
    coverage.add_argument("--findings", action="store_true", help="also show each finding with what was found")
    for action in (build, add, search, show, status, coverage):
        action.add_argument("--store", metavar="URL", help="path, or postgresql://...; default $MEDCLIP_KNOWLEDGE")
    for action in (search, show, coverage):
        action.add_argument("--omop", metavar="URL", help="ask the OMOP vocabulary in this PostgreSQL, in place")
        action.add_argument("--omop-schema", default="public", help="schema of its tables; default public")
    args = parser.parse_args(given[1:])
    args.run(args)
    return 0


def _action(actions: argparse._SubParsersAction[Parser], name: str, run: object, text: str) -> Parser:
    parser: Parser = actions.add_parser(name, help=text)
    parser.set_defaults(run=run)
    return parser


def _open(args: argparse.Namespace) -> KnowledgeStore:
    from medclip.knowledge.store import open_store

    return open_store(args.store)


def _vocabulary(args: argparse.Namespace) -> Vocabulary:
    if args.omop is None:
        return _open(args)
    from medclip.knowledge.sources.omop_database import OmopDatabase

    return OmopDatabase(args.omop, args.omop_schema)


def _build(args: argparse.Namespace) -> None:
    print(f"the catalogue is in {_open(args).where}")


def _add(args: argparse.Namespace) -> None:
    from tqdm import tqdm

    from medclip.core.errors import InputError
    from medclip.knowledge.source import read_source

    if "://" in args.path:
        _check_database(args)
        return
    source = read_source(Path(args.path))
    name = source.origin.source
    if args.source not in ("auto", name, name.partition("-")[0]):
        raise InputError(f"{args.path} is of another source", received=args.source, allowed=[name, "auto"])
    store = _open(args)
    with tqdm(desc=f"storing {name}", unit=" concepts", disable=None) as bar:
        is_new = store.add(source, lambda done: bar.update(done - bar.n) and None)
    what = f"{name} {source.origin.version} ({source.origin.licence})"
    print(f"stored {what} in {store.where}" if is_new else f"{what} is in {store.where} already")


def _check_database(args: argparse.Namespace) -> None:
    from medclip.core.errors import InputError
    from medclip.knowledge.sources.omop_database import OmopDatabase

    if args.source not in ("auto", "omop"):
        raise InputError("only an OMOP vocabulary can be read in a database", received=args.source, allowed="omop")
    database = OmopDatabase(args.path)
    print(f"OMOP vocabulary {database.origin.version} in {database.where} is read in place: name it by --omop")


def _search(args: argparse.Namespace) -> None:
    from medclip.results.tables import format_table

    found = _vocabulary(args).search(" ".join(args.text), limit=args.limit, modality=args.modality)
    rows = [(entry.concept.id, entry.concept.term, _source(entry)) for entry in found]
    print(format_table(rows, ("id", "term", "source")) if rows else "nothing found")


def _show(args: argparse.Namespace) -> None:
    vocabulary = _vocabulary(args)
    entries = vocabulary.entries(args.id)
    if not entries:
        entries = _entries_of_code(args, vocabulary)
    for entry in entries:
        print(_described(entry))
    print(f"same as: {', '.join(sorted(vocabulary.same_as(entries[0].concept.id))) or '-'}")
    print(f"kind of: {', '.join(sorted(vocabulary.ancestors(entries[0].concept.id))) or '-'}")


def _entries_of_code(args: argparse.Namespace, vocabulary: Vocabulary) -> tuple[Entry, ...]:
    """A code means something in its label set only."""
    from medclip.core.errors import InputError
    from medclip.core.label_set import LabelSet
    from medclip.knowledge.match import match_finding

    if args.labels is None:
        raise InputError("there is no such id", received=args.id, action="for a code, name its label set by --labels")
    match = match_finding(LabelSet.load(args.labels).finding(args.id), vocabulary)
    entries = match.entries or match.broader
    if not entries:
        raise InputError(f"no concept is known for {args.id} of {args.labels}")
    return entries


def _described(entry: Entry) -> str:
    concept = entry.concept
    lines = [f"{concept.id}  {concept.term}{'  (withdrawn)' if concept.is_obsolete else ''}", f"  {_source(entry)}"]
    lines += [f"  {concept.definition}"] if concept.definition else []
    lines += [f"  {synonym.scope}: {synonym.text}" for synonym in concept.synonyms]
    if concept.description:
        lines += [f"  present: {text}" for text in concept.description.appearance]
        lines += [f"  absent: {text}" for text in concept.description.absence]
        lines += [f"  reports when present: {text}" for text in concept.description.wording]
        lines += [f"  reports instead: {text}" for text in concept.description.wording_instead]
    return "\n".join(lines)


def _source(entry: Entry) -> str:
    return f"{entry.origin.source} {entry.origin.version} ({entry.origin.licence})"


def _status(args: argparse.Namespace) -> None:
    from medclip.results.tables import format_table

    status = _open(args).status()
    rows = [(one.name, one.version, one.n_concepts, one.n_links, one.loaded_at, one.licence) for one in status.sources]
    print(f"{status.where}, schema {status.schema_version}\n")
    print(format_table(rows, ("source", "version", "concepts", "links", "loaded at", "licence"), alignment="llrrll"))


def _coverage(args: argparse.Namespace) -> None:
    from medclip.core.errors import InputError
    from medclip.core.label_set import LabelSet
    from medclip.knowledge.coverage import coverage_of, read_label_file
    from medclip.results.coverage import coverage_table

    if not args.labels and not args.label_file:
        raise InputError("no label set is named", action="name one, or give --label-file")
    vocabulary = _vocabulary(args)
    rows = [coverage_of(name, LabelSet.load(name).findings, vocabulary) for name in args.labels]
    for path in args.label_file:
        findings, wordings = read_label_file(path)
        rows.append(coverage_of(path.stem, findings, vocabulary, wordings))
    print(coverage_table(rows))
    for row in rows if args.findings else ():
        print(f"\n{_findings(row)}")


def _findings(row: Coverage) -> str:
    from medclip.results.tables import format_table

    lines = [
        (match.finding.code, match.grade, "; ".join(f"{one.concept.id} {one.concept.term}" for one in found[:4]))
        for match in row.matches
        for found in [match.entries or match.broader]
    ]
    return format_table(lines, (row.name, "grade", "concepts"))
