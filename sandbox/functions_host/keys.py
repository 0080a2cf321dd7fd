"""Decide whether a request carries a key that its level asks for.

Keys are compared in constant time and never logged.

Source: https://learn.microsoft.com/azure/azure-functions/function-keys-how-to
"""

import hmac
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True)
class Keys:
    """The host's keys; the master key opens everything."""

    master: str = field(repr=False)
    function: str = field(repr=False)
    system: str | None = field(default=None, repr=False)

    def opens(self, level: str, request: web.Request) -> bool:
        """Tell whether the request may reach something of this level.

        Levels are ``anonymous``, ``function``, ``admin`` and ``system`` (the
        webhooks of extensions, such as Event Grid's).
        """
        if level == "anonymous":
            return True
        given = request.headers.get("x-functions-key") or request.query.get("code") or ""
        right = [self.master]
        if level == "function":
            right.append(self.function)
        if level == "system" and self.system:
            right.append(self.system)
        # A list, not any(): every key is compared, so the time tells nothing.
        return True in [hmac.compare_digest(given.encode(), key.encode()) for key in right]
