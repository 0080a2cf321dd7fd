"""Label and field selectors mean what the real API server means by them."""

import pytest

from sandbox.kubernetes.errors import ApiError
from sandbox.kubernetes.resources import NODES, PODS
from sandbox.kubernetes.selectors import of_spec, parse_fields, parse_labels

LABELS = {"app": "web", "tier": "front", "example.com/gpu": "h100", "empty": ""}


@pytest.mark.parametrize(
    ("text", "is_meant"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app=web,tier=back", False),
        ("app!=api", True),
        ("missing!=anything", True),
        ("app in (web, api)", True),
        ("app in (api)", False),
        ("app notin (api,db),tier=front", True),
        ("missing notin (x)", True),
        ("app", True),
        ("!app", False),
        ("!missing", True),
        ("example.com/gpu=h100", True),
        ("empty=", True),
    ],
)
def test_a_label_selector_means_what_kubectl_users_know(text: str, is_meant: bool):
    """A selector read wrongly drains pods that nobody named."""
    assert is_meant is parse_labels(text).matches(LABELS)


@pytest.mark.parametrize("text", ["app = = web", "app in web", "=web", "a b", "app in (x"])
def test_a_label_selector_that_cannot_be_read_is_a_bad_request(text: str):
    """Falling back to "everything" would be the worst of answers."""
    with pytest.raises(ApiError) as refusal:
        parse_labels(text)

    assert (400, "BadRequest") == (refusal.value.code, refusal.value.reason)


def test_the_null_selector_matches_nothing_and_the_empty_one_everything():
    """That is policy/v1; in v1beta1 the empty one matched nothing."""
    assert False is of_spec(None).matches(LABELS)
    assert True is of_spec({}).matches(LABELS)


@pytest.mark.parametrize(
    ("expression", "is_meant"),
    [
        ({"key": "app", "operator": "In", "values": ["web"]}, True),
        ({"key": "app", "operator": "NotIn", "values": ["web"]}, False),
        ({"key": "missing", "operator": "NotIn", "values": ["web"]}, True),
        ({"key": "app", "operator": "Exists"}, True),
        ({"key": "app", "operator": "DoesNotExist"}, False),
        ({"key": "app", "operator": "Almost"}, False),
    ],
)
def test_match_expressions_narrow_match_labels(expression: dict, is_meant: bool):
    """Both must hold, and an operator nobody knows matches nothing."""
    spec = {"matchLabels": {"tier": "front"}, "matchExpressions": [expression]}

    assert is_meant is of_spec(spec).matches(LABELS)


@pytest.mark.parametrize(
    ("text", "is_meant"),
    [
        ("spec.nodeName=gpu-a", True),
        ("spec.nodeName=gpu-a,status.phase!=Failed,status.phase!=Succeeded", True),
        ("spec.nodeName=gpu-b", False),
        ("metadata.name=p,metadata.namespace=default", True),
        ("status.phase==Running", True),
        ("status.podIP=", True),
    ],
)
def test_a_field_selector_compares_fields_as_text(text: str, is_meant: bool):
    """A field that is missing reads as empty, as the real one has it."""
    pod = {
        "metadata": {"name": "p", "namespace": "default"},
        "spec": {"nodeName": "gpu-a"},
        "status": {"phase": "Running"},
    }

    assert is_meant is parse_fields(text, PODS).matches(pod)


def test_cordoned_nodes_can_be_selected_by_field():
    """A node that never was cordoned carries no field, and counts as false."""
    free, cordoned = {"spec": {}}, {"spec": {"unschedulable": True}}

    assert True is parse_fields("spec.unschedulable=false", NODES).matches(free)
    assert True is parse_fields("spec.unschedulable=true", NODES).matches(cordoned)


def test_a_field_that_a_kind_is_not_selected_by_is_a_bad_request():
    """The real server refuses; an adapter must not learn here that it works."""
    with pytest.raises(ApiError, match="field label not supported") as refusal:
        parse_fields("spec.hostname=x", PODS)

    assert 400 == refusal.value.code
