"""``medclip data list | labels | info | download | pack | verify | reports``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from medclip.cli.arguments import Parser, count

__all__ = ["main"]

_SHOWN = 8  # codes of a label set
_LINE = 80  # characters of codes in one line


def main(given: Sequence[str]) -> int:
    """Run one of the actions on data sets."""
    parser = Parser(
        prog="medclip data",
        description="Find, fetch, pack and check data sets.",
        example="medclip data pack simulated --out store",
    )
    actions = parser.add_subparsers(dest="action", required=True, parser_class=Parser, metavar="ACTION")
    actions.add_parser("list", help="data sets that medclip knows").set_defaults(run=_list)
    labels = actions.add_parser("labels", help="label sets that medclip knows")
    labels.add_argument("--all", action="store_true", help=f"show all codes of each set, not only the first {_SHOWN}")
    labels.set_defaults(run=_labels)
    info = actions.add_parser("info", help="version, licence and citation of a data set")
    info.add_argument("dataset", metavar="NAME")
    info.set_defaults(run=_info)
    download = actions.add_parser("download", help="fetch a data set; run it again to continue")
    download.add_argument("dataset", metavar="NAME", help="one of medclip data list")
    download.add_argument("--out", required=True, type=Path, metavar="DIR", help="where to put it")
    download.add_argument("--part", action="append", metavar="NAME", help="fetch only this part; may be repeated")
    download.add_argument("--base-url", metavar="URL", help="a mirror, instead of the publisher's address")
    download.add_argument("--parallel", type=count, default=8, metavar="N", help="connections at a time; default: 8")
    download.set_defaults(run=_download)
    pack = actions.add_parser("pack", help="pack a data set for fast reading; run it again to continue")
    _add_source(pack)
    pack.add_argument("--out", required=True, type=Path, metavar="DIR", help="the packed store")
    pack.add_argument("--skip-unreadable", action="store_true", help="leave out records that cannot be decoded")
    pack.add_argument("--processes", type=count, default=1, metavar="N", help="processes that read, 1 to 256")
    pack.set_defaults(run=_pack)
    verify = actions.add_parser("verify", help="compare a packed store with its checksums")
    verify.add_argument("store", type=Path, metavar="DIR", help="the packed store")
    verify.set_defaults(run=_verify)
    reports = actions.add_parser("reports", help="how many words of the reports the glossaries know")
    _add_source(reports)
    reports.set_defaults(run=_reports)
    args = parser.parse_args(given[1:])
    args.run(args)
    return 0


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="NAME", help="one of medclip data list, or the folder of a packed store")
    parser.add_argument("--root", type=Path, metavar="DIR", help="folder of the data set")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="option of the data set")


def _list(args: argparse.Namespace) -> None:
    from medclip.core.modality import discover
    from medclip.results.tables import format_table

    rows = [
        (name, modality.title, modality.dataset(name).description)
        for modality in discover().values()
        for name in modality.dataset_names()
    ]
    print(format_table(rows, ("data set", "kind", "what")))


def _labels(args: argparse.Namespace) -> None:
    from medclip.core.label_set import LabelSet
    from medclip.core.named_files import label_set_names
    from medclip.results.tables import format_table

    labels = [LabelSet.load(name) for name in label_set_names()]
    rows: list[tuple[object, ...]] = []
    for one in labels:
        lines = _wrapped(one.codes) if args.all else [_first(one.codes)]
        rows += [(one.name, one.modality, len(one), lines[0]), *(("", "", "", line) for line in lines[1:])]
    print(format_table(rows, ("label set", "modality", "findings", "codes")))


def _first(codes: Sequence[str]) -> str:
    n_more = len(codes) - _SHOWN
    return ", ".join(codes[:_SHOWN]) + (f", and {n_more} more (--all)" if n_more > 0 else "")


def _wrapped(codes: Sequence[str]) -> list[str]:
    """Set codes in lines; none is broken, for some hold blanks."""
    lines = [codes[0]]
    for code in codes[1:]:
        if len(lines[-1]) + len(code) + 3 <= _LINE:
            lines[-1] += f", {code}"
        else:
            lines[-1] += ","
            lines.append(code)
    return lines


def _info(args: argparse.Namespace) -> None:
    from medclip.core.cards import load_card
    from medclip.core.modality import find_dataset

    factory = find_dataset(args.dataset)[1]
    print(factory.description)
    if not factory.needs_root:
        print("computed when it is used: there is nothing to download")
        return
    card = load_card(factory.name)
    for name in ("title", "version", "licence", "url", "citation", "access_conditions"):
        value = getattr(card, name)
        if value:
            print(f"{name.replace('_', ' ')}: {value}")


def _download(args: argparse.Namespace) -> None:
    from medclip.core.cards import load_card
    from medclip.data.download import download_dataset

    folder = download_dataset(
        load_card(args.dataset), args.out, base_url=args.base_url, parts=args.part, n_parallel=args.parallel
    )
    print(f"complete and verified: {folder}")


def _pack(args: argparse.Namespace) -> None:
    from tqdm import tqdm

    from medclip.cli.options import parse_options
    from medclip.data.access import open_dataset
    from medclip.data.pack import pack
    from medclip.data.store import STORE_FILE

    dataset = open_dataset(args.dataset, args.root, **parse_options(args.option))
    is_there = (args.out / STORE_FILE).is_file()
    with tqdm(total=len(dataset), desc=f"packing {dataset.name}", unit=" records", disable=None) as bar:
        store = pack(
            dataset,
            args.out,
            skip_unreadable=args.skip_unreadable,
            n_processes=args.processes,
            progress=lambda done, _: bar.update(done - bar.n),
        )
    skipped = store.description["skipped"]
    for entry in skipped[:10]:
        print(f"left out {entry['record_id']}: {entry['reason']}")
    if len(skipped) > 10:
        print(f"... and {len(skipped) - 10} more, all listed in {args.out / 'store.json'}")
    done = (
        f"{args.out} already holds these {len(store)} records"
        if is_there
        else f"packed {len(store)} records into {args.out}"
    )
    print(done + (f", left out {len(skipped)}" if skipped else ""))


def _verify(args: argparse.Namespace) -> None:
    from medclip.data.store import PackedStore

    store = PackedStore(args.store)
    store.verify()
    print(f"{args.store}: {len(store)} records, every file is as it was packed")


def _reports(args: argparse.Namespace) -> None:
    from medclip.cli.options import parse_options
    from medclip.core.modality import find_modality
    from medclip.data.access import open_dataset
    from medclip.modalities.report.pipeline import ReportPipeline

    dataset = open_dataset(args.dataset, args.root, **parse_options(args.option))
    glossaries = find_modality(dataset.modality).folder / "glossary"
    pipeline = ReportPipeline(glossary_dir=str(glossaries))
    print(pipeline.coverage(info.report for info in dataset.records if info.report).to_text())
