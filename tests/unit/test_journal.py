"""A copy that the archive lost is seen in the log, counted; an event's payload never is."""

from __future__ import annotations

import logging

from shared.engine.inlet import Heard
from shared.journal import note_heard


def test_a_lost_copy_is_logged_with_a_count_that_an_alert_can_be_put_on(caplog):
    """Nothing else would show it: the event itself was answered."""
    caplog.set_level(logging.WARNING, "nightshift")

    for _ in range(2):
        note_heard("on_test", Heard(lost_copy="no blobs today"))
    note_heard("on_test", Heard())

    assert [
        "inlet=on_test archive=lost lost=1 why='no blobs today'",
        "inlet=on_test archive=lost lost=2 why='no blobs today'",
    ] == caplog.messages
