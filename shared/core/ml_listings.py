"""What surveys of Azure ML computes list: the workspaces, and the computes of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.core.ml_documents import API_VERSION
from shared.core.surveys import Kept, Listing, kept

_WORKSPACES = (
    "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/workspaces"
)


def computes_of_workspaces(
    keep: Callable[[Mapping[str, Any]], Kept | None],
) -> dict[str, Listing]:
    """List ``workspaces``, and as ``computes`` what ``keep`` keeps of each.

    Source: https://learn.microsoft.com/rest/api/azureml/compute/list
    """
    return {
        "workspaces": Listing(path=_WORKSPACES, api_version="2024-10-01", keep=kept),
        "computes": Listing(
            path="{id}/computes", api_version=API_VERSION, keep=keep, of="workspaces"
        ),
    }
