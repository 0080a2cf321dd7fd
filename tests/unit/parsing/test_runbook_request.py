"""A person's request is read strictly: a misspelled word must not start the real thing."""

import pytest

from shared.core.errors import MalformedEvent
from shared.parsing import RunbookRequest, parse_runbook_request
from tests.unit.parsing.samples import VM, load


def test_a_request_is_read_as_it_was_asked():
    """Target, settings, dry run and the person's reason."""
    expected = RunbookRequest(
        VM, {"pod_grace": "20s"}, is_dry_run=True, reason="trying the new rule"
    )
    assert expected == parse_runbook_request(load("runbook__dry_run"))


def test_only_the_target_must_be_said():
    """Without settings the defaults hold; without ``dry_run`` it is meant."""
    assert RunbookRequest(VM) == parse_runbook_request({"target": VM})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"dryrun": True}, "$.dryrun: is not known, should be one of target, with, dry_run"),
        ({"Dry_Run": True}, "$.Dry_Run: is not known"),
        ({"dry_run": "true"}, "$.dry_run: was 'true', should be true or false"),
        ({"dry_run": None}, "$.dry_run"),
        ({"with": []}, "$.with: was an array, should be an object"),
        ({"with": None}, "$.with"),
        ({"target": "vm-1"}, "$.target: was 'vm-1', should be an ARM id"),
        ({"target": None}, "$.target: is missing"),
        ({"reason": 5}, "$.reason: was a number, should be a text"),
        ({"reason": "x" * 5000}, "at most 4096 characters"),
    ],
)
def test_a_mistake_is_named_by_its_path(change, why):
    """The person can correct it at once."""
    with pytest.raises(MalformedEvent) as refused:
        parse_runbook_request({"target": VM} | change)
    assert why in str(refused.value)


@pytest.mark.parametrize("body", ["", "[]", "5", b"\xff", b" " * 65_537, '{"target": NaN}'])
def test_a_body_that_is_no_request_is_refused(body):
    """Whatever was posted, the answer is a problem report and never a crash."""
    with pytest.raises(MalformedEvent):
        parse_runbook_request(body)


def test_a_repeated_key_is_refused():
    """JSON readers disagree on which one counts."""
    with pytest.raises(MalformedEvent, match="has a key twice"):
        parse_runbook_request('{"target": "x", "dry_run": true, "dry_run": false}')
