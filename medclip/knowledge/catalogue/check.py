"""What must hold between the concepts of the catalogue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from medclip.core.errors import KnowledgeError
from medclip.knowledge.concept import Concept

__all__ = ["check_concepts", "with_mutual_exclusion"]


def check_concepts(concepts: Sequence[Concept]) -> None:
    """Check that ids are unique, that they lead somewhere, that parents have no circle and that names are unambiguous.

    Raises:
        KnowledgeError: One of these does not hold.
    """
    ids = [concept.id for concept in concepts]
    doubled = sorted({found for found in ids if ids.count(found) > 1})
    if doubled:
        raise KnowledgeError("the catalogue has an id twice", received=doubled)
    for concept in concepts:
        lost = sorted(_named(concept) - set(ids))
        if lost:
            raise KnowledgeError(f"{concept.id} names concepts that are not there", received=lost)
        if concept.id in _named(concept):
            raise KnowledgeError(f"{concept.id} names itself as parent, as excluded or as opposite")
    _refuse_circles({concept.id: concept.parents for concept in concepts})
    _refuse_ambiguous_names(concepts)


def with_mutual_exclusion(concepts: Iterable[Concept]) -> tuple[Concept, ...]:
    """Let both concepts of a pair name each other as excluded, whichever of them the files say it of."""
    concepts = tuple(concepts)
    partners: dict[str, dict[str, None]] = defaultdict(dict)
    for concept in concepts:
        for other in concept.description.excludes if concept.description else ():
            partners[concept.id][other] = None
            partners[other][concept.id] = None
    return tuple(
        replace(concept, description=replace(concept.description, excludes=tuple(partners[concept.id])))
        if concept.description
        else concept
        for concept in concepts
    )


def _named(concept: Concept) -> set[str]:
    described = concept.description
    opposite = [described.opposite] if described and described.opposite else []
    return {*concept.parents, *(described.excludes if described else ()), *opposite}


def _refuse_circles(parents: Mapping[str, Sequence[str]]) -> None:
    """Take away what has no parents left until nothing changes; what remains lies on a circle or below one."""
    remaining = dict(parents)
    while free := [id for id, above in remaining.items() if not any(parent in remaining for parent in above)]:
        for id in free:
            del remaining[id]
    if remaining:
        raise KnowledgeError("concepts are their own ancestors", received=list(remaining))


def _refuse_ambiguous_names(concepts: Iterable[Concept]) -> None:
    """Within one modality a name, whatever its case, belongs to one concept."""
    owners: dict[tuple[str, str], str] = {}
    for concept in concepts:
        modality = concept.description.modality if concept.description else ""
        for name in concept.names():
            owner = owners.setdefault((modality, name.casefold()), concept.id)
            if owner != concept.id:
                raise KnowledgeError(f"{owner} and {concept.id} have the same name", received=name)
