"""What every client library is told."""

from __future__ import annotations

import pytest

from shared.adapters.sdk_options import has_proxy

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_without_a_proxy_no_request_asks_for_one():
    """Each asking is two hops to a thread, a fifth of the fast path's processor time."""
    assert has_proxy() is False


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "HTTPS_PROXY"])
def test_a_proxy_of_the_environment_is_used(monkeypatch, name):
    """A network that only lets a proxy out would otherwise cut the app off."""
    monkeypatch.setenv(name, "http://proxy.example:3128")
    assert has_proxy() is True


def test_a_list_of_exceptions_is_no_proxy(monkeypatch):
    """``NO_PROXY`` alone sends nothing anywhere."""
    monkeypatch.setenv("NO_PROXY", "localhost")
    assert has_proxy() is False
