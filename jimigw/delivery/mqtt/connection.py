"""One connection to a broker: paho-mqtt speaks, Twisted carries.

paho gets no socket and no thread. It writes to the transport and reads whole packets that came from it, so name lookup,
connecting, TLS and waiting are the reactor's, and nothing blocks. Publications and their acknowledgements pass by paho
(see :mod:`.packets`). A connection is used once: nothing of an older one is sent again by itself.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any, Protocol

import attrs
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from .packets import Acknowledged, Malformed, Oversized, Publication, Splitter, publish_packet

V311, V5 = int(MQTTProtocolVersion.MQTTv311), int(MQTTProtocolVersion.MQTTv5)

RECEIVE_AT_ONCE = 100
"""Commands that a broker of MQTT 5 sends before it waits for their acknowledgement."""

_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux has it

_HEAD = 1 << 16
"""Bytes of a PUBLISH beside its payload: the topic, and properties as long as anybody needs."""


@attrs.frozen
class Settings:
    """Who we are at the broker. ``version`` is `V311` or `V5`, times are seconds, ``longest`` bytes of a payload."""

    client_id: str = "jimigw"
    version: int = V311
    username: str = ""
    password: str = ""
    keepalive: int = 30
    session_expiry: int = 604_800
    longest: int = 1 << 20


@attrs.frozen
class Limits:
    """What the broker takes: publications at once, and bytes of a packet (None: it did not say)."""

    inflight: int = 65_535
    packet: int | None = None
    retain: bool = True


@attrs.frozen
class Arrival:
    """A message of the broker. ``expiry``: seconds that it is good for; ``size`` is that of a message too long to keep,
    whose payload is empty. What only MQTT 5 has is None otherwise."""

    topic: str
    payload: bytes
    packet_id: int
    duplicate: bool = False
    retained: bool = False
    expiry: int | None = None
    response_topic: str | None = None
    correlation: bytes | None = None
    size: int = 0


class Owner(Protocol):
    """Who uses a connection."""

    def ready(self, session_present: bool, limits: Limits) -> None:
        """The broker lets us in."""
        ...

    def subscribed(self, refused: Sequence[str]) -> None:
        """The subscriptions are made, but for these filters."""
        ...

    def acknowledged(self, packet_id: int, reason: int) -> None:
        """The broker has this publication, or says why it does not take it."""
        ...

    def arrived(self, message: Arrival) -> None:
        """A message came; it wants :meth:`Connection.acknowledge`."""
        ...

    def writable(self, now: bool) -> None:
        """Whether the broker reads what it is sent."""
        ...

    def lost(self, reason: str) -> None:
        """The connection is gone. The last call."""
        ...


class _Pipe:
    """What paho takes for a socket."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.incoming = b""

    def recv(self, buffer_size: int) -> bytes:
        if not self.incoming:
            raise BlockingIOError
        data, self.incoming = self.incoming[:buffer_size], self.incoming[buffer_size:]
        return data

    def send(self, buffer: bytes | bytearray) -> int:
        self._transport.write(bytes(buffer))
        return len(buffer)

    def close(self) -> None:
        """paho has done with it: :meth:`Connection._look` closes the transport, and says why."""

    def fileno(self) -> int:
        return -1

    def setblocking(self, flag: bool) -> None:
        """It never blocks."""


class _Paho(Client):
    def __init__(self, pipe: _Pipe, settings: Settings) -> None:
        self._pipe = pipe
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=None if settings.version == V5 else False,
            protocol=MQTTProtocolVersion(settings.version),
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if settings.username:
            self.username_pw_set(settings.username, settings.password or None)

    def _create_socket(self) -> Any:
        return self._pipe


@implementer(IPushProducer)
class _Flow:
    """Hears from the transport whether the broker reads."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    def pauseProducing(self) -> None:
        self._owner.writable(False)

    def resumeProducing(self) -> None:
        self._owner.writable(True)

    def stopProducing(self) -> None:
        """The connection is lost, of which the owner hears otherwise."""


class Connection(TwistedProtocol):
    """See the module."""

    _log = Logger()

    def __init__(self, settings: Settings, filters: Sequence[str], owner: Owner) -> None:
        self._settings, self._filters, self._owner = settings, filters, owner
        self._splitter = Splitter(settings.longest + _HEAD)
        self._is_ready = self._is_ending = self._is_lost = False
        #: why the connection ends, where somebody said so
        self._reason = ""

    # -- from the owner -----------------------------------------------------------------------------------------------

    def publish(self, publications: Sequence[tuple[int, Publication]]) -> None:
        """Send publications under these packet ids, of 256 and more: those below are paho's own."""
        assert self.transport is not None
        version = self._settings.version
        self.transport.write(b"".join([publish_packet(each, id, version) for id, each in publications]))

    def acknowledge(self, packet_id: int) -> None:
        """Tell the broker that a message is safe here."""
        if self._is_ready and not self._is_lost:
            self._paho.ack(packet_id, 1)

    def tick(self) -> None:
        """Once a second: a silent broker is tried, and given up if it stays silent."""
        self._paho.loop_misc()
        self._look("it does not answer any more")

    def pause(self, paused: bool) -> None:
        """Whether to read from the broker."""
        transport: Any = self.transport
        if not self._is_lost:
            (transport.pauseProducing if paused else transport.resumeProducing)()

    def finish(self) -> None:
        """Say good-bye and close, behind what is still to be sent."""
        self._reason = "it was closed"
        self._paho.disconnect()
        self._look(self._reason)

    def abort(self, reason: str) -> None:
        """Close at once, for this reason."""
        self._reason, self._is_ending = self._reason or reason, True
        transport: Any = self.transport
        transport.abortConnection()

    # -- from the transport -------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Introduce ourselves."""
        settings = self._settings
        transport: Any = self.transport
        # A window is small packets and waiting for small answers, which Nagle's algorithm would hold back.
        transport.setTcpNoDelay(True)
        self._socket = getattr(transport, "transport", transport).getHandle()
        transport.registerProducer(_Flow(self._owner), True)
        self._pipe = _Pipe(transport)
        self._paho = paho = _Paho(self._pipe, settings)
        paho.on_connect = self._on_connect
        paho.on_disconnect = self._on_disconnect
        paho.on_subscribe = self._on_subscribe
        paho.on_message = self._on_message
        # paho knows its host only to connect, which is done.
        if settings.version == V5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = settings.session_expiry
            properties.ReceiveMaximum = RECEIVE_AT_ONCE
            properties.MaximumPacketSize = settings.longest + _HEAD
            paho.connect("broker", keepalive=settings.keepalive, clean_start=False, properties=properties)
        else:
            paho.connect("broker", keepalive=settings.keepalive)

    def dataReceived(self, data: bytes) -> None:
        """Take what the broker sends."""
        acknowledged = False
        try:
            for piece in self._splitter.feed(data):
                if isinstance(piece, Acknowledged):
                    acknowledged = True
                    self._owner.acknowledged(piece.packet_id, piece.reason)
                elif isinstance(piece, Oversized):
                    self._owner.arrived(Arrival(piece.topic, b"", piece.packet_id, size=piece.size))
                else:
                    self._packet(piece)
                if self._is_ending:
                    return
        except Malformed as error:
            self.abort(str(error))
            return
        if acknowledged and _QUICKACK is not None:
            # A broker with Nagle's algorithm sends its next acknowledgement when the kernel has confirmed this one,
            # which it would put off for 40 ms.
            self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        if self._paho.want_write():
            self._paho.loop_write()

    def _packet(self, packet: bytes) -> None:
        self._pipe.incoming = packet
        try:
            understood = self._paho.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
        except Exception:
            self._log.failure("a packet of the broker is dropped, and the connection with it")
            understood = False
        if not understood:
            self.abort(f"the broker's packet of type {packet[0] >> 4} cannot be understood")
        self._look("the broker ended it")

    def _look(self, reason: str) -> None:
        """Close the transport, behind what is still to be sent, if paho has done with it."""
        if self._paho.socket() is None and not self._is_ending:
            self._is_ending = True
            self._reason = self._reason or reason
            transport: Any = self.transport
            transport.unregisterProducer()
            transport.loseConnection()

    def connectionLost(self, reason: Failure = Failure(ConnectionError())) -> None:  # noqa: B008
        """Say so, once."""
        if not self._is_lost:
            self._is_lost = True
            self._owner.lost(self._reason or reason.getErrorMessage())

    # -- from paho ----------------------------------------------------------------------------------------------------

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason: ReasonCode, properties: Any) -> None:
        if reason.is_failure:
            self._reason = f"the broker does not let us in: {reason}"
            return
        most = getattr(properties, "MaximumQoS", 2)
        if most < 1:
            self.abort("the broker takes QoS 0 only, which loses messages")
            return
        self._is_ready = True
        limits = Limits(
            getattr(properties, "ReceiveMaximum", 65_535),
            getattr(properties, "MaximumPacketSize", None),
            bool(getattr(properties, "RetainAvailable", 1)),
        )
        if self._settings.version == V5:
            # Retained messages are no commands of now.
            options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
            client.subscribe([(each, options) for each in self._filters])
        else:
            client.subscribe([(each, 1) for each in self._filters])
        self._owner.ready(bool(flags.session_present), limits)

    def _on_disconnect(self, client: Any, userdata: Any, flags: Any, reason: ReasonCode, properties: Any) -> None:
        if flags.is_disconnect_packet_from_server:
            self._reason = f"the broker ended it: {reason}"

    def _on_subscribe(self, client: Any, userdata: Any, mid: int, reasons: Sequence[ReasonCode], _: Any) -> None:
        refused = [each for each, reason in zip(self._filters, reasons, strict=False) if reason.is_failure]
        self._owner.subscribed(refused)

    def _on_message(self, client: Any, userdata: Any, message: MQTTMessage) -> None:
        properties = message.properties
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""  # no topic of anybody: it is told as such
        arrival = Arrival(
            topic,
            bytes(message.payload),
            message.mid if message.qos else 0,
            message.dup,
            message.retain,
            getattr(properties, "MessageExpiryInterval", None),
            getattr(properties, "ResponseTopic", None),
            getattr(properties, "CorrelationData", None),
        )
        if len(arrival.payload) > self._settings.longest:
            arrival = attrs.evolve(arrival, payload=b"", size=len(arrival.payload))
        self._owner.arrived(arrival)


def reason_text(reason: int) -> str:
    """The words for the reason of a PUBACK, or of what was not even sent."""
    for packet in (PacketTypes.PUBACK, PacketTypes.DISCONNECT):
        try:
            return str(ReasonCode(packet, identifier=reason))
        except (KeyError, ValueError):
            continue
    return f"reason 0x{reason:02X}"


def packed_properties(response: bytes | None = None) -> bytes:
    """The properties of a publication that answers with this correlation data."""
    if response is None:
        return b"\x00"
    properties = Properties(PacketTypes.PUBLISH)
    properties.CorrelationData = response
    packed: bytes = properties.pack()
    return packed


__all__ = [
    "RECEIVE_AT_ONCE",
    "V5",
    "V311",
    "Arrival",
    "Connection",
    "Limits",
    "Owner",
    "Settings",
    "packed_properties",
    "reason_text",
]
