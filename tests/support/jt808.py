"""Messages of JT/T 808 terminals in the exchange format, as most tests send them."""

from __future__ import annotations

from typing import Any

#: a place in Shenzhen at 60.5 km/h, with a fix and the ignition on
LOCATION: dict[str, Any] = {
    "alarm": 0,
    "status": 3,
    "latitude": 22577000,
    "longitude": 113916000,
    "altitude": 10,
    "speed": 605,
    "direction": 90,
    "time": "261118190640",
}
REGISTRATION: dict[str, Any] = {
    "province": 44,
    "city": 300,
    "manufacturer": "70111",
    "model": "JC450",
    "dev_id": "T0001",
    "color": 1,
    "license_number": "B00001",
}
