"""Laws of written facts: read back the same, and nothing else is taken for facts."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from shared.core.facts import (
    BatchNodeFacts,
    BatchNodesFacts,
    DiskFacts,
    FactsKind,
    FailedTaskFacts,
    MachineFacts,
    MlCluster,
    MlInstanceFacts,
    MlJobFacts,
    NodeFacts,
    PoolInstanceFacts,
    SpotFacts,
    SpotPoolFacts,
    StandaloneFacts,
)
from shared.core.facts_json import WrongFacts, facts_from_json, facts_to_json
from tests.property.facts import FACTS

KINDS = {
    NodeFacts: FactsKind.NODE,
    MachineFacts: FactsKind.MACHINE,
    DiskFacts: FactsKind.DISKS,
    FailedTaskFacts: FactsKind.FAILED_TASKS,
    BatchNodeFacts: FactsKind.BATCH_NODE,
    BatchNodesFacts: FactsKind.BATCH_NODES,
    StandaloneFacts: FactsKind.STANDALONE,
    PoolInstanceFacts: FactsKind.POOL_INSTANCE,
    SpotFacts: FactsKind.SPOT,
    SpotPoolFacts: FactsKind.SPOT_POOL,
    MlJobFacts: FactsKind.ML_JOB,
    MlInstanceFacts: FactsKind.ML_INSTANCE,
    MlCluster: FactsKind.ML_CLUSTER,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(FACTS)
def test_facts_are_read_back_the_same(facts):
    """A replay must decide on what was seen, to the microsecond."""
    text = json.dumps(facts_to_json(facts), allow_nan=False)

    assert facts == facts_from_json(KINDS[type(facts)], json.loads(text), is_strict=True)


@given(FACTS, st.data())
def test_a_wounded_document_is_facts_or_a_refusal_that_names_the_place(facts, data):
    """A person's slip in FACTS.json is told with its place, never raised as another error."""
    document = facts_to_json(facts)
    name = data.draw(st.sampled_from([*document, *document["resource"]]))
    home = document if name in document else document["resource"]
    home[name] = data.draw(JSON)
    read = outcome(KINDS[type(facts)], document)
    assert isinstance(read, type(facts)) or name in str(read)


def outcome(kind, document):
    """Read facts; give the refusal as a value, anything else that is raised fails."""
    try:
        return facts_from_json(kind, document, is_strict=True)
    except WrongFacts as wrong:
        return wrong
