"""Put the units of a telegram together into statements.

A telegram is a report without sentences: "sinusrhythmus lagetyp normal". Where one statement ends and the
next begins is seen from what the phrases are (see `glossary`), helped by full stops and by gaps of two or
more blanks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from medclip.modalities.report.matching import Unit

__all__ = ["compose_telegram"]

_NOUNS = frozenset(("statement", "finding", "verdict", "adjective", "opener", "unknown", "word", "drop"))
_SIGNS = ("?", "<", ">", "=")
_ENDS_STATEMENT = frozenset(".;!")


def compose_telegram(units: Sequence[Unit], rest: str) -> tuple[str, ...]:
    """Return the statements that `units` make up; `rest` is the punctuation after the last one.

    >>> units = [
    ...     Unit("statement", "sinus rhythm", "", ()),
    ...     Unit("header", "abnormal complex:| {}", " ", ()),
    ...     Unit("adjective", "inferior", "  ", (), True),
    ...     Unit("finding", "infarction", " ", ()),
    ...     Unit("modifier", "possible {}", " ", ()),
    ... ]
    >>> compose_telegram(units, "")
    ('sinus rhythm', 'abnormal complex: possible inferior infarction')
    """
    composer = _Composer()
    for index, unit in enumerate(units):
        composer.add(unit, _noun_after(units, index))
    return composer.finish(rest)


def _noun_after(units: Sequence[Unit], index: int) -> Unit | None:
    """Return the next unit that is no adjective without inflection; None at a full stop."""
    for unit in units[index + 1 :]:
        if _ENDS_STATEMENT.intersection(unit.before):
            return None
        if unit.kind != "adjective" or unit.is_inflected:
            return unit
    return None


class _Composer:
    """The statement being written, and the header above it.

    `state` says what may follow: "empty"; "pending", adjectives wait for their noun; "linked", a connective
    waits for what it connects; "complete", a known statement; "open", words that are not a known statement.
    The statement `is_finding` if it may hang under the header, `is_sealed` if a gap follows it and
    `is_qualified` if it has a doubt of its own; `depth` is 1 inside brackets.
    """

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.body = ""
        self.state = "empty"
        self.is_finding = False
        self.is_sealed = False
        self.is_qualified = False
        self.header = ""
        self.header_is_used = True
        self.depth = 0

    def add(self, unit: Unit, following: Unit | None) -> None:
        self._read_punctuation(unit.before)
        match "bracketed" if self.depth else unit.kind:
            case "bracketed":
                self._glue(unit._replace(text=_plain(unit.text)), "complete")
            case "statement" | "finding":
                self._add_statement(unit)
            case "header":
                self._add_header(unit)
            case "verdict":
                self._add_verdict(unit)
            case "adjective" | "opener":
                self._add_adjective(unit, following)
            case "modifier":
                self._modify(unit.text, unit)
            case "places":
                self._add_places(unit)
            case "link":
                self._continue(unit, "pending" if self.state == "pending" else "linked")
            case "word" | "unknown" | "prefix" | "name":
                self._add_word(unit)

    def finish(self, rest: str) -> tuple[str, ...]:
        if "?" in rest and self.body:
            self.body += "?"
        if self.depth and self.body:
            self.body += ")"
        self._close()
        self._close_header()
        return tuple(self.statements)

    def _read_punctuation(self, before: str) -> None:
        if before.startswith(("?", "%", "'")) and self.body:
            self.body += before[0]
        if ")" in before and self.depth:
            self._close_bracket()
        if _ENDS_STATEMENT.intersection(before):
            self._close_bracket()
            self._close()
            self._close_header()
        elif "  " in before:
            self._close_bracket()
            self.is_sealed = self.state in ("complete", "open")
        if "(" in before and self.body and self.state != "pending" and not self.depth:
            self.depth = 1
            self.body += " ("
            self.state = "linked"

    def _close_bracket(self) -> None:
        if self.depth:
            self.body += ")"
            self.depth = 0

    def _add_statement(self, unit: Unit) -> None:
        if self.state == "linked":
            self._glue(unit, "complete")
            return
        if self.state in ("complete", "open"):
            self._close()
        if unit.kind == "statement":
            self._close_header()
        self._glue(unit, "complete")
        self.is_finding = unit.kind == "finding"

    def _add_header(self, unit: Unit) -> None:
        attribute = f"{self.body} " if self.state == "pending" else ""
        if not attribute:
            self._close()
        self.body, self.state = "", "empty"
        self._close_header()
        self.header, self.header_is_used = attribute + unit.text, False

    def _add_verdict(self, unit: Unit) -> None:
        if self.state in ("empty", "complete") or self.is_sealed:
            self._close()
            self._close_header()
            self.body, self.state = unit.text.replace("[", "").replace("]", ""), "complete"
        else:
            self._glue(unit._replace(text=_plain(unit.text)), "complete")

    def _add_adjective(self, unit: Unit, following: Unit | None) -> None:
        if self.state in ("empty", "pending", "linked"):
            self._glue(unit, "linked" if self.state == "linked" else "pending")
        elif self._belongs_to_what_precedes(unit, following):
            self._modify(unit.modifier or f"{unit.text} {{}}", unit)
        else:
            self._close()
            self._glue(unit, "pending")

    def _belongs_to_what_precedes(self, unit: Unit, following: Unit | None) -> bool:
        has_noun = following is not None and following.kind in _NOUNS
        has_attribute = following is not None and following.kind == "adjective"
        if unit.kind == "opener":
            return bool(unit.modifier) and not (has_noun and (self.is_sealed or has_attribute))
        if unit.is_inflected:
            return False
        follows_finding = self.is_finding and not self.is_sealed and not has_attribute
        return bool(unit.modifier) or not has_noun or follows_finding

    def _modify(self, template: str, unit: Unit) -> None:
        if self.state == "linked":
            self._glue(unit._replace(text=_plain(template)), "open")
        elif self.body:
            self.body = template.replace("{}", self.body)
            self.state = "complete" if self.state == "pending" else self.state
            self.is_qualified |= template in (unit.text, unit.modifier) and not template.startswith("{}")
        else:
            self._glue(unit._replace(text=_plain(template)), "pending")

    def _add_places(self, unit: Unit) -> None:
        if self.state == "complete" and not unit.before.strip(" ,"):
            unit = unit._replace(text=f"in {unit.text}", before=" ")
        self._continue(unit, "complete")

    def _add_word(self, unit: Unit) -> None:
        if self.is_sealed and self.state != "linked":
            self._close()
        self._continue(unit, "open")

    def _continue(self, unit: Unit, state: str) -> None:
        self._glue(unit, state)
        self.is_sealed = False

    def _glue(self, unit: Unit, state: str) -> None:
        sign = unit.before[-1:] if unit.before.endswith(_SIGNS) and len(unit.before) > 1 else ""
        text = sign + unit.text
        self.body = f"{self.body}{_joint(unit.before)}{text}" if self.body else text
        self.body = self.body.replace("( ", "(")
        self.state = state

    def _close(self) -> None:
        """Write the statement down and start an empty one."""
        body, lead, repeated = self.body.strip(" ,:-/"), *self._header_parts()
        if body and self.header and (self.is_finding or self.state in ("pending", "open")):
            # A doubt of its own replaces the doubt of the header: never "probable possible infarction".
            text = f" {body}" if self.is_qualified else repeated.replace("{}", body)
            self.statements.append(text.strip() if self.header_is_used else lead + text)
            self.header_is_used = True
        elif body:
            self._close_header()
            self.statements.append(body)
        self.body, self.state = "", "empty"
        self.is_finding = self.is_sealed = self.is_qualified = False

    def _close_header(self) -> None:
        if not self.header_is_used:
            self.statements.append(self._header_parts()[0].rstrip(":"))
        self.header, self.header_is_used = "", True

    def _header_parts(self) -> tuple[str, str]:
        lead, _, repeated = self.header.partition("|")
        return lead, repeated


def _plain(text: str) -> str:
    """Return the words of a template without its marks."""
    return re.sub(r"\[.*?\]|\{\}|\|", "", text).strip(" ,:")


def _joint(before: str) -> str:
    """Return the punctuation `before` as it stands inside a statement."""
    kept = "".join(character for character in before if character in ",:/-+?")
    if "-" in kept and before.strip() == before:
        return kept
    if kept == "/" == before:
        return "/"
    return {",": ", ", "/": ", ", ":": ": ", "-": " - ", "+": " + "}.get(kept[:1], " ")
