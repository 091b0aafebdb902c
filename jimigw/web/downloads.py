"""Files are fetched: by a link that was given and has not expired or, where the config lets everybody, by their names.

GET /download/ID/NAME?expires=...&sign=...     the name is for people, the id says which file
GET /download/NAME                             uploads.downloads = "open": the newest file of this name
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from twisted.internet.defer import Deferred

from jimigw.gateway.uploads import Uploads
from jimigw.model.media import Media, MediaQuery, MediaState

from .serving import NotServed, serve
from .taking import Answer, Refusal, Taker, UploadServerSettings, refusal_of

MOST_DOWNLOADS = 200
"""Files that are given out at once."""
_MOST_FIELDS = 32
_CACHE = {"Cache-Control": "private, no-cache"}
"""A browser may keep it, and asks whether it is still there."""


class Downloads:
    """Gives files out. ``open`` is how many of them are on their way."""

    def __init__(self, reactor: Any, uploads: Uploads, settings: Callable[[], UploadServerSettings]) -> None:
        self.reactor, self.uploads, self.settings = reactor, uploads, settings
        self.open = 0

    def taker(self, request: Any) -> Taker:
        """Who takes this request."""
        return _DownloadTaker(request, self)


class _DownloadTaker(Taker):
    """Gives out one file."""

    def __init__(self, request: Any, downloads: Downloads) -> None:
        super().__init__(request)
        self._downloads, self._uploads = downloads, downloads.uploads

    def done(self) -> None:
        """The request is there."""
        downloads = self._downloads
        if downloads.open >= MOST_DOWNLOADS:
            raise Refusal(503, "too many files are given out just now", retry_after=5)
        downloads.open += 1

        def over(_: object) -> None:
            downloads.open -= 1

        self.request.notifyFinish().addBoth(over)
        Deferred.fromCoroutine(self._give()).addErrback(self.request.fail)

    async def _give(self) -> None:
        request, uploads = self.request, self._uploads
        media = await self._wanted()
        if media.state is not MediaState.STORED:
            if media.state is MediaState.DELETED:
                raise Refusal(410, "the file is not kept any more")
            raise Refusal(404, f"the file is not here; it is {media.state}")
        if not media.key:
            raise Refusal(404, "the file was brought to a server of somebody else")

        def read(offset: int, length: int) -> Deferred[bytes]:
            return uploads.read(media, offset, length)

        def head(status: int, media_type: str, headers: Mapping[str, str]) -> None:
            request.head(status, media_type, {**_CACHE, **headers})

        await serve(request, media, read, self._downloads.reactor, head)

    async def _wanted(self) -> Media:
        """The file that the address names, if whoever asks may have it."""
        mode, steps = self._downloads.settings().downloads, self.request.steps[1:]
        if mode == "off":
            raise Refusal(404, "files are not given out here")
        if len(steps) == 1:
            if mode != "open":
                raise Refusal(403, "a file is given out to whoever has a link that was signed for it")
            query = MediaQuery(name=steps[0], states=frozenset({MediaState.STORED}), limit=1)
            found = await self._uploads.find(query)
            if not found:
                raise Refusal(404, "there is no file of this name")
            return found[0]
        id, name = _number(steps[0]), steps[1]
        if not self._signed(id):
            if mode != "open":
                raise Refusal(403, "the link is not right, or its time is over")
            media = await self._uploads.media(id)
            if media.name != name:
                raise Refusal(404, "there is no file of this number and name")
            return media
        return await self._uploads.media(id)

    def _signed(self, id: int) -> bool:
        try:
            fields = parse_qs(self.request.query.decode("latin-1"), max_num_fields=_MOST_FIELDS)
        except ValueError:
            return False
        return self._uploads.links.check(id, fields.get("expires", [""])[-1], fields.get("sign", [""])[-1])

    def refusal(self, error: Exception) -> Answer | None:
        """In a sentence."""
        if isinstance(error, NotServed):
            return Answer(error.status, f"{error}\n".encode(), headers=error.headers)
        found = refusal_of(error)
        return None if found is None else super().refusal(found)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else 0
