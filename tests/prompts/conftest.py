"""Let the tests of this folder import the helper modules beside them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from small_catalogue import knowledge as small_knowledge
from small_catalogue import labels as small_labels

from medclip.core.label_set import LabelSet
from medclip.knowledge.lookup import CatalogueKnowledge


@pytest.fixture
def knowledge() -> CatalogueKnowledge:
    return small_knowledge()


@pytest.fixture
def labels() -> LabelSet:
    return small_labels()
