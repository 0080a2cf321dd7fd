"""What a command wrote is kept without secrets, and not without end."""

from __future__ import annotations

import pytest

from shared.core.command_output import LIMIT, exit_code, fit_to_keep


@pytest.mark.parametrize(
    "text",
    [
        "password=hunter2",
        "export DB_PASSWORD='hunter2'",
        "Authorization: Bearer hunter2",
        "AccountKey=hunter2;EndpointSuffix=core.windows.net",
        "https://x.blob.core.windows.net/c?sv=1&sig=hunter2",
        '{"client_secret": "hunter2"}',
        "api-key: hunter2",
        "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nhunter2",
    ],
)
def test_what_looks_like_a_secret_is_struck_out(text: str):
    """The record is read by people who may read plans, and by no one's root."""
    assert "hunter2" not in fit_to_keep(f"before\n{text}\n")
    assert "before" in fit_to_keep(f"before\n{text}\n")


def test_plain_words_are_kept_as_they_are():
    """A person must see what went wrong."""
    text = "saved step 41 to /mnt/share/ckpt-41.pt in 3.2s"
    assert text == fit_to_keep(text)


def test_a_long_text_keeps_its_two_ends():
    """The beginning says what, the end says how it went."""
    kept = fit_to_keep("begin " + "x " * 20_000 + "end")
    assert kept.startswith("begin")
    assert kept.endswith("end")
    assert LIMIT + 100 > len(kept)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a\nnightshift-exit=0\n", 0),
        ("nightshift-exit=0\nnightshift-exit=3", 3),
        ("a nightshift-exit=0", None),
        ("", None),
    ],
)
def test_the_last_line_of_our_own_is_the_exit_code(text: str, code: int | None):
    """A command may print such a line itself; ours comes after it."""
    assert code == exit_code(text)
