"""What can go wrong, sorted by what the engine does about it.

    AutomationError
    ├── RetryLater            try the same step again after ``after``
    │   ├── Throttled           the provider said when (429)
    │   ├── ProviderUnavailable 5xx, a timeout, a broken connection
    │   ├── LeaseHeld           another worker is on this plan
    │   └── NotYet              it was accepted and is still going on
    ├── GiveUp                retrying cannot help; record it, tell a person
    │   ├── MalformedEvent      the payload is not what its schema says
    │   │   └── NotJson           it is no JSON at all
    │   ├── Forbidden           our identity lacks an operation, or a lock forbids it
    │   ├── InvalidTarget       the target is not something this verb works on
    │   │   └── Unproven          nothing proves that what was found is the target
    │   ├── NoCapacity          Azure has no such machine to give now, or the quota none
    │   ├── TooLarge            more at once than the service takes (413)
    │   ├── DeadlinePassed      acting stopped being useful
    │   ├── AttemptsExhausted   tried as often as allowed
    │   └── InvalidSetting      a setting or a rule file is wrong
    │       └── Misconfigured     and it is the app's own
    └── StaleFacts            the world or the ledger moved; look again

Two things are deliberately absent. A guardrail that says no is a ``Hold`` or
``Skip``, not an exception. A target that is already gone is success.
"""

from __future__ import annotations

from datetime import timedelta


class AutomationError(Exception):
    """Base of every error this app raises on purpose."""


class RetryLater(AutomationError):
    """The same step may work after ``after``."""

    def __init__(self, message: str, *, after: timedelta) -> None:
        super().__init__(message)
        self.after = after


class Throttled(RetryLater):
    """The provider asked for patience and said for how long."""


class ProviderUnavailable(RetryLater):
    """The provider failed in a way that passes: 5xx, a timeout, a lost connection."""


class LeaseHeld(RetryLater):
    """Another worker holds the lease on this plan."""


class NotYet(RetryLater):
    """The effect was accepted and is still happening.

    Attributes:
        progress: What to remember in the ledger until the next look.
    """

    def __init__(
        self, message: str, *, after: timedelta, progress: dict[str, object] | None = None
    ) -> None:
        super().__init__(message, after=after)
        self.progress = progress


class GiveUp(AutomationError):
    """Retrying cannot help."""


class MalformedEvent(GiveUp):
    """The payload does not match the schema it claims."""


class NotJson(MalformedEvent):
    """The payload is not JSON text."""


class Forbidden(GiveUp):
    """Our identity may not do this; the message names the operation."""


class InvalidTarget(GiveUp):
    """The target is not something this verb works on."""


class Unproven(InvalidTarget):
    """Nothing proves that what was found is the target."""


class NoCapacity(GiveUp):
    """There is none of it to be had now: capacity or quota. Asking again does not help."""


class TooLarge(GiveUp):
    """More at once than the service takes; half of it may do."""


class DeadlinePassed(GiveUp):
    """The moment after which acting is useless has come."""


class AttemptsExhausted(GiveUp):
    """Tried as often as allowed."""


class InvalidSetting(GiveUp):
    """A setting or a rule file is wrong; the message names it and what it may be."""


class Misconfigured(InvalidSetting):
    """The app's own settings or rules are wrong: no request of anybody's can be."""


class StaleFacts(AutomationError):
    """Somebody else changed the target or the ledger row; read again, decide again."""
