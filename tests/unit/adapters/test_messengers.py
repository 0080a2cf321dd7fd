"""The address in a message: signed where there are keys, none where the app has no address."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

from shared.adapters.messengers import link_of
from shared.core import links
from shared.core.settings import Settings
from tests.builders import HOUR, NOW
from tests.notices import an_approval

KEYS = links.read_keys(f"k1:{base64.b64encode(b'x' * 32).decode()}")
URL = "https://nights.example"


def test_a_link_is_one_that_the_page_believes():
    """Whoever opens it from a message is let in until the question is long over."""
    approval = an_approval()
    link = link_of(Settings(url=URL, link_keys=KEYS))
    parts = urlsplit(link(approval.id, approval.expires_at))
    assert f"{URL}/api/approvals/{approval.id}" == f"{URL}{parts.path}"
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert links.check(KEYS, approval.id, query, NOW) > NOW + HOUR


def test_without_an_address_there_is_no_link():
    """A message then has no button, rather than one that leads nowhere."""
    assert "" == link_of(Settings(link_keys=KEYS))(an_approval().id, NOW)
    assert link_of(Settings(url=URL))(an_approval().id, NOW).endswith(an_approval().id)
