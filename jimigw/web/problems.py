"""What can go wrong with a request, one row a kind, as problems of RFC 9457."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

import attrs
import msgspec
from msgspec import Meta

MEDIA = "application/problem+json"


@attrs.frozen
class ProblemKind:
    """A kind of problem. ``word`` ends its ``type``, which is an address on the page of the API."""

    word: str
    status: int
    title: str
    meaning: str

    @property
    def type(self) -> str:
        """The address that names the kind."""
        return f"/docs#problem-{self.word}"


BAD_REQUEST = ProblemKind(
    "bad-request", 400, "The request is not right", "A parameter, the path or the syntax of the body is wrong."
)
UNAUTHORIZED = ProblemKind(
    "unauthorized", 401, "A token is needed", "No bearer token came with the request, or one that is good for nothing."
)
FORBIDDEN = ProblemKind("forbidden", 403, "The token is not enough", "The scope of the token does not allow this.")
NOT_FOUND = ProblemKind("not-found", 404, "There is no such thing", "The address means nothing, or nothing any more.")
NOT_ALLOWED = ProblemKind(
    "method-not-allowed", 405, "Not with this method", "The header Allow says which methods there are."
)
CONFLICT = ProblemKind(
    "conflict", 409, "It does not fit what there is", "For example, another terminal has this IMEI or phone number."
)
CONFIRM = ProblemKind(
    "confirm",
    409,
    "It wants a confirmation",
    'The command can cut the terminal off or destroy data; send it again with "confirm": true if it is meant.',
)
PRECONDITION = ProblemKind(
    "precondition",
    412,
    "A condition does not hold",
    "What the request says with If-Match or If-Unmodified-Since is not so.",
)
TOO_LARGE = ProblemKind("too-large", 413, "The body is too long", "Nothing of it was used.")
MEDIA_TYPE = ProblemKind("media-type", 415, "The body is of another type", "The detail says which types are taken.")
RANGE = ProblemKind(
    "range", 416, "There are no such bytes", "The header Content-Range of the answer says how many there are."
)
INVALID = ProblemKind(
    "invalid", 422, "The content is not right", "The body can be read, and something that it says is wrong."
)
TOO_MANY = ProblemKind(
    "too-many", 429, "Too many", "Too many of these are under way; the header Retry-After says when to come again."
)
INTERNAL = ProblemKind(
    "internal", 500, "Something went wrong inside", "The log of the service has a line with the same id."
)
UNAVAILABLE = ProblemKind(
    "unavailable", 503, "Not now", "Store or journal cannot be used, or not in time. The same may work later."
)
NO_ROOM = ProblemKind(
    "no-room", 507, "There is no room", "The disk, or what this terminal or all of them may take, is full."
)

KINDS: Sequence[ProblemKind] = (
    BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, NOT_ALLOWED, CONFLICT, CONFIRM, PRECONDITION, TOO_LARGE,
    MEDIA_TYPE, RANGE, INVALID, TOO_MANY, INTERNAL, UNAVAILABLE, NO_ROOM,
)  # fmt: skip
"""All kinds, by status."""


class Fault(msgspec.Struct, omit_defaults=True):
    """One thing that is wrong, and where."""

    detail: Annotated[str, Meta(description="what is wrong, and what would be right")]
    pointer: Annotated[str | None, Meta(description="JSON pointer into the body, as a fragment: `#/zone`")] = None
    parameter: Annotated[str | None, Meta(description="the parameter of path or query")] = None
    line: Annotated[int | None, Meta(description="the line of a list of terminals, from 1")] = None


class ProblemBody(msgspec.Struct, omit_defaults=True):
    """What went wrong, as in RFC 9457."""

    type: Annotated[str, Meta(description="the kind of problem: an address on the page of the API")]
    title: Annotated[str, Meta(description="the kind of problem in words")]
    status: Annotated[int, Meta(description="the status of the answer")]
    detail: Annotated[str, Meta(description="what was wrong this time, and what would be right")]
    errors: Annotated[list[Fault], Meta(description="each thing that is wrong, and where")] = []
    id: Annotated[str | None, Meta(description="of an internal problem: the line in the log has it too")] = None


class Problem(Exception):
    """A request that cannot be done. ``headers`` go with the answer."""

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.errors, self.headers, self.id = kind, detail, list(errors), dict(headers or {}), id

    @property
    def status(self) -> int:
        """The status of the answer."""
        return self.kind.status

    def body(self) -> bytes:
        """The answer."""
        kind = self.kind
        return msgspec.json.encode(ProblemBody(kind.type, kind.title, kind.status, self.detail, self.errors, self.id))


def wrong_parameter(name: str, detail: str) -> Problem:
    """A parameter of path or query is not right."""
    return Problem(BAD_REQUEST, f"{name}: {detail}", [Fault(detail, parameter=name)])


def wrong_field(name: str, detail: str, kind: ProblemKind = INVALID) -> Problem:
    """A key of the body is not right."""
    return Problem(kind, f"{name}: {detail}", [Fault(detail, pointer=f"#/{name}")])


_PLACE = re.compile(r" - at `(key in )?\$(?P<path>[^`]*)`$")
_UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]*)`")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


def invalid_body(error: msgspec.ValidationError) -> Problem:
    """The problem that msgspec found with a body."""
    text = str(error)
    place = _PLACE.search(text)
    steps = [name or index for name, index in _STEP.findall(place["path"])] if place else []
    sentence = text[: place.start()] if place else text
    if (unknown := _UNKNOWN.search(sentence)) is not None:
        steps.append(unknown["name"])
        sentence = f"there is no key {unknown['name']!r} here"
    pointer = "#" + "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    return Problem(INVALID, f"{pointer}: {sentence}", [Fault(sentence, pointer=pointer)])
