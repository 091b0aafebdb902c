"""The words by which files are asked for: one rung of the ladder each.

    UPLOADFILE,<name>                     exactly this file, where its name is known
    EVIDEO,<Y-m-d H:M:S>,<camera>[,<s>]   a clip of high quality, cut around a moment
    HVIDEO,<Y_m_d_H_M_S>,<camera>         the minute of the recording that has this moment in it
    0x9208                                JT/T 808: all attachments of an alarm (T/JSATL12)

Times are the camera's own, as its file names have them. Some firmware refuses EVIDEO in every form; with a length its
clip came half a minute early, so none is named unless somebody wants one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from jimigw.model.file_names import parse_name
from jimigw.model.media import Media, Source

from .zones import Rules

UPLOADFILE, EVIDEO, HVIDEO, ATTACHMENTS = "UPLOADFILE", "EVIDEO", "HVIDEO", "0x9208"
_CAMERAS = (1, 2)
_NAME = re.compile(r"EVENT_[A-Za-z0-9_.-]{1,180}")


def rungs_of(media: Media) -> Sequence[str]:
    """The ways to ask for a file, in their order; none where there is no way."""
    if media.source is Source.ATTACHMENT:
        return [ATTACHMENTS] if media.alarm is not None else []
    if media.source not in (Source.EVENT, Source.COMMAND):
        return []
    by_name = [UPLOADFILE] if media.name and _NAME.fullmatch(media.name) else []
    has_time = media.taken or (media.name is not None and parse_name(media.name).local is not None)
    by_time = [EVIDEO, HVIDEO] if has_time and media.camera in _CAMERAS and media.kind != "picture" else []
    return by_name + by_time


def text_of(media: Media, rung: str, rules: Rules) -> str:
    """The command that asks for a file in this way."""
    if rung == UPLOADFILE:
        return f"UPLOADFILE,{media.name}"
    named = None if media.name is None else parse_name(media.name).local
    local = named or rules.local(media.device, media.taken)
    if rung == HVIDEO:
        return f"HVIDEO,{local:%Y_%m_%d_%H_%M_%S},{media.camera}"
    seconds = media.details.get("seconds")
    return f"EVIDEO,{local:%Y-%m-%d %H:%M:%S},{media.camera}" + (f",{seconds}" if seconds else "")
