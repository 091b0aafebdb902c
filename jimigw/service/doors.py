"""Who is let in, by the config: admission, the door of the JT/T 808 sessions, and the client that asks the platform."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed

from jimigw.gateway.admission import Listed, Open
from jimigw.gateway.door import SECRET_FILE, Door, DoorError, HookedDoor, load_secret
from jimigw.gateway.gateway import Gateway
from jimigw.gateway.hooked import Hooked
from jimigw.model.device import Device
from jimigw.ops.config import Config
from jimigw.web.hooks import HookSettings, PlatformHooks

_LEAST_SECRET = 16
_MOST_SECRET = 4096


class Doors:
    """The entrance that the config wants. It can be changed while terminals are on line."""

    def __init__(self, gateway: Gateway, reactor: Any) -> None:
        self._gateway, self._reactor = gateway, reactor
        self._secret = b""
        self._hooks: PlatformHooks | None = None
        self.door: Door | HookedDoor = Door(Open(), bytes(32))

    def open(self, config: Config) -> None:
        """Let in whom the config lets in. :class:`DoorError` for a secret that cannot be used; nothing is changed then.

        Terminals that are on line stay, also those that would not be let in any more.
        """
        gateway, admission = self._gateway, config.admission
        if not self._secret:
            self._secret = load_secret(config.path(SECRET_FILE))
        if admission.mode != "hooks":
            gateway.admission = Open() if admission.mode == "open" else Listed(gateway.registry)
            gateway.questions, self.door = None, Door(gateway.admission, self._secret)
            self._replace(None)
            return
        settings = HookSettings(
            admission.registry_url,
            admission.authentication_url,
            timeout=admission.hook_timeout,
            cache=admission.hook_cache,
            concurrency=admission.hook_concurrency,
            secret=_hook_secret(config),
        )
        hooks = PlatformHooks(self._reactor, settings)
        hooked = Hooked(
            hooks,
            gateway.registry.get,
            self._reactor.seconds,
            on_denied=gateway.denied,
            on_changed=self._changed,
            cache=admission.hook_cache,
        )
        door = HookedDoor(hooked)
        gateway.admission, gateway.questions, self.door = hooked, door, door
        self._replace(hooks)

    def close(self) -> Deferred[None]:
        """Ask nobody any more."""
        return self._replace(None)

    def _replace(self, hooks: PlatformHooks | None) -> Deferred[None]:
        older, self._hooks = self._hooks, hooks
        return succeed(None) if older is None else older.close()

    def _changed(self, identity: str, state: object) -> None:
        if isinstance(state, Device):
            self._gateway.registry.touch(state)


def _hook_secret(config: Config) -> bytes | None:
    name = config.admission.hook_secret_file
    if not name:
        return None
    path = config.path(name)
    try:
        with path.open("rb") as file:
            secret = file.read(_MOST_SECRET + 1).strip()
    except OSError as error:
        raise DoorError(f"admission.hook_secret_file {path}: it cannot be read: {error.strerror}") from None
    if not _LEAST_SECRET <= len(secret) <= _MOST_SECRET:
        raise DoorError(
            f"admission.hook_secret_file {path}: it has {len(secret)} bytes; "
            f"a secret has {_LEAST_SECRET} to {_MOST_SECRET}"
        )
    return secret
