"""Take out of a report what its image cannot show: comparisons with earlier ones, and marks of removed words.

A model that learns from "unchanged small effusion" learns to speak of examinations that nobody gave it (Ramesh et al.,
Machine Learning for Health 2022, on references to priors; the rules here are medclip's own). A sentence that only
compares is dropped; one that also says what is seen is rewritten so that only that is left.
"""

from __future__ import annotations

import re

__all__ = ["mentions_prior", "without_masks", "without_priors"]

# "XXXX" of Open-i, "___" of MIMIC, "[**...**]" of older MIMIC.
# Possessive: a row of a thousand underscores is one mark and never many.
_MASK = r"(?:\[\*\*[^\]]{0,200}\*\*\]|_{2,}+|\bX{3,}+\b)"
_DENIED_MASK = re.compile(rf"\b(no|without)\s+{_MASK}\s+of\s+(?:an?\s+|the\s+)?", re.IGNORECASE)
_MASKED_DATE = re.compile(
    rf"\s*(?:,?\s*\b(?:dated|on|from|at|of|since|by|dr\.?|doctor|and|to)\s+)+(?:the\s+|dr\.?\s+)?(?:{_MASK}[\s,/:-]*)+"
    r"(?:hours|am|pm|a\.m\.|p\.m\.)?(?=\s*[,.;)]|\s*$)",
    re.IGNORECASE,
)
_MASKS = re.compile(rf"(?:\b\w{{1,2}}-)?{_MASK}(?:[-/]{_MASK})*")
_YEARS_OLD = re.compile(rf"{_MASK}[- ]years?[- ]olds?\b", re.IGNORECASE)

_EXAM = (
    r"(?:(?:chest|ct|thorax|thoracic|portable|frontal|lateral|pa|ap)\s+)*"
    r"(?:x-?rays?|radiographs?|films?|images?|stud(?:y|ies)|exam(?:ination)?s?|scans?|ct|tomography|cts|comparisons?|reports?)"
)
_EARLIER = r"(?:most\s+recent|immediate|prior|previous|earlier|old|outside|last|preceding|comparison|available|recent)"
_AN_EARLIER = rf"(?:(?:the|a|an|any|his|her|their|multiple|several)\s+)?(?:{_EARLIER}\s+)+(?:{_EXAM})?"
_DATE = r"(?:\s*,?\s*(?:dated|of|from|on|performed|obtained|done)?\s*[\d][\d./-]*\d)?"
_COMPARED = re.compile(
    rf",?\s*\(?\b(?:as\s+|when\s+)?(?:compar(?:ed|ing|ison)|relative|similar|identical|in\s+comparison|with\s+comparison|with\s+reference)"
    rf"\s+(?:is\s+made\s+)?(?:to|with)\s+(?:{_AN_EARLIER}|(?:the\s+)?{_EXAM}|prior|priors|previous|before){_DATE}[^,.;]{{0,25}}?"
    rf"(?=[,.;)]|\s+(?:there|the|a|an|is|are|was|were|and|with|but|no)\b|$)\)?,?",
    re.IGNORECASE,
)
_SINCE = re.compile(
    rf",?\s*\(?\b(?:since|from|than|on|in|over|as\s+on|as\s+in|seen\s+on|seen\s+in|noted\s+on)\s+{_AN_EARLIER}{_DATE}\)?,?",
    re.IGNORECASE,
)
_IN_THE_INTERVAL = re.compile(r",?\s*\b(?:in|over|during)\s+the\s+interval\b,?|\bagain\s+(?=[a-z])", re.IGNORECASE)
_HAS_RESOLVED = re.compile(
    r"^(?:the\s+)?(?:(?:previously|prior|previous)\s+(?:seen|noted|described|identified|demonstrated)?\s*)?(?P<what>[^,;]{3,60}?)\s+"
    r"(?:(?:has|have)\s+(?:now\s+|since\s+|completely\s+|nearly\s+completely\s+|entirely\s+)*(?:resolved|cleared|disappeared)"
    r"|(?:is|are)\s+no\s+longer\s+(?:seen|present|visible|visualized|identified|evident|appreciated))\s*[.]?$",
    re.IGNORECASE,
)
_RESOLUTION_OF = re.compile(
    r"^(?:there\s+(?:is|has\s+been)\s+)?(?:interval\s+|complete\s+|near\s+complete\s+)*(?:resolution|clearing)\s+of\s+"
    r"(?:the\s+)?(?:previously\s+\w+\s+|prior\s+|previous\s+)?(?P<what>[^,;.]{3,80})[.]?$",
    re.IGNORECASE,
)
_CHANGE_OF = re.compile(
    r"\b(?:there\s+(?:is|are|has\s+been|have\s+been)\s+)?(?:an?\s+)?(?:(?:mild|slight|moderate|marked|significant|minimal|further"
    r"|slightly|mildly|definite|some|continued|partial|progressive)\s+)*(?:interval\s+)?"
    r"(?:increase|decrease|improvement|worsening|progression|regression|development|enlargement|reduction|change)"
    r"\s+(?:in|of)\s+(?:(?:the\s+)?(?:size|extent|number|degree|appearance|severity|conspicuity|amount)\s+(?:and\s+\w+\s+)?of\s+)?"
    r"(?:the\s+|an?\s+)?",
    re.IGNORECASE,
)
_AND_MORE = re.compile(
    r"\b(?:(is|are|remains?|appears?)\s+)?(?:stable|unchanged|similar)\s+and\s+(?=[a-z])(?!may|might|could|has|have|is|are)",
    re.IGNORECASE,
)
_BEHIND = re.compile(
    r"(?<!\bthere),?(?<!\bthere)\s*(?:(?:which|that)\s+)?\b(?:and\s+)?(?:is|are|was|were|has|have|remains?|appears?|appearing|been|being)\s+"
    r"(?:(?:been|again|now|also|not|relatively|essentially|overall|grossly|otherwise|slightly|mildly|minimally|markedly|somewhat"
    r"|significantly|substantially|largely|stably|still|persistently)\s+)*"
    r"(?:unchanged|stable|similar|improved|improving|worsened|worse|better|increased|decreased|resolving|progressed|regressed"
    r"|enlarged\s+since|constant|changed|new|smaller|larger|the\s+same|redemonstrated|again\s+(?:seen|noted|demonstrated))"
    r"(?:\s+in\s+(?:size|appearance|position|extent|number|configuration|severity|degree)(?:\s+and\s+\w+)?)?",
    re.IGNORECASE,
)
_NOT_CHANGED = re.compile(r",?\s*\b(?:without|with\s+no)\s+(?:\w+\s+){0,3}change\b", re.IGNORECASE)
_BEFORE = re.compile(
    r"\b(?:unchanged|stable|interval|persistent|persisting|persistently|residual|worsening|improving|improved|worsened|increasing"
    r"|decreasing|new|newly|redemonstrated|redemonstration\s+of|known|pre-?existing|previously\s+(?:seen|noted|described|identified)"
    r"|similar|resolving|chronically\s+stable|re-?identified|progressive|developing|increased\s+from|continued)\s+"
    r"(?:(?:appearing|appearance\s+of|position\s+of)\s+)?(?:the\s+)?(?=[a-z\d])",
    re.IGNORECASE,
)
_LOOSE_BEHIND = re.compile(
    r",?\s+(?:and\s+)?(?:unchanged|stable|improved|worsened|similar|as\s+before|increased|decreased)\s*(?=[.,;]|$)",
    re.IGNORECASE,
)
_NO_CHANGE = re.compile(
    r"\bno\s+(?:\w+\s+){0,3}(?:changes?|difference|progression|improvement|worsening)\b|\bno\s+(?:(?:definite|evidence\s+of|significant)\s+)*"
    r"(?:interval|new)\b|\bnot\s+(?:significantly\s+|substantially\s+|appreciably\s+)?changed\b"
    r"|\binterval\s+(?:removal|placement|insertion|extubation|intubation|change|appearance|advancement|repositioning|exchange)\b"
    r"|\b(?:has|have)\s+been\s+(?:removed|placed|exchanged|advanced|extubated|retracted|repositioned|withdrawn)\b"
    r"|\b(?:were|was)\s+not\s+(?:present|seen|observed)\s+(?:on|in)\b",
    re.IGNORECASE,
)
_PRIOR = re.compile(
    rf"\b(?:unchanged|interval|compar(?:ed|ison|ing)|previously|redemonstrat\w+|comparison|no\s+longer|again\s+(?:seen|noted|demonstrated)"
    rf"|re-?identified|(?:has|have)\s+(?:\w+\s+)?(?:resolved|cleared|improved|worsened|increased|decreased|progressed|disappeared)"
    rf"|(?:has|have)\s+been\s+(?:removed|placed|exchanged|advanced|extubated|retracted|repositioned|withdrawn)"
    rf"|(?:is|are|remains?|appears?)\s+(?:\w+\s+)?(?:stable|similar|improved|worse|worsened)|stable|worsening|improving|worsened"
    rf"|{_EARLIER}\s+(?:\w+\s+)?{_EXAM}|new|newly|(?:no|without)\s+(?:\w+\s+){{0,2}}change|not\s+(?:\w+\s+)?changed)\b",
    re.IGNORECASE,
)
_TIDY = (
    (re.compile(r"\s+([,.;:)])"), r"\1"),
    (re.compile(r"\(\s*\)"), ""),
    (re.compile(r"([,;:])(?:\s*[,;:])+"), r"\1"),
    (re.compile(r"[,;:]\s*(?=\.|$)"), ""),
    (re.compile(r"\s{2,}"), " "),
    (re.compile(r"^[\s,;:.)-]+"), ""),
    (re.compile(r"\.{2,}"), "."),
)
# What a sentence may be about without saying anything of it.
_WORDS_THAT_SAY_NOTHING = """
    no none not however though a an and are as at be been both by chest contour contours for from has have heart
    hilar hilum hila in is it its left line lines lung lungs mediastinal mediastinum of on or osseous position
    right silhouette size structures that the their there this to tube tubes was were with cardiac
    cardiomediastinal appearance again also overall otherwise findings finding examination exam study image images
    radiograph radiographs film view views bony aorta pulmonary vasculature vascularity shadow cardiovascular soft
    tissues remainder bones unchanged stable similar prior previous comparison compared interval change
    significant visualized volumes upper lower lobe support devices device
"""
_SAYS_NOTHING = frozenset(_WORDS_THAT_SAY_NOTHING.split())


def without_masks(sentence: str) -> str:
    """Return a sentence without the marks that stand where words were removed for privacy.

    >>> without_masks("We see no XXXX of a hydrothorax."), without_masks("Seen by Dr. ___ on ___.")
    ('We see no hydrothorax.', 'Seen.')
    >>> without_masks("XXXX-year-old [**Name**] with heart size normal.")
    'with heart size normal.'
    """
    if not re.search(_MASK, sentence):
        return sentence
    text = _DENIED_MASK.sub(r"\1 ", sentence)
    while (shorter := _MASKED_DATE.sub("", text)) != text:
        text = shorter
    return _tidy(_MASKS.sub(" ", _YEARS_OLD.sub(" ", text)))


def without_priors(sentence: str) -> str:
    """Return a sentence without what it says of earlier examinations; "" if nothing else is left of it.

    >>> without_priors("Compared to the prior study, there is an interval increase in the small left effusion.")
    'Small left effusion.'
    >>> without_priors("Moderate cardiomegaly is unchanged."), without_priors("The heart size is stable.")
    ('Moderate cardiomegaly.', '')
    >>> without_priors("The right effusion has resolved."), without_priors("No new consolidation.")
    ('No right effusion.', '')
    """
    if not mentions_prior(sentence):
        return sentence
    text = sentence.strip()
    for pattern in (_COMPARED, _SINCE, _IN_THE_INTERVAL):
        text = pattern.sub(" ", text)
    text = _tidy(_AND_MORE.sub(_keep_verb, text))
    for pattern in (_HAS_RESOLVED, _RESOLUTION_OF):
        found = pattern.match(text)
        if found:
            return _sentence(f"no {_BEFORE.sub('', found['what'])}", like=sentence)
    if _NO_CHANGE.search(text):
        return ""
    for pattern in (_NOT_CHANGED, _BEHIND, _LOOSE_BEHIND):
        text = pattern.sub(" ", text)
    text = _with_article(_tidy(_BEFORE.sub("", _CHANGE_OF.sub("", _tidy(text)))))
    words = re.findall(r"[a-z]+", text.lower())
    if all(word in _SAYS_NOTHING for word in words) or mentions_prior(text):
        return ""
    return _sentence(text, like=sentence)


def mentions_prior(sentence: str) -> bool:
    """Whether a sentence speaks of an earlier examination or of a change since then.

    >>> mentions_prior("Effusion is unchanged."), mentions_prior("There is a small effusion.")
    (True, False)
    """
    return _PRIOR.search(sentence) is not None


def _keep_verb(found: re.Match[str]) -> str:
    return f"{found[1]} " if found[1] else ""


def _with_article(text: str) -> str:
    """Let "a" and "an" suit the word that now stands behind them."""
    return re.sub(r"\b([Aa])n?(?= [A-Za-z])(?= ([aeiouAEIOU])?)", lambda a: f"{a[1]}n" if a[2] else a[1], text)


def _sentence(text: str, *, like: str) -> str:
    text = _tidy(text).strip()
    if like[:1].isupper():
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) or not like.rstrip().endswith(".") else f"{text}."


def _tidy(text: str) -> str:
    for pattern, replacement in _TIDY:
        text = pattern.sub(replacement, text)
    return text.strip()
