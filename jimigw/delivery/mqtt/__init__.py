"""MQTT: what terminals say goes to a broker, commands come from it.

journal ─▶ MqttTarget.deliver ─▶ Uplinks (what, where) ─▶ Broker (window, again and again) ─▶ Connection ─▶ broker
commands ◀─ Downlinks (whose, what) ◀────────────────────────────────────────────────────────────────┘
"""

from .broker import Place
from .connection import V5, V311, Settings
from .target import MqttSettings, MqttTarget
from .uplinks import Published

__all__ = ["V5", "V311", "MqttSettings", "MqttTarget", "Place", "Published", "Settings"]
