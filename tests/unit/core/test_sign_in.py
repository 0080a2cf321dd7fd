"""Where a request comes from: another site must not answer with somebody's sign-in."""

from __future__ import annotations

import pytest

from shared.core.sign_in import is_cross_site

OWN = "https://night.contoso.com"
HOST = {"host": "night.azurewebsites.net"}


@pytest.mark.parametrize(
    ("headers", "is_form", "is_refused"),
    [
        ({"sec-fetch-site": "same-origin"}, True, False),
        ({"sec-fetch-site": "none"}, True, False),
        ({"sec-fetch-site": "same-site"}, True, True),
        ({"sec-fetch-site": "cross-site"}, True, True),
        ({"sec-fetch-site": "cross-site"}, False, True),
        ({"sec-fetch-site": "cross-site", "origin": OWN}, True, True),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, True, False),
        ({"origin": OWN}, True, False),
        ({"origin": "https://NIGHT.azurewebsites.net"}, True, False),
        ({"origin": "https://evil.example"}, True, True),
        ({"origin": "https://night.contoso.com.evil.example"}, True, True),
        ({"origin": "https://evil.example"}, False, True),
        ({"origin": "null"}, True, True),
        ({"origin": "https://[broken"}, True, True),
        ({}, True, True),
        ({}, False, False),
    ],
)
def test_a_browser_says_where_a_request_comes_from(headers, is_form, is_refused):
    """A form that does not say is refused; a program need not, it has no cookies of ours."""
    assert is_refused == is_cross_site({**HOST, **headers}, OWN, is_form=is_form)


def test_without_an_address_of_our_own_the_host_is_what_counts():
    """And no host at all is no match for no origin."""
    origin = {"origin": "https://night.azurewebsites.net"}
    assert not is_cross_site({**HOST, **origin}, "", is_form=True)
    assert is_cross_site(origin, "", is_form=True)
    assert is_cross_site({"origin": "null"}, "", is_form=True)
