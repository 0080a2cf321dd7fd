"""How long a call to Azure may take, and how often a client library repeats it itself.

The libraries' own defaults (300 s of timeout, ten retries, sleeping for as long as
``Retry-After`` says) would sleep through a 30-second notice without the engine knowing.
So a call ends soon and says how: the engine repeats it, under its deadline and its
lease. Only a connection that could not be opened is tried once more at once, since
nothing was sent.
"""

from __future__ import annotations

from typing import Any

CONNECT_S = 3
READ_S = 10


def has_proxy() -> bool:
    """Tell whether the environment sends HTTP through a proxy.

    Told to trust the environment, aiohttp goes to a thread twice for every request: to
    look for a proxy, and for a password in ``~/.netrc``, which our calls must not carry.
    So it is told so only where there is a proxy, asked once for each client built.

    Source: https://docs.aiohttp.org/en/stable/client_reference.html (``trust_env``)
    """
    from urllib.request import getproxies

    return not {"http", "https"}.isdisjoint(getproxies())


def sdk_options() -> dict[str, Any]:
    """Return the keyword arguments that every azure-core based client is built with."""
    return {
        "connection_timeout": CONNECT_S,
        "read_timeout": READ_S,
        "retry_total": 1,
        "retry_connect": 1,
        "retry_read": 0,
        "retry_status": 0,
        "retry_backoff_factor": 0,
        "logging_enable": False,
    }
