"""Where a reader of the resource manager may be led, and where not."""

from __future__ import annotations

from typing import Any

import pytest

from shared.adapters.arm import ArmReader
from shared.core.errors import InvalidTarget
from shared.core.settings import Settings


class NoCredential:
    """A credential that must not be asked: no request may leave."""

    async def get_token(self, *scopes: str, **kwargs: Any) -> Any:
        raise AssertionError(scopes)


@pytest.fixture
def arm() -> ArmReader:
    settings = Settings(resource_manager="https://arm.example/")
    return ArmReader(NoCredential(), settings)  # type: ignore[arg-type]


async def test_an_id_cannot_climb_out_of_itself(arm: ArmReader) -> None:
    """Targets come from events and people: none may name another path than its own."""
    with pytest.raises(InvalidTarget, match="dot as a segment"):
        await arm.get("/subscriptions/s/../../tenants", api_version="2024-01-01")


def test_a_name_cannot_become_a_query(arm: ArmReader) -> None:
    """A question mark in a name stays in the name."""
    assert "https://arm.example/subscriptions/s%3Fx%3D1%23y/(g)" == arm._url(
        "/subscriptions/s?x=1#y/(g)"
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/op",
        "http://arm.example/op",
        "https://arm.example.evil/op",
        "/op",
    ],
)
async def test_a_link_that_leads_elsewhere_is_not_followed(arm: ArmReader, url: str) -> None:
    """The token is for the resource manager alone."""
    with pytest.raises(InvalidTarget):
        await arm.look(url, doing="following a redeploy")
