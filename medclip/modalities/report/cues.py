"""The words that deny, doubt or date what stands beside them; see ``phrases`` for how they are written."""

from __future__ import annotations

__all__ = ["CUES", "FORWARD_STOPS", "OPENERS", "STOPS"]


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines() if line.strip())


CUES: dict[tuple[str, str], tuple[str, ...]] = {
    ("absent", "before"): _lines("""
        no
        not
        without
        absent
        absence of
        no evidence of|for
        no sign|signs|suggestion|indication|feature|features of
        no definite|convincing|obvious|visible|focal|acute|significant
        no radiographic|radiologic|mammographic evidence of
        negative for
        free of|from
        clear of
        denies
        lack|lacks of
        lacks
        never
        neither
        nor
        exclude|excludes|excluded|excluding
        fail|fails|failed to show|reveal|demonstrate
        resolution|clearing of
        removal of
        is|are|was|were|have|has been removed
        interval removal of
        rather than
        instead of
        unlikely to be|represent|reflect
        ruled out for
        does|do|did not show|demonstrate|have|contain
        devoid of
        unremarkable for
        cannot see
    """),
    ("absent", "after"): _lines("""
        not
        is|are|was|were not
        is|are|was|were not observed|detected|seen|identified|present|visualized|visible|noted
        is|are|was|were not found|evident|demonstrated
        could|can not be detected|seen|identified|observed|visualized
        is|are|was|were absent
        absent
        has|have resolved|cleared|disappeared
        resolved
        is|are no longer seen|present|visible|visualized|identified|evident
        no longer seen|present|visible|visualized|identified
        is|are|was|were unlikely
        unlikely
        is|are|was|were excluded
        ruled out
        has|have been ruled out
        is|are|was|were negative
        is|are|was|were normal|unremarkable|natural
        disappeared
        completely|totally|fully regressed|resolved
        is|are|has|have completely|totally regressed|resolved
        unremarkable
        within normal limits
        within the normal limits
        is|are|was|were removed
        has|have been removed
        interval removed
        none
    """),
    ("uncertain", "before"): _lines("""
        may
        might
        could
        may|might|could|would represent|reflect|be|indicate|suggest
        may|could be compatible|consistent with
        possible
        possibly
        probable
        probably
        presumably
        questionable
        question of
        suspicious for|of
        suspicion of|for
        suspected
        suspect
        suggest|suggests|suggesting
        suggestive of
        concern|concerning for
        worrisome for
        equivocal
        indeterminate for
        cannot|can't exclude
        can not exclude
        cannot|can't definitely|entirely|completely exclude
        not exclude
        cannot rule out
        can not rule out
        cannot be excluded
        rule out
        r o
        evaluate|evaluation|assess|assessment|assessed|evaluated for
        in terms of
        differential diagnosis|considerations|includes|include
        differential
        versus
        vs
        likely
        apparent
        perhaps
        if there is
        consider
        considered
        borderline
        not clear whether
        uncertain
        unclear if|whether
        top differential
        risk of
        correlate|correlation .. for|with
        correlate|correlation .. as to
        recommended .. for
        if .. exists
        to exclude
    """),
    ("uncertain", "after"): _lines("""
        ?
        cannot|can't be excluded
        can not be excluded
        cannot be ruled out
        can not be ruled out
        not excluded
        not entirely|completely excluded
        is|are|was|were not excluded
        is|are|was|were not entirely|completely excluded
        could not be excluded
        is|are|was|were possible|probable|likely|questionable|suspected|considered
        possible
        likely
        may be present|considered
        might be present
        could be present|considered
        should be considered
        is|are|remains a|another|an|also consideration
        would be a|another consideration
        may|might not be demonstrated|seen|visible|excluded|detected|apparent
        may|might|could be seen
        suspected
        questionable
        equivocal
        in the differential
        versus
        vs
    """),
    ("historical", "before"): _lines("""
        history of
        past history of
        past medical history
        hx of
        hx
        h o
        known prior
        previously treated
        remote history of
        pmh
    """),
    ("historical", "after"): _lines("""
        in the past
        by history
        in his|her|the history
    """),
    # Words of denial that deny nothing of what they stand beside.
    ("none", "none"): _lines("""
        compatible|consistent with
        no change|changes
        no significant|substantial|appreciable|interval|relevant|definite|major|obvious change|changes|difference
        no significant interval change|changes
        no increase|increased|decrease|decreased
        no significant increase|decrease
        no interval increase|decrease|change|changes|development
        not only
        not just
        not necessarily
        not known to be
        no further
        no doubt
        without change|changes
        without significant|interval|substantial change|changes
        without interval increase
        not significantly|substantially|appreciably changed|different
        not changed
        is|are not significantly|substantially|appreciably changed|different
        is|are|has|have not changed
        no difference
        no significant difference was|is detected|observed
        no .. difference was|is detected|observed
        not seen|present|observed|visible|identified on|in|at the previous|prior|earlier|old
        was|were not seen|present|observed|visible|identified on|in|at the previous|prior|earlier|old
        not present|seen previously
        not optimally evaluated
        not optimal
        not included
        not evaluated|assessed
        could|can not be evaluated
        could|can not be performed
        not contrasted
        not fully|completely|optimally|clearly|well evaluated|assessed|visualized|seen
        non contrast
        contrast .. not given
        no contrast
        no .. contrast material
    """),
}
"""``{(what is said, where the cue stands): phrases}``; "before" means before its mention."""

STOPS = _lines("""
    but
    however
    although
    though
    except
    except for
    other than
    apart from
    aside from
    besides
    nevertheless
    yet
    still
    whereas
    while
    despite
    because
    due to
    secondary to
    ;
    :
    .
""")
"""What ends the scope of every cue."""

FORWARD_STOPS = _lines("""
    with
    accompanied by
    which
""")
"""What ends the scope only of a cue that stands before its mention."""

OPENERS = _lines("""
    there is|are|was|were
    there has|have been
    is|are|was|were seen|observed|noted|identified|present|detected|visualized|again|found|evident|demonstrated
    has|have developed|appeared
    shows|show|showed|demonstrates|demonstrate|reveals|contains
    again seen|noted|demonstrated
    note is made of
    remains|remain
    persists
""")
"""What asserts: it ends the scope of a cue on its other side, and guards what it asserts from one behind "and"."""
