"""Refusals, in the body shape the real service uses for them.

Source: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
"""

from typing import Any


class ServiceError(Exception):
    """An answer that is not a success: status, code and message as the service words them."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: dict[str, str] | None = None,
        values: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.values = values or {}


def arm_body(error: ServiceError) -> dict[str, Any]:
    """Write the error as resource manager does, and most data planes too."""
    return {"error": {"code": error.code, "message": error.message}}


def batch_body(error: ServiceError) -> dict[str, Any]:
    """Write the error as the Batch service does.

    Source: https://learn.microsoft.com/rest/api/batchservice/batch-status-and-error-codes
    """
    body: dict[str, Any] = {
        "code": error.code,
        "message": {"lang": "en-US", "value": error.message},
    }
    if error.values:
        body["values"] = [{"key": key, "value": text} for key, text in error.values.items()]
    return body


def kubernetes_body(error: ServiceError) -> dict[str, Any]:
    """Write the error as a Kubernetes API server does."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": error.message,
        "reason": error.code,
        "code": error.status,
    }


def not_found(resource_id: str) -> ServiceError:
    """Refuse a resource that the world does not hold."""
    parts = resource_id.split("/")
    group = parts[4] if parts[4:] and parts[3].lower() == "resourcegroups" else None
    where = f" under resource group '{group}'" if group else ""
    tail = resource_id.lower().rpartition("/providers/")[2]
    shown = resource_id[-len(tail) :]
    return ServiceError(
        404,
        "ResourceNotFound",
        f"The Resource '{shown}'{where} was not found. For more details please go to "
        "https://aka.ms/ARMResourceNotFoundFix",
    )


def missing(prop: str, code: str = "InvalidParameter") -> ServiceError:
    """Refuse a body that lacks a property, naming it."""
    return ServiceError(400, code, f"Required parameter '{prop}' is missing (null).")


def invalid(
    prop: str, got: object, wanted: str, code: str = "InvalidParameter"
) -> ServiceError:
    """Refuse a body whose property has a wrong value, naming both."""
    return ServiceError(
        400, code, f"The value '{got}' of parameter '{prop}' is invalid; it must be {wanted}."
    )
