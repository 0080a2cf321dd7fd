"""Pick ports on 127.0.0.1 that nobody listens on.

A port can be taken between the pick and its use; whoever starts a process on
one looks whether the process lives, and picks again.
"""

import socket
from contextlib import ExitStack


def free_ports(count: int) -> tuple[int, ...]:
    """Give that many different free ports, all held open until the last is picked."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return tuple(int(each.getsockname()[1]) for each in sockets)
