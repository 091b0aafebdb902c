"""A TCP connection that may carry many terminals."""

from __future__ import annotations

from .riders import Riders
from .tcp import Terminal


class Carrier(Riders, Terminal):
    """One TCP connection of one JT/T 808 terminal, or of a forwarder."""

    send = Terminal.send
    disconnect = Terminal.disconnect
