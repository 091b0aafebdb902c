"""Live video, playback and camera control. JT/T 1078-2016, 5.2, 5.3, 5.5."""

from __future__ import annotations

from jimigw.wire.kinds import U8, U16, Bcd
from jimigw.wire.message import Message, fragment, include, message, row

from .. import names_video as names
from ..book import BOOK
from ..kinds import SizedText

_CHAPTER = "JT/T 1078-2016"


@message(BOOK, 0x9003, "Query audio and video attributes", chapter=_CHAPTER, direction="down")
class MediaAttributesQuery(Message):
    """Empty; the answer 0x1003 does not quote a serial number."""


@message(BOOK, 0x1003, "Audio and video attributes", chapter=_CHAPTER)
class MediaAttributes(Message):
    audio_codec: int = row(U8, "audio codec", names=names.CODECS)
    audio_channels: int = row(U8, "audio channels")
    audio_rate: int = row(U8, "audio sampling rate", names=names.AUDIO_RATES)
    audio_bits: int = row(U8, "audio sample size", names=names.AUDIO_BITS)
    audio_frame_len: int = row(U16, "length of an audio frame", "byte")
    audio_out: int = row(U8, "audio output: 0 no, 1 yes")
    video_codec: int = row(U8, "video codec", names=names.CODECS)
    max_audio: int = row(U8, "most physical audio channels")
    max_video: int = row(U8, "most physical video channels")


@message(BOOK, 0x1005, "Passengers", chapter=_CHAPTER)
class Passengers(Message):
    start_time: str = row(Bcd(6), "start YYMMDDhhmmss")
    end_time: str = row(Bcd(6), "end YYMMDDhhmmss")
    on: int = row(U16, "passengers that got on")
    off: int = row(U16, "passengers that got off")


@fragment
class Server:
    ip: str = row(SizedText(U8), "address of the server")
    tcp_port: int = row(U16, "TCP port, 0 if TCP is not wanted")
    udp_port: int = row(U16, "UDP port, 0 if UDP is not wanted")


@message(BOOK, 0x9101, "Ask for live video", chapter=_CHAPTER, direction="down")
class LiveRequest(Message):
    _server = include(Server)
    channel: int = row(U8, "logical channel")
    data_type: int = row(U8, "what is wanted", names=names.LIVE_TYPES)
    stream: int = row(U8, "stream", names=names.STREAMS)


@message(BOOK, 0x9102, "Control live video", chapter=_CHAPTER, direction="down")
class LiveControl(Message):
    channel: int = row(U8, "logical channel")
    command: int = row(U8, "command", names=names.LIVE_COMMANDS)
    close_type: int = row(U8, "what is closed", names=names.CLOSE_TYPES, default=0)
    stream: int = row(U8, "stream to switch to", names=names.STREAMS, default=0)


@message(BOOK, 0x9105, "State of live video", chapter=_CHAPTER, direction="down")
class LiveState(Message):
    channel: int = row(U8, "logical channel")
    loss: int = row(U8, "packets lost", "%")


@message(BOOK, 0x9201, "Ask for playback", chapter=_CHAPTER, direction="down")
class PlaybackRequest(Message):
    _server = include(Server)
    channel: int = row(U8, "logical channel")
    av_type: int = row(U8, "what is wanted", names=names.MEDIA)
    stream: int = row(U8, "stream", names=names.ANY_STREAM)
    storage: int = row(U8, "storage", names=names.STORAGES)
    mode: int = row(U8, "mode", names=names.PLAYBACK_MODES)
    speed: int = row(U8, "factor, for fast and rewind", names=names.FACTORS)
    start_time: str = row(Bcd(6), "start YYMMDDhhmmss")
    end_time: str = row(Bcd(6), "end YYMMDDhhmmss, zeros: to the end")


@message(BOOK, 0x9202, "Control playback", chapter=_CHAPTER, direction="down")
class PlaybackControl(Message):
    channel: int = row(U8, "logical channel")
    control: int = row(U8, "command", names=names.PLAYBACK_CONTROLS)
    speed: int = row(U8, "factor, for fast and rewind", names=names.FACTORS, default=0)
    time: str = row(Bcd(6), "place YYMMDDhhmmss to go to, for seek", default="000000000000")


@message(BOOK, 0x9301, "Turn the camera", chapter=_CHAPTER, direction="down")
class Turn(Message):
    channel: int = row(U8, "logical channel")
    direction: int = row(U8, "where to", names=names.TURNS)
    speed: int = row(U8, "speed, 0 to 255")


def _adjustment(identity: int, title: str, meaning: str) -> None:
    @message(BOOK, identity, title, chapter=_CHAPTER, direction="down")
    class Adjustment(Message):
        channel: int = row(U8, "logical channel")
        value: int = row(U8, meaning)


for _identity, _title, _meaning in (
    (0x9302, "Focus", "0 larger, 1 smaller"),
    (0x9303, "Iris", "0 larger, 1 smaller"),
    (0x9304, "Wiper", "0 stop, 1 start"),
    (0x9305, "Infrared light", "0 stop, 1 start"),
    (0x9306, "Zoom", "0 larger, 1 smaller"),
):
    _adjustment(_identity, _title, _meaning)
