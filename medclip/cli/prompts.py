"""``medclip prompts build | lint | show``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medclip.cli.arguments import Parser

if TYPE_CHECKING:
    from collections.abc import Callable

    from medclip.core.label_set import LabelSet
    from medclip.knowledge.lookup import Knowledge
    from medclip.prompts.checks.form import Length
    from medclip.prompts.llm.asking import Asking
    from medclip.prompts.llm.request import LanguageModel

__all__ = ["main"]


def main(given: Sequence[str]) -> int:
    """Build, check or show a prompt set; ``lint`` returns 1 if it finds problems."""
    args = _parser().parse_args(given[1:])
    code: int = args.run(args)
    return code


def _parser() -> Parser:
    parser = Parser(prog="medclip prompts", description="Build, check and show the sentences that describe findings.")
    actions = parser.add_subparsers(required=True, metavar="build | lint | show", parser_class=Parser)
    _add_build(actions.add_parser("build", help="write a prompt set from a label set and clinical knowledge"))
    _add_lint(actions.add_parser("lint", help="find what is wrong in a prompt file"))
    show = actions.add_parser("show", help="print the sentences of one class with their origin")
    show.add_argument("file", help="prompt set by name or JSON file")
    show.add_argument("code", help="class, as the label set spells it")
    show.set_defaults(run=_show)
    return parser


def _add_build(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--labels", required=True, help="label set by name")
    parser.add_argument("--strategy", required=True, help="how the sentences are made; a wrong name lists all")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="JSON file to write")
    parser.add_argument("--name", help="what the set is called; default: label set and strategy")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    parser.add_argument(
        "--knowledge",
        metavar="URL",
        help="verify against this knowledge store too: a path, postgresql://..., or default; without it the catalogue",
    )
    parser.add_argument("--llm-url", metavar="URL", help="OpenAI-compatible endpoint, such as http://127.0.0.1:8000/v1")
    parser.add_argument("--llm-model", metavar="NAME", help="model at the endpoint")
    parser.add_argument("--llm-folder", type=Path, metavar="DIR", help="model in this process, from a folder")
    parser.add_argument("--llm-key-env", default="OPENAI_API_KEY", metavar="NAME", help="variable that holds the key")
    parser.add_argument("--llm-timeout", type=float, default=120.0, metavar="SECONDS", help="of one try; default 120")
    parser.add_argument("--llm-tries", type=int, default=5, metavar="N", help="tries of one request; default 5")
    parser.add_argument("--llm-concurrency", type=int, default=4, metavar="N", help="requests at a time; default 4")
    parser.add_argument("--llm-max-tokens", type=int, default=1024, metavar="N", help="of one answer; default 1024")
    parser.add_argument("--temperature", type=float, default=0.0, help="of the language model; default 0")
    parser.add_argument("--seed", type=int, default=0, help="of the language model; default 0")
    parser.add_argument("--price-sent", type=float, metavar="PRICE", help="per million tokens sent")
    parser.add_argument("--price-received", type=float, metavar="PRICE", help="per million tokens received")
    parser.add_argument("--offline", action="store_true", help="use only answers that the cache holds")
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="answers of language models; default: medclip's cache"
    )
    _add_length(parser)
    parser.set_defaults(run=_build)


def _add_lint(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help='prompt file; {"CODE": "phrase, phrase"} is read too')
    parser.add_argument("--labels", action="append", default=[], help="label set that the file describes; repeatable")
    parser.add_argument(
        "--label-file",
        action="append",
        default=[],
        type=Path,
        metavar="CSV",
        help="label set of your own: code,name[,parent,polarity,text,concept,equivalents]; repeatable",
    )
    _add_length(parser)
    parser.set_defaults(run=_lint)


def _add_length(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--max-tokens", type=int, default=256, help="that the text encoder reads; default 256")
    parser.add_argument("--tokenizer", type=Path, metavar="DIR", help="of the text encoder; default: 4 bytes a token")


def _build(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from medclip.core.errors import OutputError
    from medclip.core.label_set import LabelSet
    from medclip.prompts.builder import build_prompts
    from medclip.prompts.strategy import find_strategy

    if args.out.exists() and not args.overwrite:
        raise OutputError(f"{args.out} exists already", action="choose another file, or say --overwrite")
    labels = LabelSet.load(args.labels)
    asks = find_strategy(args.strategy).ask is not None
    with tqdm(total=len(labels), desc="asking", unit=" findings", disable=None if asks else True) as bar:
        asking = _asking(args, bar.update) if asks else None
        built = build_prompts(
            labels,
            args.strategy,
            knowledge=_knowledge(args.knowledge),
            asking=asking,
            length=_length(args),
            name=args.name or args.out.stem,
        )
    built.write(args.out, overwrite=args.overwrite)
    n_rejected = sum(len(entry.rejected) for entry in built.prompts.values())
    fallen = [code for code, entry in built.prompts.items() if entry.fallback]
    print(
        f"wrote {args.out}: {len(built.prompts)} classes, {len(built.texts)} sentences, {n_rejected} phrases rejected"
    )
    if fallen:
        print(f"fell back to the definition: {', '.join(fallen)}")
    if asking is not None:
        print(_usage(args, asking))
    return 0


def _knowledge(url: str | None) -> Knowledge | None:
    if url is None:
        return None
    from medclip.knowledge.store import open_store
    from medclip.knowledge.stored import StoredKnowledge

    return StoredKnowledge(open_store(None if url == "default" else url))


def _asking(args: argparse.Namespace, progress: Callable[[int], object]) -> Asking:
    from medclip.core.cache import cache_folder
    from medclip.core.errors import ConfigError
    from medclip.prompts.llm.asking import Asking
    from medclip.prompts.llm.cache import ReplyCache

    if args.llm_concurrency < 1 or args.llm_tries < 1 or args.llm_max_tokens < 1 or args.llm_timeout <= 0:
        raise ConfigError("tries, concurrency, tokens and time-out of the language model must be positive")
    return Asking(
        _language_model(args),
        ReplyCache(args.cache or cache_folder() / "llm"),
        model_name=args.llm_model,
        temperature=args.temperature,
        seed=args.seed,
        max_tokens=args.llm_max_tokens,
        n_concurrent=args.llm_concurrency,
        progress=progress,
    )


def _language_model(args: argparse.Namespace) -> LanguageModel | None:
    from medclip.core.errors import ConfigError

    if args.llm_folder and (args.llm_url or args.llm_model):
        raise ConfigError("two language models are named", action="name a folder, or a URL with a model")
    if args.llm_folder:
        from medclip.prompts.llm.local import LocalModel

        local = LocalModel(args.llm_folder)
        args.llm_model = local.name
        return None if args.offline else local
    if not args.llm_model or not (args.llm_url or args.offline):
        raise ConfigError(
            f"strategy {args.strategy} asks a language model",
            action="give --llm-url and --llm-model, or --llm-folder, or --offline and --llm-model",
        )
    return None if args.offline else _endpoint(args)


def _endpoint(args: argparse.Namespace) -> LanguageModel:
    from urllib.parse import urlsplit

    from medclip.prompts.llm.endpoint import Endpoint, is_local

    endpoint = Endpoint(
        args.llm_url,
        args.llm_model,
        key_variable=args.llm_key_env,
        timeout_s=args.llm_timeout,
        n_tries=args.llm_tries,
    )
    if not is_local(args.llm_url):
        host = urlsplit(args.llm_url).hostname
        print(f"note: {host} is not this machine; only class names and definitions are sent to it", file=sys.stderr)
    return endpoint


def _usage(args: argparse.Namespace, asking: Asking) -> str:
    usage = asking.usage
    said = (
        f"language model: {usage.n_asked} asked, {usage.n_cached} from the cache, "
        f"{usage.n_prompt_tokens} tokens sent, {usage.n_answer_tokens} received"
    )
    if args.price_sent is None and args.price_received is None:
        return said
    cost = usage.cost(per_million_sent=args.price_sent or 0.0, per_million_received=args.price_received or 0.0)
    return f"{said}, cost {cost:.4f}"


def _length(args: argparse.Namespace) -> Length:
    from medclip.core.errors import ConfigError
    from medclip.prompts.checks.form import Length

    if args.max_tokens < 1:
        raise ConfigError("the text encoder reads at least one token", received=args.max_tokens)
    if args.tokenizer is None:
        return Length(args.max_tokens)
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(args.tokenizer, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{args.tokenizer} holds no tokenizer", action="name the folder of a text encoder") from error
    return Length(args.max_tokens, lambda text: len(tokenizer(text)["input_ids"]))


def _lint(args: argparse.Namespace) -> int:
    from medclip.core.label_set import LabelSet
    from medclip.knowledge.lookup import CatalogueKnowledge
    from medclip.prompts.label_file import read_label_file
    from medclip.prompts.lint import lint

    # Without label sets, the catalogue is not even read.
    knowledge: Knowledge = CatalogueKnowledge(None if args.labels or args.label_file else ())
    labels: list[tuple[LabelSet, Knowledge]] = [(LabelSet.load(name), knowledge) for name in args.labels]
    labels += [read_label_file(path, knowledge=knowledge) for path in args.label_file]
    problems = lint(args.file, labels, length=_length(args))
    for problem in problems:
        print(f"{args.file}:{problem}")
    n_classes = len({problem.code for problem in problems if problem.code})
    print(f"{len(problems)} problems in {n_classes} classes" if problems else f"{args.file}: no problems")
    return 1 if problems else 0


def _show(args: argparse.Namespace) -> int:
    from medclip.core.errors import PromptError
    from medclip.prompts.prompt_set import PromptSet

    prompt_set = PromptSet.load(args.file)
    if args.code not in prompt_set.prompts:
        raise PromptError(f"{prompt_set.name} has no such class", received=args.code, allowed=list(prompt_set.prompts))
    entry = prompt_set.prompts[args.code]
    for side, texts in (("positive", entry.positive), ("negative", entry.negative)):
        print(side)
        for text in texts:
            known = entry.provenance.get(text)
            origin = (
                ", ".join(f"{key} {value}" for key, value in known.origin.to_dict().items() if value) if known else ""
            )
            print(f"  {text}\n    {origin or 'by hand'}" + (f"; passed {', '.join(known.checks)}" if known else ""))
    for phrase in entry.rejected:
        print(f"rejected: {phrase.text}\n    {phrase.reason}")
    if entry.fallback:
        print(f"fallback: {entry.fallback}")
    return 0
