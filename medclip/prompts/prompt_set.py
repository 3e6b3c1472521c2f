"""Positive and negative sentences for every finding of a label set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from medclip.core.errors import OutputError, PromptError
from medclip.core.files import read_json, write_whole
from medclip.core.label_set import LabelSet
from medclip.core.named_files import find_prompt_set_file
from medclip.prompts.provenance import Provenance, Rejected

__all__ = ["PromptSet", "Prompts"]

_SCHEMAS = (1, 2)
_MAXIMUM_BYTES = 16 << 20


@dataclass(frozen=True)
class Prompts:
    """Sentences for one finding.

    Args:
        positive: Each says that the finding is there.
        negative: Each says that it is not, or names what is seen instead.
        provenance: Of each sentence of which it is known, by sentence.
        rejected: Phrases that were considered and left out.
        fallback: Why the finding was described otherwise than asked for; empty if it was not.
    """

    positive: tuple[str, ...]
    negative: tuple[str, ...]
    provenance: Mapping[str, Provenance] = field(default_factory=dict)
    rejected: tuple[Rejected, ...] = ()
    fallback: str = ""


@dataclass(frozen=True)
class PromptSet:
    """Sentences for every finding of one label set.

    Args:
        name: What the set is called.
        label_set: Name of the label set it was written for.
        prompts: By code.
        strategy: How the sentences were made; empty if by hand.
        settings: What else the sentences depend on, such as the language model and its seed, in texts and numbers.
    """

    name: str
    label_set: str
    prompts: Mapping[str, Prompts]
    strategy: str = ""
    settings: Mapping[str, str | int | float] = field(default_factory=dict)

    @classmethod
    def load(cls, name_or_path: str) -> PromptSet:
        """Load a shipped prompt set by name, or any by the path of its JSON file.

        Raises:
            PromptError: There is none of that name, or the file is malformed.
        """
        path = Path(name_or_path)
        if path.suffix == ".json" or path.is_file():
            return cls.read(path)
        return cls.read(find_prompt_set_file(name_or_path)[1])

    @classmethod
    def read(cls, path: Path) -> PromptSet:
        """Read a JSON file with the keys schema, name, label_set and prompts.

        Raises:
            PromptError: The file is missing or malformed; the message names the class concerned.
        """
        try:
            content = read_json(path, maximum_bytes=_MAXIMUM_BYTES)
        except FileNotFoundError as error:
            raise PromptError(f"{path} does not exist", action="check the path") from error
        except (OSError, ValueError) as error:
            raise PromptError(f"{path} is no prompt set ({error})", action="see docs/prompts.md") from error
        return cls.from_dict(content, source=str(path))

    @classmethod
    def from_dict(cls, content: Any, *, source: str) -> PromptSet:
        """Check and convert plain types.

        Raises:
            PromptError: They do not describe a prompt set.
        """
        if not isinstance(content, dict) or not isinstance(content.get("prompts"), dict):
            raise PromptError(
                f"{source} is no prompt set",
                allowed='{"schema": 1, "name": ..., "label_set": ..., "prompts": {code: ...}}',
                action="see docs/prompts.md",
            )
        if content.get("schema") not in _SCHEMAS:
            raise PromptError(f"{source} has another schema", received=content.get("schema"), allowed=_SCHEMAS)
        for key in ("name", "label_set"):
            if not isinstance(content.get(key), str):
                raise PromptError(f"{source} lacks {key}", received=content.get(key), allowed="a text")
        strategy, settings = content.get("strategy", ""), content.get("settings", {})
        if not isinstance(strategy, str) or not isinstance(settings, dict):
            raise PromptError(f"{source} has a malformed strategy or settings", received=[strategy, settings])
        prompts = {code: _prompts(entry, f"{source}, class {code}") for code, entry in content["prompts"].items()}
        return cls(content["name"], content["label_set"], prompts, strategy, settings)

    def to_json(self) -> str:
        """The set as text of schema 2, one sentence a line; equal sets give equal bytes."""
        head = {"schema": 2, "name": self.name, "label_set": self.label_set, "language": "en"}
        head |= {"strategy": self.strategy} if self.strategy else {}
        head |= {"settings": dict(self.settings)} if self.settings else {}
        classes = ",\n".join(f"    {_json(code)}: {_class_as_json(entry)}" for code, entry in self.prompts.items())
        lines = [f"  {_json(key)}: {_json(value)}," for key, value in head.items()]
        return "\n".join(["{", *lines, '  "prompts": {', classes, "  }", "}"]) + "\n"

    def write(self, path: Path, *, overwrite: bool = False) -> None:
        """Write ``to_json`` to a file, wholly or not at all.

        Raises:
            OutputError: The file exists and ``overwrite`` is False, or it cannot be written.
        """
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists already", action="choose another file, or say --overwrite")
        with write_whole(path) as temporary:
            temporary.write_text(self.to_json(), encoding="utf-8")

    def for_labels(self, labels: LabelSet) -> PromptSet:
        """Return the set with exactly the codes of a label set, in its order.

        Raises:
            PromptError: A code has no prompts, or the set was written for other labels.
        """
        missing = [code for code in labels.codes if code not in self.prompts]
        if missing:
            raise PromptError(
                f"prompt set {self.name} (for {self.label_set}) lacks findings of {labels.name}",
                received=list(self.prompts),
                allowed=labels.codes,
                action=f"choose a prompt set for {labels.name}, or add {', '.join(missing[:5])}",
            )
        return replace(self, label_set=labels.name, prompts={code: self.prompts[code] for code in labels.codes})

    @property
    def texts(self) -> tuple[str, ...]:
        """Every distinct sentence, in the order of first use."""
        sentences = (text for entry in self.prompts.values() for text in (*entry.positive, *entry.negative))
        return tuple(dict.fromkeys(sentences))

    def digest(self) -> str:
        """Sha256 of codes and sentences: equal digests ask the same questions."""
        content = [[code, entry.positive, entry.negative] for code, entry in sorted(self.prompts.items())]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


def _prompts(entry: Any, where: str) -> Prompts:
    if not isinstance(entry, dict):
        raise PromptError(
            f"{where} is malformed", received=type(entry).__name__, allowed='{"positive": [...], "negative": [...]}'
        )
    positive, negative = (_sentences(entry.get(side), where, side) for side in ("positive", "negative"))
    fallback, rejected = entry.get("fallback", ""), entry.get("rejected", [])
    if not isinstance(fallback, str) or not _are_rejected(rejected):
        raise PromptError(f"{where} has a malformed fallback or rejected", received=[fallback, rejected])
    return Prompts(
        tuple(text for text, _ in positive),
        tuple(text for text, _ in negative),
        {text: known for text, known in (*positive, *negative) if known is not None},
        tuple(Rejected(item["text"], item["reason"]) for item in rejected),
        fallback,
    )


def _are_rejected(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict) and isinstance(item.get("text"), str) and isinstance(item.get("reason"), str)
        for item in value
    )


def _sentences(value: Any, where: str, polarity: str) -> list[tuple[str, Provenance | None]]:
    """Sentences with what is known of them; each is a text, or an object with text, origin and checks."""
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    items = [item if isinstance(item, dict) else {"text": item} for item in value] if is_list else []
    if not items or not all(isinstance(item.get("text"), str) and item["text"].strip() for item in items):
        raise PromptError(f"{where} needs {polarity} sentences", received=value, allowed="a list of at least one text")
    return [
        (" ".join(item["text"].split()), Provenance.from_dict(item, where=where) if "origin" in item else None)
        for item in items
    ]


def _class_as_json(entry: Prompts) -> str:
    sides = {
        side: [
            {"text": text} | entry.provenance[text].to_dict() if text in entry.provenance else text for text in texts
        ]
        for side, texts in (("positive", entry.positive), ("negative", entry.negative))
    }
    rejected = [{"text": phrase.text, "reason": phrase.reason} for phrase in entry.rejected]
    lists: dict[str, list[Any]] = sides | ({"rejected": rejected} if rejected else {})
    parts = [f"      {_json(key)}: {_json_lines(items)}" for key, items in lists.items()]
    if entry.fallback:
        parts.append(f'      "fallback": {_json(entry.fallback)}')
    return "{\n" + ",\n".join(parts) + "\n    }"


def _json_lines(items: Sequence[Any]) -> str:
    return "[\n" + ",\n".join(f"        {_json(item)}" for item in items) + "\n      ]"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
