"""Refusals, in the shape the real API server gives them.

Source: https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go
"""

from typing import Any

from sandbox.kubernetes.resources import Resource


class ApiError(Exception):
    """A refusal that the client sees as a ``Status`` object."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        retry_after: int = 0,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = dict(details or {})
        self.retry_after = retry_after
        if retry_after:
            self.details["retryAfterSeconds"] = retry_after

    def status(self) -> dict[str, Any]:
        """Give the body: a ``Status`` of apiVersion v1."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details:
            body["details"] = self.details
        return {**body, "code": self.code}

    def headers(self) -> dict[str, str]:
        """Give ``Retry-After`` when, and only when, the status names a delay."""
        return {"Retry-After": str(self.retry_after)} if self.retry_after else {}


def success(details: dict[str, Any] | None = None, code: int = 0) -> dict[str, Any]:
    """Build the ``Status`` that says yes."""
    body: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
    }
    if details:
        body["details"] = details
    return {**body, "code": code} if code else body


def details_of(resource: Resource, name: str, **more: object) -> dict[str, Any]:
    """Name the object in ``details``; ``kind`` there is the plural, as the real one does."""
    body: dict[str, Any] = {"name": name} if name else {}
    if resource.group:
        body["group"] = resource.group
    return {**body, "kind": resource.plural, **more}


def no_such_path() -> ApiError:
    """Answer a path that nothing is served under."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def not_found(resource: Resource, name: str) -> ApiError:
    """Answer an object that is not there."""
    message = f'{resource.qualified} "{name}" not found'
    return ApiError(404, "NotFound", message, details=details_of(resource, name))


def already_exists(resource: Resource, name: str) -> ApiError:
    """Answer a create of a name that is taken."""
    message = f'{resource.qualified} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, details=details_of(resource, name))


def conflict(resource: Resource, name: str, why: str) -> ApiError:
    """Answer a write against an object that is no longer what the client read."""
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return ApiError(409, "Conflict", message, details=details_of(resource, name))


def modified(resource: Resource, name: str) -> ApiError:
    """Answer a stale resourceVersion."""
    why = (
        "the object has been modified; please apply your changes to the latest version "
        "and try again"
    )
    return conflict(resource, name, why)


def bad_request(message: str) -> ApiError:
    """Answer a request that makes no sense."""
    return ApiError(400, "BadRequest", message)


def invalid(message: str) -> ApiError:
    """Answer a request that is well formed and cannot be carried out."""
    return ApiError(422, "Invalid", message)


def expired(message: str) -> ApiError:
    """Answer a resourceVersion or continue token that is too old."""
    return ApiError(410, "Expired", message)


def not_allowed() -> ApiError:
    """Answer a method that the path does not take."""
    return ApiError(
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
    )


def unsupported_media(given: str, accepted: str) -> ApiError:
    """Answer a body in a format the path does not take."""
    message = (
        "the body of the request was in an unknown format - "
        f"accepted media types include: {accepted}; got {given or 'none'}"
    )
    return ApiError(415, "UnsupportedMediaType", message)


def namespace_terminating(resource: Resource, name: str, namespace: str) -> ApiError:
    """Answer a create (an eviction is one) in a namespace that is being deleted.

    Source: https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go
    """
    why = (
        f"unable to create new content in namespace {namespace} because it is being terminated"
    )
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    return ApiError(
        403,
        "Forbidden",
        f'{resource.qualified} "{name}" is forbidden: {why}',
        details=details_of(resource, name, causes=[cause]),
    )
