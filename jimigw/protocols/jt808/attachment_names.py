"""Names of attachments: ``<type>_<channel>_<alarm>_<number>_<alarm number>.<extension>``. T/JSATL12-2017, 4.6.

The channel is a logical channel of JT/T 1076 (0 to 37), or the module that took it: 64 driver assistance, 65 driver
monitoring, 67 blind spots. The alarm is the id of its item and its type, as ``6401``.
"""

from __future__ import annotations

import re

import attrs

PICTURE, AUDIO, VIDEO, TEXT, OTHER = range(5)
"""What a file is, in its name and in 0x1211."""

_NAME = re.compile(
    r"(?P<type>\d{1,2})_(?P<channel>\d{1,3})_(?P<alarm>[0-9A-Fa-f]{1,8})_(?P<seq>\d{1,5})_"
    r"(?P<number>[!-~]{1,64}?)(?:\.(?P<extension>[0-9A-Za-z]{1,8}))?",
    re.ASCII,
)


@attrs.frozen
class AttachmentName:
    """What the name of an attachment says. ``alarm`` is id and type of the item, 0x6401; ``number`` the platform's
    number of the alarm; ``extension`` is in lower case and without its dot."""

    type: int
    channel: int
    alarm: int
    seq: int
    number: str
    extension: str = ""

    def __str__(self) -> str:
        """The name."""
        ending = f".{self.extension}" if self.extension else ""
        return f"{self.type:02d}_{self.channel}_{self.alarm:04X}_{self.seq}_{self.number}{ending}"


def attachment_name(name: str) -> AttachmentName | None:
    """The parts of a name; None for one that is not made so, as those of makers with rules of their own."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    return AttachmentName(
        int(found["type"]),
        int(found["channel"]),
        int(found["alarm"], 16),
        int(found["seq"]),
        found["number"],
        (found["extension"] or "").lower(),
    )
