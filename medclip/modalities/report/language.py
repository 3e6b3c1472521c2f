"""Say in which language a short clinical report is written, from the words themselves."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["LANGUAGES", "UNDETERMINED", "detect_language"]

LANGUAGES = ("en", "de", "sv")
UNDETERMINED = "und"

_WORD = re.compile(r"[^\W\d_]+")

# Words that occur in one of the languages only, or that mean something in one of them only.
_WORDS = {
    "en": """
        abnormality acute and are as at atrial axis be beat beats been branch bundle but by can cannot
        cant changes chest clear closely compared consider consistent contraction contractions could deep
        definite depressed depression deviation due early effect elevated elevation enlargement evidence
        excluded fascicular few flat for found from has have heart high inverted is ischaemia ischemia it
        leads left leftward likely limits low lower may minor most no not now of old only or otherwise out
        poor possible probable probably rate rather recent report rhythm right rightward rule seen since
        slight slightly small strain tall than that the there these this throughout tiny to trace tracing
        unremarkable upper voltage voltages was wave waves which wide with within without
    """,
    "de": """
        ab aber ableitungen abnorm alt alte alten alter am an auf aus bei beim bekannt bis das dem den der
        des desz die durch ein eine einem einer erkannt fehlende flach flaches flimmern für ganz hebung
        hohe hohes im ist jetzt kein keine keinen lagetyp links linkstyp mit mögl möglich nach neg nicht
        noch normales nur oder ohne path pathologisch pathologisches rechts schenkelblock schrittmacher
        sehr seit senkung sind sonst typ unbest und unter vom von vor vorhofflattern vorhofflimmern
        wahrscheinlich wegen wie zu zum zur zwischen über
    """,
    "sv": """
        att avvikande bör dessa det efter ej eljest eller en ett extrem från fynd för förlopp förändring
        hypertrofi hög höger högt inga ingen inget inte ischemi jämfört kan liksom lätt med men mot
        måttlig måttliga möjlig möjligen möjligt normalt nytt och ospecifik ospecifikt patologiskt rytm
        sannolikt sedan skänkelblock slag som svår säkert sänkning såsom till typiskt utan uteslutas vid
        vänster äldre är ålder åt över överväg övervägas
    """,
}
# Endings of clinical words. A longer ending weighs more than a shorter one.
_ENDINGS = {
    "en": {
        1: "ed eous ing ity ly tion ular",
        2: "cardia emia ening ness ograms tions",
        3: "aemia arged graphy pathy rhythm rrhythmia trophy",
    },
    "de": {
        1: "ablen aren ates block eln ert ie ien rum stand tum",
        2: "aler ales iger iges ioren isch lich typ ung äre",
        3: "achse iorer ische ischen ischer isches kardie keit liche licher rhythmus schaden schenkelblock"
        " trophie ungen ämie ärer",
    },
    "sv": {
        1: "block flimmer kammar ning typ",
        2: "ande bart emi igt ngar slag",
        3: "arna ellt erna fladder förmak grenblock kardi ningar rytm skada skt systoli tioner trofi ytmi ärt",
    },
}
_KNOWN = {language: frozenset(words.split()) for language, words in _WORDS.items()}
_KNOWN_ENDINGS = {
    language: tuple((weight, tuple(endings.split())) for weight, endings in by_weight.items())
    for language, by_weight in _ENDINGS.items()
}
_LETTERS = {"ß": {"de": 3}, "ü": {"de": 3}, "å": {"sv": 3}, "ä": {"de": 1, "sv": 1}, "ö": {"de": 1, "sv": 1}}
# Spelled the same in all three, or borrowed by each of them.
_INTERNATIONAL = frozenset(
    (
        "abnormal",
        "am",
        "an",
        "block",
        "ekg",
        "hemiblock",
        "in",
        "infarkt",
        "normal",
        "pacemaker",
        "sinus",
        "typ",
    )
)


def detect_language(text: str) -> str:
    """Return "en", "de" or "sv", or "und" if the words do not tell.

    Every word adds evidence: as a word of one language, by its ending, by its letters. The language with the
    most wins, so a report with a sentence in another language belongs to the language that prevails. Words
    that all three share ("sinus", "block") add nothing; a text of such words only is "und". "sinus rhythm" is
    "en": German and Swedish spell the second word otherwise.

    >>> [detect_language(text) for text in ("sinus rhythm", "mÖgliche Ischämie", "sinusrytm", "AV-Block")]
    ['en', 'de', 'sv', 'und']
    """
    totals = dict.fromkeys(LANGUAGES, 0)
    for word in _WORD.findall(text.lower()):
        for language, weight in _evidence(word):
            totals[language] += weight
    best, second = sorted(totals.values(), reverse=True)[:2]
    return max(totals, key=totals.__getitem__) if best > second else UNDETERMINED


@lru_cache(maxsize=50_000)
def _evidence(word: str) -> tuple[tuple[str, int], ...]:
    if word in _INTERNATIONAL:
        return ()
    weights = dict.fromkeys(LANGUAGES, 0)
    for language in LANGUAGES:
        weights[language] += 3 * (word in _KNOWN[language])
        weights[language] += _weight_of_ending(word, language)
    for letter in _LETTERS.keys() & set(word):
        for language, weight in _LETTERS[letter].items():
            weights[language] += weight
    return tuple((language, weight) for language, weight in weights.items() if weight)


def _weight_of_ending(word: str, language: str) -> int:
    endings = _KNOWN_ENDINGS[language]
    return max((weight for weight, known in endings if word.endswith(known) and word not in known), default=0)
