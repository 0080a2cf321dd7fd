"""Keeps the status of disruption budgets up to date as pods come and go.

Plays the disruption controller, at once instead of a moment later. A budget
annotated ``sandbox.nightshift/observed-after: 2s`` is seen that much later, so
that evictions meet the answer of a controller that lags behind.

Source: https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/disruption/disruption.go
"""

from datetime import UTC, datetime

from sandbox.kubernetes import facts, selectors
from sandbox.kubernetes.agenda import Agenda
from sandbox.kubernetes.budgets import Balance, balance, needs_scale
from sandbox.kubernetes.resources import (
    BUDGETS,
    DEPLOYMENTS,
    PODS,
    REPLICA_SETS,
    STATEFUL_SETS,
    Manifest,
    Name,
    controller_of,
    name_of,
)
from sandbox.kubernetes.store import Change, Store

_SCALABLE = {r.kind: r for r in (REPLICA_SETS, STATEFUL_SETS, DEPLOYMENTS)}


class SyncFailed(Exception):
    """A budget's pods have a controller whose scale is unknown; nothing may be disrupted."""


def stamp() -> str:
    """Return the time now as the API writes it: UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Disruption:
    """Follows the store and writes budgets' status into it."""

    def __init__(self, store: Store, agenda: Agenda) -> None:
        self._store = store
        self._agenda = agenda
        self._scales: dict[str, int] = {}
        store.listeners.append(self.on_change)

    def clear(self) -> None:
        """Forget the scales seen."""
        self._scales.clear()

    def budgets_of(self, pod: Manifest) -> list[Manifest]:
        """Return the budgets of the pod's namespace whose selector matches it."""
        namespace, _ = name_of(pod)
        labels = pod["metadata"].get("labels") or {}
        return [
            budget
            for (where, _), budget in self._store.all(BUDGETS).items()
            if where == namespace
            and selectors.of_spec(budget["spec"].get("selector")).matches(labels)
        ]

    def on_change(self, change: Change) -> None:
        """Weigh again every budget that a change may have moved."""
        if change.resource is PODS:
            if _counts(change.before) == _counts(change.after) and change.event == "MODIFIED":
                return
            touched = {
                name_of(budget)
                for pod in (change.before, change.after)
                if pod is not None
                for budget in self.budgets_of(pod)
            }
            for name in sorted(touched):
                self._weigh(name)
        elif change.resource is BUDGETS and change.event != "DELETED":
            self._observe(change)

    def _observe(self, change: Change) -> None:
        before, after = change.before, change.after
        if before is not None and before["spec"] == after["spec"]:
            return
        name, generation = name_of(after), after["metadata"].get("generation", 1)
        delay = facts.annotated_seconds(after, "observed-after", 0)
        if delay:
            self._agenda.after(delay, lambda: self._weigh(name, observing=generation))
        else:
            self._weigh(name, observing=generation)

    def _weigh(self, name: Name, observing: int | None = None) -> None:
        budget = self._store.get(BUDGETS, name)
        if budget is None:
            return
        old = budget.get("status") or {}
        observed = old.get("observedGeneration", 0) if observing is None else observing
        if observed < budget["metadata"].get("generation", 1):
            return
        try:
            status = _status(self._balance(budget), observed)
        except (SyncFailed, ValueError) as problem:
            status = {**old, "disruptionsAllowed": 0, "observedGeneration": observed}
            status["conditions"] = [_allowed("False", "SyncFailed", str(problem), observed)]
        self._store.put(BUDGETS, {**budget, "status": _keep_times(old, status)})

    def _balance(self, budget: Manifest) -> Balance:
        pods = self._matching(budget)
        spec = budget["spec"]
        scale = self._scale(pods) if needs_scale(spec) else 0
        healthy = sum(facts.is_healthy(pod) for pod in pods)
        return balance(spec, matching=len(pods), scale=scale, healthy=healthy)

    def _matching(self, budget: Manifest) -> list[Manifest]:
        namespace, _ = name_of(budget)
        selector = selectors.of_spec(budget["spec"].get("selector"))
        found = self._store.all(PODS)
        equal = [term for term in selector.requirements or () if term.is_equality]
        names = [
            self._store.pods_labelled(namespace, term.key, next(iter(term.values)))
            for term in equal
        ]
        candidates = min(names, key=len) if names else found
        return [
            found[name]
            for name in candidates
            if name[0] == namespace
            and selector.matches(found[name]["metadata"].get("labels") or {})
        ]

    def _scale(self, pods: list[Manifest]) -> int:
        """Sum what the pods' controllers want; pods without a controller count for nothing."""
        owners: dict[str, tuple[str, Manifest]] = {}
        live: dict[str, int] = {}
        for pod in pods:
            owner = controller_of(pod)
            if owner is not None:
                owners[owner["uid"]] = (name_of(pod)[0], owner)
                is_live = not facts.is_terminating(pod) and not facts.is_finished(pod)
                live[owner["uid"]] = live.get(owner["uid"], 0) + is_live
        return sum(
            self._replicas(namespace, owner, live[uid])
            for uid, (namespace, owner) in owners.items()
        )

    def _replicas(self, namespace: str, owner: Manifest, live: int) -> int:
        """Read a controller's replicas; of one the world leaves out, the most pods seen."""
        resource = _SCALABLE.get(owner["kind"])
        if resource is None:
            kind = owner["kind"]
            raise SyncFailed(
                f"{kind} {owner['name']} does not implement the scale subresource"
            )
        found = self._store.get(resource, (namespace, owner["name"]))
        parent = controller_of(found) if found else None
        if parent is not None and parent["kind"] in _SCALABLE:
            found = self._store.get(DEPLOYMENTS, (namespace, parent["name"])) or found
        if found is None:
            self._scales[owner["uid"]] = max(live, self._scales.get(owner["uid"], 0))
            return self._scales[owner["uid"]]
        replicas = (found.get("spec") or {}).get("replicas")
        return 1 if replicas is None else int(replicas)


def _counts(pod: Manifest | None) -> tuple[object, ...]:
    """Return all that a budget looks at in a pod; other changes need no weighing."""
    if pod is None:
        return ()
    labels = pod["metadata"].get("labels")
    return facts.is_healthy(pod), facts.is_terminating(pod), facts.is_finished(pod), labels


def _status(found: Balance, observed: int) -> Manifest:
    is_allowed = found.allowed > 0
    reason = "SufficientPods" if is_allowed else "InsufficientPods"
    return {
        "currentHealthy": found.healthy,
        "desiredHealthy": found.desired,
        "expectedPods": found.expected,
        "disruptionsAllowed": found.allowed,
        "observedGeneration": observed,
        "conditions": [_allowed(str(is_allowed), reason, "", observed)],
    }


def _allowed(status: str, reason: str, message: str, observed: int) -> Manifest:
    return {
        "type": "DisruptionAllowed",
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": observed,
        "lastTransitionTime": stamp(),
    }


def _keep_times(old: Manifest, new: Manifest) -> Manifest:
    """Leave a condition's time as it was while its status is."""
    before = {c["type"]: c for c in old.get("conditions") or ()}
    for entry in new["conditions"]:
        was = before.get(entry["type"])
        if was is not None and was["status"] == entry["status"]:
            entry["lastTransitionTime"] = was["lastTransitionTime"]
    return new
