"""The service as its operators see it through the manhole: what they may touch, figures and limits, frames in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import msgspec
from twisted.internet.defer import Deferred

from jimigw.gateway.commands import Commands
from jimigw.gateway.gateway import Gateway
from jimigw.gateway.registry import Registry
from jimigw.gateway.taps import Traffic
from jimigw.gateway.uploads import Uploads
from jimigw.journal.interface import IJournal
from jimigw.model.device import Device
from jimigw.ops.config import Config
from jimigw.protocols.jimi.codec import read_any
from jimigw.protocols.jimi.frame import FrameDecoder
from jimigw.protocols.jt808.codec import decode_frame
from jimigw.protocols.jt808.frame import Frame, frames_of
from jimigw.store.interface import IStore

from .deliveries import Deliveries
from .doors import Doors
from .ports import Ports

Figures = dict[str, dict[str, Any]]

_LONGEST = 65_541
_WIDE, _MOST_LINES = 76, 6

_UPLOADS = (
    "max_bytes", "max_transfers", "max_transfers_per_device", "max_files_per_hour", "max_device_bytes",
    "max_total_bytes", "min_free_bytes", "retention_days", "fetch_budget", "max_connections", "max_names",
    "max_list_bytes",
)  # fmt: skip
"""Keys of ``[uploads]`` that are limits."""

_text = msgspec.json.Encoder().encode


@attrs.frozen(eq=False)
class House:
    """What the manhole is given. Called in the reactor thread only."""

    registry: Registry
    gateway: Gateway
    commands: Commands
    journal: IJournal
    store: IStore
    ports: Ports
    doors: Doors
    deliveries: Deliveries
    data_path: Path
    #: the config of now, and what reads it again
    config: Callable[[], Config]
    reload: Callable[[], list[str]]
    uploads: Uploads
    #: figures of other parts
    others: Callable[[], Figures] = dict

    def save_card(self, device: Device) -> Deferred[None]:
        """Store a terminal's card as it is now."""
        return self.registry.save_card(device)

    def describe(self, device: Device | None, traffic: Traffic) -> Sequence[str]:
        """A frame in lines for people: what it is, then what it says."""
        protocol, message = traffic.protocol, traffic.message
        messages = _messages(protocol, traffic.raw) if message is None else [message]
        return [line for each in messages for line in _told(protocol, each)] or [traffic.raw.hex()]

    def stats(self) -> Figures:
        """Counters and gauges: section, name, value."""
        journal = attrs.asdict(self.journal.stats(), recurse=False)
        refused = journal.pop("refused")
        commands = attrs.asdict(self.commands.counters)
        ended = commands.pop("ended")
        figures: Figures = {
            "terminals": {"known": len(self.registry), "on line": self.registry.online()},
            "gateway": attrs.asdict(self.gateway.counters),
            "journal": journal | {f"refused, {reason}": count for reason, count in refused.items()},
            "store": {"states to be stored": self.registry.stale, "last error": self.store.last_error()},
            "commands": {"open": len(self.commands)} | commands | {f"ended, {how}": n for how, n in ended.items()},
        }
        for edge in self.ports.edges:
            figures[f"port {edge.name}"] = attrs.asdict(edge.counters) | {"frames dropped": edge.dropped()}
        return figures | self.uploads.stats() | self.doors.figures() | self.deliveries.figures() | self.others()

    def limits(self) -> Figures:
        """Limits: section, name, value."""
        figures: Figures = {f"port {edge.name}": attrs.asdict(edge.limits) for edge in self.ports.edges}
        journal = self.config().journal
        figures["journal"] = {
            name: getattr(journal, name) for name in ("retention_days", "max_bytes", "max_waiting", "max_waiting_bytes")
        }
        figures["commands"] = attrs.asdict(self.commands.settings)
        uploads = self.config().uploads
        figures["uploads"] = {name: getattr(uploads, name) for name in _UPLOADS}
        return figures


def _messages(protocol: str, raw: bytes) -> list[dict[str, Any]]:
    """The frames in these bytes for a terminal, as messages in the exchange format."""
    if protocol == "jimi":
        return [read_any(frame).message() for frame in FrameDecoder(_LONGEST).feed(raw, 0.0)]
    return [decode_frame(piece).to_json() for piece in frames_of(raw, _LONGEST) if isinstance(piece, Frame)]


def _told(protocol: str, message: dict[str, Any]) -> list[str]:
    header, body = message.get("header") or {}, message.get("body")
    digits = 2 if protocol == "jimi" else 4
    head = f"0x{header.get('msg_id', 0):0{digits}X} #{header.get('msg_sn', '?')}"
    pairs = [f"{name}={_shown(value)}" for name, value in body.items()] if isinstance(body, dict) else [_shown(body)]
    lines = [head]
    for at, pair in enumerate(pairs):
        if len(lines[-1]) + len(pair) < _WIDE:
            lines[-1] += f"  {pair}"
        elif len(lines) < _MOST_LINES:
            lines.append(pair)
        else:
            lines[-1] += f"  ({len(pairs) - at} more)"
            break
    return lines


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else _text(value).decode("utf-8", "replace")
