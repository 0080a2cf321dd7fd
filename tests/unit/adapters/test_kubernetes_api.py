"""What an API server's refusals become, and what no refusal may hold."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.adapters.kubernetes_api import KubernetesAnswer, KubernetesApi, Unauthorised
from shared.core.errors import (
    AutomationError,
    Forbidden,
    InvalidTarget,
    ProviderUnavailable,
    StaleFacts,
    Throttled,
)


async def secret() -> str:
    return "very-secret-token"


API = KubernetesApi("https://c.example", "PEM", secret, name="train")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidTarget),
        (401, Unauthorised),
        (403, Forbidden),
        (404, InvalidTarget),
        (409, StaleFacts),
        (422, InvalidTarget),
        (429, Throttled),
        (500, ProviderUnavailable),
        (503, ProviderUnavailable),
        (302, ProviderUnavailable),
    ],
)
def test_a_status_becomes_what_the_engine_does_about_it(
    status: int, error: type[AutomationError]
) -> None:
    """Retry, give up or look again: decided here, once."""
    said = API.refusal("patch", "/api/v1/nodes/n", KubernetesAnswer(status, {}))
    assert error is type(said)


def test_a_refusal_names_verb_resource_and_the_servers_words() -> None:
    """A missing role is granted by whoever reads this sentence."""
    body = {"message": 'nodes "n" is forbidden: User "u" cannot patch resource "nodes"'}
    said = str(API.refusal("patch", "/api/v1/nodes/n", KubernetesAnswer(403, body)))
    assert said.startswith('patch /api/v1/nodes/n in train: 403 nodes "n" is forbidden')
    assert "secret" not in said


def test_patience_is_what_the_server_asks_for() -> None:
    """Asking again sooner makes a busy API server busier."""
    answer = KubernetesAnswer(429, {}, patience=timedelta(seconds=7))
    said = API.refusal("list", "/api/v1/pods", answer)
    assert isinstance(said, Throttled)
    assert timedelta(seconds=7) == said.after
