"""What went wrong with a request, as a part of a sentence; and addresses as they may be logged."""

from __future__ import annotations

from urllib.parse import urlsplit

from OpenSSL import SSL
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.python.failure import Failure
from twisted.web.client import RequestTransmissionFailed, ResponseFailed, ResponseNeverReceived

from .bounded import AnswerTooLong


def bare_url(url: str) -> str:
    """A URL for the log: without user and password, and without the query, which may hold a token."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def reasons(error: BaseException) -> list[BaseException]:
    """What is behind an error of Twisted's HTTP client: it wraps those of the connection."""
    found: list[BaseException] = []
    for reason in getattr(error, "reasons", ()):
        if isinstance(reason, Failure) and reason.value is not None:
            found += reasons(reason.value)
    return found or [error]


def lost_its_way(error: BaseException) -> bool:
    """Whether a request failed with its connection, before any answer, so that it may be sent again."""
    if isinstance(error, (ConnectError, DNSLookupError)):
        return True
    if isinstance(error, (ResponseNeverReceived, RequestTransmissionFailed)):
        return all(isinstance(reason, ConnectionClosed) for reason in reasons(error))
    return False


def said(error: BaseException) -> str:
    """An error as a part of a sentence."""
    reason = reasons(error)[0]
    if isinstance(reason, CancelledError):
        return "it took too long"
    if isinstance(reason, AnswerTooLong):
        return str(reason)
    if isinstance(reason, SSL.Error):
        return f"TLS failed: {reason}"[:200]
    if isinstance(reason, (ConnectError, ConnectionClosed, DNSLookupError)):
        broke_off = isinstance(error, ResponseFailed) and not isinstance(error, ResponseNeverReceived)
        return "it broke off its answer" if broke_off else f"{reason}".rstrip(".")[:200]
    return f"its answer is no HTTP that can be understood ({type(reason).__name__}: {reason})"[:200]
