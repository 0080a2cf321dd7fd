"""POST, PUT, PATCH and DELETE of objects, with the checks the real server makes.

Decides what a write may change: status through ``/status`` only, identity
never, and nothing against a resourceVersion or uid that is no longer true.

Source: https://github.com/kubernetes/kubernetes/tree/master/staging/src/k8s.io/apiserver/pkg/registry/rest
"""

import uuid
from copy import deepcopy
from typing import Any

from sandbox.kubernetes import errors, patches
from sandbox.kubernetes.births import suffix
from sandbox.kubernetes.cluster import Cluster, complete
from sandbox.kubernetes.resources import (
    BUDGETS,
    LEASES,
    NAMESPACES,
    PODS,
    Manifest,
    Resource,
)
from sandbox.kubernetes.routes import Target

_FIXED = ("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
_NO_BLIND_UPDATE = (BUDGETS, LEASES)


def check_kind(resource: Resource, body: Manifest) -> None:
    """Refuse a body of another kind than the path's.

    Raises:
        ApiError: 400.
    """
    given = (body.get("apiVersion", resource.api_version), body.get("kind", resource.kind))
    if given != (resource.api_version, resource.kind):
        wanted = f"{resource.api_version}, Kind={resource.kind}"
        message = (
            f"{given[0]}, Kind={given[1]} in the data does not match the expected {wanted}"
        )
        raise errors.bad_request(message)


def check_namespace(cluster: Cluster, resource: Resource, namespace: str, name: str) -> None:
    """Refuse new content where there is no namespace, or one that is being deleted.

    Raises:
        ApiError: 404 or 403.
    """
    if not resource.is_namespaced:
        return
    if cluster.store.get(NAMESPACES, ("", namespace)) is None:
        raise errors.not_found(NAMESPACES, namespace)
    if cluster.is_ending(namespace):
        raise errors.namespace_terminating(resource, name, namespace)


def check_preconditions(resource: Resource, found: Manifest, wanted: Manifest | None) -> None:
    """Compare uid and resourceVersion with what the client believes.

    Raises:
        ApiError: 409.
    """
    metadata = found["metadata"]
    for key, title in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        value = (wanted or {}).get(key)
        if value is not None and value != metadata[key]:
            why = (
                f"Precondition failed: {title} in precondition: {value}, "
                f"{title} in object meta: {metadata[key]}"
            )
            raise errors.conflict(resource, metadata["name"], why)


def create(cluster: Cluster, target: Target, body: Manifest, *, is_dry: bool) -> Manifest:
    """Create an object; a pod is scheduled and started as well.

    Raises:
        ApiError: 400, 403, 404, 409 or 422.
    """
    resource = target.resource
    check_kind(resource, body)
    metadata: dict[str, Any] = dict(body.get("metadata") or {})
    if metadata.get("generateName") and not metadata.get("name"):
        metadata["name"] = metadata["generateName"] + suffix()
    name = metadata.get("name")
    if not name:
        raise errors.invalid(f"{resource.kind} is invalid: metadata.name: Required value")
    if metadata.get("namespace", target.namespace) != target.namespace:
        raise errors.bad_request(
            "the namespace of the provided object does not match "
            "the namespace sent on the request"
        )
    check_namespace(cluster, resource, target.namespace, name)
    if cluster.store.get(resource, (target.namespace, name)) is not None:
        raise errors.already_exists(resource, name)
    return _store_new(cluster, target, {**body, "metadata": metadata}, is_dry=is_dry)


def _store_new(cluster: Cluster, target: Target, body: Manifest, *, is_dry: bool) -> Manifest:
    resource = target.resource
    metadata = {k: v for k, v in body["metadata"].items() if k not in _FIXED}
    metadata["uid"] = str(uuid.uuid4())
    if target.namespace:
        metadata["namespace"] = target.namespace
    kind = {"apiVersion": resource.api_version, "kind": resource.kind}
    made = complete({**body, **kind, "metadata": metadata})
    if resource is BUDGETS:
        made.pop("status", None)
    if is_dry:
        made["metadata"]["resourceVersion"] = ""
        return made
    if resource is PODS:
        return cluster.births.create(made)
    return cluster.store.put(resource, made)


def update(cluster: Cluster, target: Target, body: Manifest, *, is_dry: bool) -> Manifest:
    """Replace an object by what a client sends (PUT).

    Raises:
        ApiError: 400, 404, 409 or 422.
    """
    check_kind(target.resource, body)
    version = (body.get("metadata") or {}).get("resourceVersion")
    if not version and target.resource in _NO_BLIND_UPDATE:
        raise errors.invalid("metadata.resourceVersion: must be specified for an update")
    return _replace(cluster, target, body, is_dry=is_dry)


def patch(
    cluster: Cluster,
    target: Target,
    content_type: str,
    body: Any,
    *,
    is_dry: bool,
) -> Manifest:
    """Apply a patch in any of the three formats.

    Raises:
        ApiError: 400, 404, 409, 415 or 422.
    """
    found = existing(cluster, target)
    return _replace(cluster, target, patches.apply(content_type, found, body), is_dry=is_dry)


def existing(cluster: Cluster, target: Target) -> Manifest:
    """Return the object a path names.

    Raises:
        ApiError: 404.
    """
    found = cluster.store.get(target.resource, (target.namespace, target.name))
    if found is None:
        raise errors.not_found(target.resource, target.name)
    return found


def _replace(
    cluster: Cluster,
    target: Target,
    body: Any,
    *,
    is_dry: bool,
) -> Manifest:
    resource, found = target.resource, existing(cluster, target)
    old = found["metadata"]
    if not isinstance(body, dict) or not isinstance(body.get("metadata"), dict):
        raise errors.invalid("metadata: Required value")
    new = body["metadata"]
    if new.get("name") != old["name"]:
        raise errors.bad_request("the name of the object does not match the name on the URL")
    if new.get("resourceVersion") not in (None, "", old["resourceVersion"]):
        raise errors.modified(resource, old["name"])
    check_preconditions(resource, found, {"uid": new.get("uid")})
    made = _allowed_part(resource, found, body, target.subresource)
    if is_dry:
        return made
    stored = cluster.store.put(resource, made)
    cluster.deletions.settle(resource, stored)
    return stored


def _allowed_part(
    resource: Resource, found: Manifest, body: Manifest, subresource: str
) -> Manifest:
    """Keep what this path may not change: status, or everything but status; and identity."""
    if subresource:
        return {**found, "status": deepcopy(body.get("status") or {})}
    old = found["metadata"]
    fixed = {key: old[key] for key in ("uid", "namespace", *_FIXED) if key in old}
    metadata = {k: v for k, v in body["metadata"].items() if k not in _FIXED} | fixed
    made = {**deepcopy(body), "metadata": deepcopy(metadata)}
    made |= {"apiVersion": resource.api_version, "kind": resource.kind}
    if resource.has_status:
        made.pop("status", None)
        if "status" in found:
            made["status"] = found["status"]
    if "generation" in old and made.get("spec") != found.get("spec"):
        made["metadata"]["generation"] = old["generation"] + 1
    return made


def delete(cluster: Cluster, target: Target, options: Manifest, *, is_dry: bool) -> Manifest:
    """Delete an object, and return what the client is shown: it, or a Status.

    Raises:
        ApiError: 400, 404 or 409.
    """
    resource, found = target.resource, existing(cluster, target)
    if options.get("propagationPolicy") == "Orphan":
        raise errors.bad_request("this stand-in does not orphan; use Background or Foreground")
    check_preconditions(resource, found, options.get("preconditions"))
    if not is_dry:
        name = (target.namespace, target.name)
        found = cluster.deletions.delete(resource, name, options.get("gracePeriodSeconds"))
    if resource in (PODS, NAMESPACES) or cluster.store.get(
        resource, (target.namespace, target.name)
    ):
        return found
    uid = found["metadata"]["uid"]
    return errors.success(errors.details_of(resource, target.name, uid=uid))
