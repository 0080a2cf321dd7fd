"""The three patch formats change what they name and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.kubernetes.errors import ApiError
from sandbox.kubernetes.patches import (
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC,
    apply,
    json_patch,
    merge,
    strategic,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=3), JSON, max_size=3)


def test_a_cordon_is_a_strategic_merge_of_one_field():
    """It is the very patch that kubectl sends; labels and taints stay."""
    node = {"metadata": {"labels": {"a": "b"}}, "spec": {"taints": [{"key": "x"}]}}

    patched = strategic(node, {"spec": {"unschedulable": True}})

    assert {"taints": [{"key": "x"}], "unschedulable": True} == patched["spec"]
    assert {"labels": {"a": "b"}} == patched["metadata"]
    assert {"taints": [{"key": "x"}]} == node["spec"]


def test_a_strategic_merge_replaces_taints_whole_and_merges_conditions_by_type():
    """Taints have no merge key: a patch of one taint drops the others, really."""
    conditions = [{"type": "Ready", "status": "True"}, {"type": "Disk", "status": "False"}]
    node = {
        "spec": {"taints": [{"key": "x"}, {"key": "y"}]},
        "status": {"conditions": conditions},
    }
    ready = {"conditions": [{"type": "Ready", "status": "Unknown"}]}

    patched = strategic(node, {"spec": {"taints": [{"key": "z"}]}, "status": ready})

    assert [{"key": "z"}] == patched["spec"]["taints"]
    found = {c["type"]: c["status"] for c in patched["status"]["conditions"]}
    assert {"Ready": "Unknown", "Disk": "False"} == found


def test_the_directives_of_a_strategic_merge_are_followed():
    """Controllers send them: delete an item, replace a list, keep an order."""
    pod = {
        "metadata": {"finalizers": ["a", "b"]},
        "containers": [{"name": "one"}, {"name": "two"}],
        "volumes": [{"name": "v"}],
    }
    patch = {
        "metadata": {"finalizers": ["c"], "$deleteFromPrimitiveList/finalizers": ["a"]},
        "containers": [{"name": "one", "$patch": "delete"}, {"name": "three"}],
        "$setElementOrder/containers": [{"name": "three"}, {"name": "two"}],
        "volumes": [{"$patch": "replace"}, {"name": "w"}],
    }

    assert {
        "metadata": {"finalizers": ["b", "c"]},
        "containers": [{"name": "three"}, {"name": "two"}],
        "volumes": [{"name": "w"}],
    } == strategic(pod, patch)


def test_a_merge_patch_removes_by_null_and_replaces_lists():
    """RFC 7386: the way an annotation of ours is taken away again."""
    document = {"a": {"b": 1, "c": 2}, "list": [1, 2]}

    assert {"a": {"c": 2}, "list": [3]} == merge(document, {"a": {"b": None}, "list": [3]})


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "add", "path": "/list/1", "value": 9}, {"list": [1, 9, 2], "a/b": {"~": 0}}),
        ({"op": "add", "path": "/list/-", "value": 9}, {"list": [1, 2, 9], "a/b": {"~": 0}}),
        ({"op": "remove", "path": "/list/0"}, {"list": [2], "a/b": {"~": 0}}),
        ({"op": "replace", "path": "/a~1b/~0", "value": 5}, {"list": [1, 2], "a/b": {"~": 5}}),
        ({"op": "move", "from": "/list", "path": "/new"}, {"new": [1, 2], "a/b": {"~": 0}}),
        (
            {"op": "copy", "from": "/list/0", "path": "/x"},
            {"list": [1, 2], "a/b": {"~": 0}, "x": 1},
        ),
        ({"op": "test", "path": "/list/0", "value": 1}, {"list": [1, 2], "a/b": {"~": 0}}),
    ],
)
def test_a_json_patch_does_each_operation_of_its_rfc(operation: dict, expected: dict):
    """Escapes included: annotation keys have a slash in them."""
    assert expected == json_patch({"list": [1, 2], "a/b": {"~": 0}}, [operation])


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "remove", "path": "/missing"},
        {"op": "replace", "path": "/missing", "value": 1},
        {"op": "add", "path": "/list/7", "value": 1},
        {"op": "shift", "path": "/a"},
        {"op": "add", "path": "no-slash", "value": 1},
        {"path": "/a"},
    ],
)
def test_a_json_patch_that_fails_changes_nothing(operation: dict):
    """All or nothing: a failed test is how a client makes a patch conditional."""
    document = {"a": 1, "list": []}

    with pytest.raises(ApiError) as refusal:
        json_patch(document, [{"op": "replace", "path": "/a", "value": 5}, operation])

    assert 422 == refusal.value.code
    assert {"a": 1, "list": []} == document


def test_a_patch_of_another_format_is_refused_by_its_media_type():
    """Server-side apply is not played; saying so beats half doing it."""
    with pytest.raises(ApiError) as refusal:
        apply("application/apply-patch+yaml", {}, {})

    assert (415, "UnsupportedMediaType") == (refusal.value.code, refusal.value.reason)


@pytest.mark.parametrize(
    ("kind", "patch"), [(JSON_PATCH, {}), (MERGE_PATCH, []), (STRATEGIC, 1)]
)
def test_a_patch_of_the_wrong_shape_is_a_bad_request(kind: str, patch: object):
    """A list where an object belongs, or the other way round."""
    with pytest.raises(ApiError) as refusal:
        apply(kind, {}, patch)

    assert 400 == refusal.value.code


@given(document=OBJECTS, patch=OBJECTS)
def test_applying_a_merge_patch_twice_is_applying_it_once(document: dict, patch: dict):
    """Retries of a patch after a lost answer must not change anything more."""
    once = merge(document, patch)

    assert once == merge(once, patch)


@given(document=OBJECTS)
def test_the_empty_patch_changes_nothing(document: dict):
    """In all three formats."""
    assert document == json_patch(document, [])
    assert document == merge(document, {})
    assert document == strategic(document, {})
