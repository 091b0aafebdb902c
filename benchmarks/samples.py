"""What is measured with: the frames of the test vectors, and a session that has a terminal logged in."""

from __future__ import annotations

import json
from pathlib import Path

import attrs

from jimigw.model.report import Report
from jimigw.protocols.events import LoggedIn
from jimigw.protocols.jimi.frame import Frame, FrameDecoder
from jimigw.protocols.jimi.session import Session

VECTORS = Path(__file__).parents[1] / "tests" / "vectors" / "jimi.json"
NOW = 1.7e9


def frames() -> dict[str, Frame]:
    """The true frames from terminals among the vectors, by name."""
    found = {}
    for vector in json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"]:
        if vector["direction"] == "up" and vector["crc"] == "true":
            (found[vector["name"]],) = FrameDecoder().feed(bytes.fromhex(vector["hex"]), NOW)
    return found


@attrs.frozen
class Sample:
    """A location packet, the session it comes in, whose it is, and what the session reports."""

    frame: Frame
    session: Session
    imei: str
    report: Report


def location() -> Sample:
    """The location packet of the vectors, on the way from its frame to its report."""
    found = frames()
    frame, session = found["location"], Session()
    login = next(event for event in session.receive(found["login"].raw, NOW) if isinstance(event, LoggedIn))
    (report,) = session.receive(frame.raw, NOW)
    assert isinstance(report, Report)
    return Sample(frame, session, login.identity, report)
