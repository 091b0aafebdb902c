"""A real browser without a screen, driven by WebDriver: https://www.w3.org/TR/webdriver2/."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
from collections.abc import Callable
from typing import Any, NoReturn

import treq
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol

from tests.support.servers import until

reactor: Any = the_reactor
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ARGUMENTS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_STARTED = re.compile(r"started successfully on port (\d+)")


class Chromium(ProcessProtocol):
    """A browser with a profile of its own. ``await start()`` first, ``await end()`` last."""

    def __init__(self, require_server: Callable[[str, str], NoReturn]) -> None:
        program = next((found for name in NAMES if (found := shutil.which(name))), None)
        driver = shutil.which("chromedriver")
        if program is None or driver is None:
            require_server("chromium", f"there is no {'chromedriver' if program else ' or '.join(NAMES)} here")
        self._program, self._driver = program, driver
        # Not in the folder of the test, whose name is too long for the socket that a browser makes in its own.
        self._folder = tempfile.mkdtemp(prefix="jimigw-")
        self._said = ""
        self._ended: Deferred[None] = Deferred()
        self._session, self._browser = "", 0

    def outReceived(self, data: bytes) -> None:
        self._said += data.decode("utf-8", "replace")

    errReceived = outReceived

    def processEnded(self, reason: Any) -> None:
        self._ended.callback(None)

    async def start(self) -> Chromium:
        """Start it, with one empty window."""
        place = {**os.environ, "HOME": self._folder, "TMPDIR": self._folder}
        self._process = reactor.spawnProcess(self, self._driver, [self._driver, "--port=0"], place)
        await until(lambda: _STARTED.search(self._said) or self._ended.called, "chromedriver")
        found = _STARTED.search(self._said)
        assert found, self._said
        self._base = f"http://127.0.0.1:{found[1]}/session"
        arguments = [*_ARGUMENTS, f"--user-data-dir={self._folder}/profile"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # It would not start.
        options = {"binary": self._program, "args": arguments}
        made = await self._ask("POST", "", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})
        self._session, self._browser = f"/{made['sessionId']}", made["capabilities"]["goog:processID"]
        return self

    async def end(self) -> None:
        """Close it, whatever it does."""
        try:
            if self._session:
                await self._ask("DELETE", self._session)
                self._browser = 0
        finally:
            if self._browser:
                os.kill(self._browser, signal.SIGKILL)  # Else it would outlive its driver.
            if not self._ended.called:
                self._process.signalProcess("TERM")
                await self._ended
            shutil.rmtree(self._folder, ignore_errors=True)

    async def open(self, url: str) -> None:
        """Show a page, and wait until it is loaded."""
        await self._ask("POST", f"{self._session}/url", {"url": url})

    async def run(self, script: str, *arguments: Any) -> Any:
        """The result of the body of an asynchronous function in the page, which has ``arguments``."""
        body = {"script": f"return (async function() {{{script}}}).apply(null, arguments)", "args": list(arguments)}
        return await self._ask("POST", f"{self._session}/execute/sync", body)

    async def windows(self) -> list[str]:
        """All windows, the oldest first."""
        found: list[str] = await self._ask("GET", f"{self._session}/window/handles")
        return found

    async def new_window(self) -> None:
        """Open another window, and look at that one."""
        made = await self._ask("POST", f"{self._session}/window/new", {"type": "tab"})
        await self.look_at(made["handle"])

    async def look_at(self, window: str) -> None:
        """From now on it is this window's page that scripts run in."""
        await self._ask("POST", f"{self._session}/window", {"handle": window})

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        given = {} if body is None else {"json": body}
        answer = await treq.request(method, self._base + path, persistent=False, timeout=30, **given)
        value = (await treq.json_content(answer))["value"]
        if answer.code != 200:
            raise AssertionError(f"{value['error']}: {value['message']}")
        return value
