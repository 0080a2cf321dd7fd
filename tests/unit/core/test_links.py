"""Signed links: nobody makes one up, and a key is replaced without breaking any."""

from __future__ import annotations

import base64
from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from shared.core.approvals import Refusal, Refused
from shared.core.links import OUTLIVES, LinkKey, address, check, read_keys, sign
from tests.builders import HOUR, NOW

OLD, NEW = LinkKey("k1", b"1" * 32), LinkKey("k2", b"2" * 32)
ID, OTHER = "0123456789abcdef" * 2, "f" * 32
ENDS = NOW + HOUR


def query(text: str) -> dict[str, str]:
    """Read a query string as the host does."""
    return dict(parse_qsl(text))


def refusal(keys, approval_id, asked, now=NOW) -> Refusal:
    """Check a link, and return why it was refused."""
    with pytest.raises(Refused) as caught:
        check(keys, approval_id, asked, now)
    return caught.value.refusal


def test_a_link_is_good_until_its_moment():
    """And says until when."""
    asked = query(sign([OLD], ID, ENDS))
    assert ENDS == check([OLD], ID, asked, NOW)
    assert ENDS == check([OLD], ID, asked, ENDS - timedelta(seconds=1))
    assert Refusal.LINK_EXPIRED == refusal([OLD], ID, asked, ENDS)


@pytest.mark.parametrize("part", ["exp", "kid", "sig"])
def test_a_link_changed_in_any_part_is_refused(part: str):
    """One character is enough, and so is a part that is missing or written otherwise."""
    asked = query(sign([OLD, NEW], ID, ENDS))
    first = "1" if asked[part][0] != "1" else "2"
    for changed in (first + asked[part][1:], "", asked[part] + "0", "é", "9" * 400):
        said = refusal([OLD, NEW], ID, {**asked, part: changed})
        assert said in {Refusal.TAMPERED, Refusal.UNKNOWN_KEY}, changed
        assert part == "kid" or said is Refusal.TAMPERED
    assert Refusal.TAMPERED == refusal(
        [OLD], ID, {k: v for k, v in asked.items() if k != part}
    )


def test_a_link_opens_its_own_question_only():
    """Whoever was sent one does not read, or decide, another."""
    assert Refusal.TAMPERED == refusal([OLD], OTHER, query(sign([OLD], ID, ENDS)))


def test_a_later_end_cannot_be_written_into_a_link():
    """The end is signed too."""
    asked = query(sign([OLD], ID, ENDS))
    longer = query(sign([NEW], ID, ENDS + HOUR))
    assert Refusal.TAMPERED == refusal([OLD], ID, {**asked, "exp": longer["exp"]})


def test_a_key_is_replaced_without_breaking_the_links_of_the_old_one():
    """The first signs, both verify; once the old one is gone its links are too."""
    before = query(sign([OLD], ID, ENDS))
    assert ENDS == check([NEW, OLD], ID, before, NOW)
    assert "k2" == query(sign([NEW, OLD], ID, ENDS))["kid"]
    assert Refusal.UNKNOWN_KEY == refusal([NEW], ID, before)


def test_one_key_cannot_sign_in_the_name_of_the_other():
    """The key's id is signed too, should two ever hold the same secret."""
    twin = LinkKey("k2", OLD.secret)
    asked = query(sign([OLD], ID, ENDS))
    assert Refusal.TAMPERED == refusal([OLD, twin], ID, {**asked, "kid": "k2"})


def test_without_a_key_nothing_is_signed_and_nothing_verifies():
    """A link without a signature opens for whoever is signed in."""
    with pytest.raises(ValueError, match="no key"):
        sign([], ID, ENDS)
    assert Refusal.UNKNOWN_KEY == refusal([], ID, query(sign([OLD], ID, ENDS)))
    assert (
        address("https://a.example", [], ID, ENDS) == f"https://a.example/api/approvals/{ID}"
    )


def test_an_address_leads_to_the_page_and_outlives_its_question():
    """A late click reads what became of it; deciding is refused by the question itself."""
    link = urlsplit(address("https://a.example/", [OLD], ID, ENDS))
    assert ("https", "a.example", f"/api/approvals/{ID}") == (link[0], link[1], link[2])
    asked = {name: values[0] for name, values in parse_qs(link.query).items()}
    assert ENDS + OUTLIVES == check([OLD], ID, asked, ENDS + HOUR)
    assert "" == address("", [OLD], ID, ENDS)


def test_keys_are_read_and_never_shown():
    """Neither in a log of the settings nor in an error about them."""
    secret = base64.b64encode(b"s" * 32).decode()
    keys = read_keys(f"a:{secret}, b:{base64.b64encode(b't' * 48).decode()}")
    assert (LinkKey("a", b"s" * 32), LinkKey("b", b"t" * 48)) == keys
    assert secret not in repr(keys)
    assert "ssss" not in repr(keys)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "id:base64"),
        ("c2VjcmV0c2VjcmV0", "id:base64"),
        ("a b:c2VjcmV0", "id:base64"),
        ("a:c2VjcmV0", "6 bytes"),
        ("a:c2VjcmV0!", "not base64"),
        ("a:é", "not base64"),
        (f"a:{'c' * 44},a:{'d' * 44}", "same id"),
        (f"a:{'c' * 44},b:{'d' * 44},c:{'e' * 44}", "at most 2"),
    ],
)
def test_a_key_that_protects_nothing_is_refused_without_being_repeated(text, words):
    """Short, misspelt, doubled or a third."""
    with pytest.raises(ValueError, match=words) as caught:
        read_keys(text)
    assert "c2Vjc" not in str(caught.value)
