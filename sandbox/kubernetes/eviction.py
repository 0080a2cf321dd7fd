"""Evictions: a deletion that asks the pod's disruption budget first.

Decides yes, not now (429) or never (500 for two budgets). The order of the
checks is that of the real one.

Source: https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/core/pod/storage/eviction.go
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
"""

from sandbox.kubernetes import facts
from sandbox.kubernetes.cluster import Cluster
from sandbox.kubernetes.disruption import stamp
from sandbox.kubernetes.errors import ApiError, bad_request, success
from sandbox.kubernetes.resources import PODS, Manifest
from sandbox.kubernetes.routes import Target
from sandbox.kubernetes.writes import check_namespace, check_preconditions, existing

_VERSIONS = ("policy/v1", "policy/v1beta1")
_REFUSAL = "Cannot evict pod as it would violate the pod's disruption budget."
_RETRY_AFTER = 10


def evict(cluster: Cluster, target: Target, body: Manifest, *, is_dry: bool) -> Manifest:
    """Evict a pod: accept its deletion unless its budget cannot spare it.

    A pod that is terminating, pending or finished asks no budget. An eviction
    that repeats an accepted one is accepted again and changes nothing.

    Raises:
        ApiError: 400, 403 (namespace ending), 404, 409 (preconditions), 429 or 500.
    """
    _check_body(target, body)
    check_namespace(cluster, PODS, target.namespace, target.name)
    pod = existing(cluster, target)
    options = body.get("deleteOptions") or {}
    check_preconditions(PODS, pod, options.get("preconditions"))
    if not _ignores_budgets(pod):
        _ask_budget(cluster, pod)
    if not is_dry and not options.get("dryRun"):
        _accept(cluster, target, pod, options.get("gracePeriodSeconds"))
    return success(code=201)


def _check_body(target: Target, body: Manifest) -> None:
    metadata = body.get("metadata") or {}
    if body.get("kind") != "Eviction" or body.get("apiVersion") not in _VERSIONS:
        raise bad_request(
            f"not an Eviction object of policy/v1: {body.get('apiVersion')} {body.get('kind')}"
        )
    if metadata.get("name") != target.name:
        raise bad_request("name in URL does not match name in Eviction object")
    if metadata.get("namespace") not in (None, "", target.namespace):
        raise bad_request(
            "the namespace of the provided object does not match "
            "the namespace sent on the request"
        )


def _ignores_budgets(pod: Manifest) -> bool:
    phase = facts.phase(pod)
    return phase in (*facts.FINISHED, "Pending") or facts.is_terminating(pod)


def _ask_budget(cluster: Cluster, pod: Manifest) -> None:
    budgets = cluster.disruption.budgets_of(pod)
    if len(budgets) > 1:
        message = (
            "This pod has more than one PodDisruptionBudget, "
            "which the eviction subresource does not support."
        )
        raise ApiError(500, "", message)
    if budgets and not _spares_unready(budgets[0], pod):
        _check(budgets[0])


def _spares_unready(budget: Manifest, pod: Manifest) -> bool:
    """Whether a pod that is not Ready may go because it does not count as healthy.

    Source: https://kubernetes.io/docs/tasks/run-application/configure-pdb/#unhealthy-pod-eviction-policy
    """
    if facts.condition(pod, "Ready") == "True":
        return False
    if budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget.get("status") or {}
    desired = status.get("desiredHealthy", 0)
    return bool(0 < desired <= status.get("currentHealthy", 0))


def _check(budget: Manifest) -> None:
    """Refuse when nothing can be spared.

    The real server sends ``Retry-After`` only while the controller has not seen
    the budget's latest spec; a budget that is used up carries none, lest client
    libraries retry inside themselves.
    """
    name, status = budget["metadata"]["name"], budget.get("status") or {}
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 1):
        message = f"The disruption budget {name} is still being processed by the server."
        raise _too_many(message, retry_after=_RETRY_AFTER)
    if status.get("disruptionsAllowed", 0) > 0:
        return
    failed = [c for c in status.get("conditions") or () if c.get("reason") == "SyncFailed"]
    if failed:
        raise _too_many(
            f"The disruption budget {name} does not allow evicting pods currently because "
            f"it failed sync: {failed[0]['message']}"
        )
    raise _too_many(
        f"The disruption budget {name} needs {status.get('desiredHealthy', 0)} healthy pods "
        f"and has {status.get('currentHealthy', 0)} currently"
    )


def _too_many(cause: str, retry_after: int = 0) -> ApiError:
    causes = [{"reason": "DisruptionBudget", "message": cause}]
    return ApiError(
        429,
        "TooManyRequests",
        _REFUSAL,
        details={"causes": causes},
        retry_after=retry_after,
    )


def _accept(cluster: Cluster, target: Target, pod: Manifest, grace: int | None) -> None:
    if not facts.is_terminating(pod):
        why = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "EvictionByEvictionAPI",
            "message": "Eviction API: evicting",
            "lastTransitionTime": stamp(),
        }
        status = {**(pod.get("status") or {}), "conditions": facts.with_condition(pod, why)}
        cluster.store.put(PODS, {**pod, "status": status})
    cluster.deletions.delete(PODS, (target.namespace, target.name), grace)
