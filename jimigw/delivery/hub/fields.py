"""Fields that most pushes have."""

from __future__ import annotations

from .conversions import moment, text
from .rows import Field

OPEN = True

IMEI = Field("deviceImei", "device", text, "the terminal as records name it")
ALSO_IMEI = Field("imei", "device", text, "the same; some receivers look here")
GATE_TIME = Field("gateTime", "received_at", moment, "when the gateway read it")
