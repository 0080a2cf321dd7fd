"""What a rule may not demand of its signals and its remediation: refused at load.

The platform does not wait for a second strike, for a canary to soak or for a person:
what holds back the answer to its notices is refused rather than passed over.
"""

from __future__ import annotations

from shared.core.remediation import Remediation
from shared.core.signals import INVOLUNTARY, SignalType
from shared.rules.documents import locate
from shared.rules.drafts import Draft
from shared.rules.problems import Problems
from shared.rules.shape import RuleShape


def refuse_demands(
    draft: Draft,
    model: RuleShape,
    on: frozenset[SignalType],
    remediation: Remediation | None,
    problems: Problems,
) -> None:
    """Report every demand that the rule's signals or remediation cannot meet."""
    _refuse_waiting(draft, model, on, problems)
    if remediation is not None:
        _refuse_if_expired(draft, model, remediation, problems)
        _refuse_steps(draft, model, remediation, problems)


def _refuse_waiting(
    draft: Draft, model: RuleShape, on: frozenset[SignalType], problems: Problems
) -> None:
    hasty = ", ".join(sorted(on & INVOLUNTARY))
    if not hasty:
        return
    waits = {
        ("approval",): model.approval.terms is not None,
        ("strikes",): model.strikes is not None and model.strikes.count > 1,
        ("guard", "canary"): model.guard.canary is not None,
    }
    for path, is_given in waits.items():
        if is_given:
            what = path[-1]
            message = f"{what} would hold back the answer to {hasty}, which does not wait"
            suggestion = f"leave {what} out, or give those signals a rule of their own"
            problems.add(locate(draft.table, path)[0], message, suggestion)


def _refuse_if_expired(
    draft: Draft, model: RuleShape, remediation: Remediation, problems: Problems
) -> None:
    terms = model.approval.terms
    if terms is None or terms.if_expired is None:
        return
    if terms.if_expired not in remediation.verbs:
        place = locate(draft.table, ("approval", "if_expired"))[1]
        message = f"{remediation.name} has no {terms.if_expired} step"
        problems.add(place, message, "write nothing, or one of its own safe steps")


def _refuse_steps(
    draft: Draft, model: RuleShape, remediation: Remediation, problems: Problems
) -> None:
    known = {*remediation.verbs, remediation.name}
    for index, test in enumerate(model.tests):
        for at, step in enumerate(test.steps or ()):
            if step not in known:
                place = locate(draft.table, ("tests", index, "steps", at))[1]
                listed = ", ".join(sorted(remediation.verbs))
                message = f"{remediation.name} has no step {step!r}"
                problems.add(place, message, f"write {listed}, or {remediation.name}")
