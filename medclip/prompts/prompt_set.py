"""Positive and negative sentences for every finding of a label set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medclip.core.errors import PromptError
from medclip.core.files import read_json
from medclip.core.label_set import LabelSet
from medclip.core.modality import find_prompt_set_file

__all__ = ["PromptSet", "Prompts"]

_SCHEMA = 1
_MAXIMUM_BYTES = 16 << 20


@dataclass(frozen=True)
class Prompts:
    """Sentences for one finding.

    Args:
        positive: Each says that the finding is there.
        negative: Each says that it is not, or names what is seen instead.
    """

    positive: tuple[str, ...]
    negative: tuple[str, ...]


@dataclass(frozen=True)
class PromptSet:
    """Sentences for every finding of one label set.

    Args:
        name: What the set is called.
        label_set: Name of the label set it was written for.
        prompts: By code.
    """

    name: str
    label_set: str
    prompts: Mapping[str, Prompts]

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
        if content.get("schema") != _SCHEMA:
            raise PromptError(f"{source} has another schema", received=content.get("schema"), allowed=_SCHEMA)
        for key in ("name", "label_set"):
            if not isinstance(content.get(key), str):
                raise PromptError(f"{source} lacks {key}", received=content.get(key), allowed="a text")
        prompts = {code: _prompts(entry, f"{source}, class {code}") for code, entry in content["prompts"].items()}
        return cls(content["name"], content["label_set"], prompts)

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
        return PromptSet(self.name, labels.name, {code: self.prompts[code] for code in labels.codes})

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
    return Prompts(
        _sentences(entry.get("positive"), where, "positive"), _sentences(entry.get("negative"), where, "negative")
    )


def _sentences(value: Any, where: str, polarity: str) -> tuple[str, ...]:
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    if not is_list or not value or not all(isinstance(text, str) and text.strip() for text in value):
        raise PromptError(f"{where} needs {polarity} sentences", received=value, allowed="a list of at least one text")
    return tuple(" ".join(text.split()) for text in value)
