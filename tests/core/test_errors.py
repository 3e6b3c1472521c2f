"""Every error is one line that says what was wrong, what was received, what is allowed and what to do."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest

from medclip.core import errors
from medclip.core.errors import DownloadError, InputError, MedclipError, OutputError

CLASSES = [getattr(errors, name) for name in errors.__all__]


def test_all_names_every_error_class() -> None:
    defined = {
        name for name, found in vars(errors).items() if inspect.isclass(found) and found.__module__ == errors.__name__
    }
    assert defined == set(errors.__all__)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_has_one_form_and_leaves_with_2(kind: type[MedclipError]) -> None:
    error = kind("the file is short", received="3 bytes", allowed="at least 4", action="copy it again.")
    assert str(error) == "the file is short: received 3 bytes; allowed: at least 4. Copy it again."
    assert isinstance(error, MedclipError)
    assert error.exit_code == 2


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_survives_the_way_between_processes(kind: type[MedclipError]) -> None:
    error = kind("the file is short", received=["a", "b"], allowed="c", action="copy it again")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert (copy.what, copy.received, copy.action) == ("the file is short", ["a", "b"], "copy it again")


def test_errors_are_also_of_the_kind_that_python_code_expects() -> None:
    assert issubclass(InputError, ValueError)
    assert issubclass(OutputError, OSError)
    assert issubclass(DownloadError, OSError)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "odd"),
        ({"received": 0}, "odd: received 0"),
        ({"received": ""}, "odd: received an empty text"),
        ({"allowed": ()}, "odd: allowed: none"),
        ({"allowed": {"b", "a"}}, "odd: allowed: a, b"),
        ({"allowed": {"b": 1, "a": 2}}, "odd: allowed: b, a"),
        ({"allowed": {"b": 1, "a": 2}.keys()}, "odd: allowed: b, a"),
        ({"allowed": range(3)}, "odd: allowed: 0, 1, 2"),
        ({"received": np.array([1, 2])}, "odd: received 1, 2"),
        ({"received": np.array(3.5)}, "odd: received 3.5"),
        ({"received": b"\x00"}, "odd: received b'\\x00'"),
        ({"action": "try again"}, "odd. Try again."),
    ],
)
def test_parts_that_are_absent_leave_no_trace(given: dict[str, object], message: str) -> None:
    assert str(MedclipError("odd", **given)) == message


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        ("medclip data pack again", "medclip data pack again."),
        ("pip install wfdb", "pip install wfdb."),
        ("aVF and aVL are swapped", "aVF and aVL are swapped."),
        ("--overwrite helps", "--overwrite helps."),
        ("store.json is damaged", "store.json is damaged."),
        ("train_folds are missing", "train_folds are missing."),
        ("wait, then try again", "Wait, then try again."),
        ("is it plugged in?", "Is it plugged in?"),
        ("überprüfen", "Überprüfen."),
    ],
)
def test_an_action_becomes_a_sentence_and_words_that_are_no_plain_words_stay(action: str, sentence: str) -> None:
    assert str(MedclipError("odd", action=action)) == f"odd. {sentence}"


def test_a_message_is_one_line_with_single_blanks() -> None:
    message = str(MedclipError("a\n b", received="c \t d", allowed=["e\r\nf", " g "], action=" h\n\n i"))
    assert message == "a b: received c d; allowed: e f, g . H i."


def test_a_message_cannot_steer_a_terminal_and_can_always_be_printed() -> None:
    message = str(MedclipError("a file", received="\x1b[31mred\x07 \udcff\u202e"))
    assert message == "a file: received ?[31mred? ??"
    message.encode("utf-8")


def test_long_lists_and_texts_are_shown_by_their_beginning() -> None:
    many = str(MedclipError("odd", allowed=list(range(100))))
    assert many == f"odd: allowed: {', '.join(map(str, range(40)))}, ... (100 in all)"
    exactly_40 = str(MedclipError("odd", allowed=list(range(40))))
    assert exactly_40.endswith("38, 39")
    long = str(MedclipError("odd", received="x" * 10_000))
    assert long == f"odd: received {'x' * 500}... (10000 characters)"
    assert len(str(MedclipError("odd", allowed=["y" * 1000] * 20))) < 600
