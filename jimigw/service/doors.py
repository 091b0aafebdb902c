"""Who is let in, by the config: admission, the door of the JT/T 808 sessions, and the client that asks the platform."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed

from jimigw.gateway.admission import Listed, Open
from jimigw.gateway.door import SECRET_FILE, Door, HookedDoor, load_secret
from jimigw.gateway.gateway import Gateway
from jimigw.gateway.hooked import Hooked
from jimigw.gateway.signing import load_signing_secret
from jimigw.model.device import Device
from jimigw.ops.config import Config
from jimigw.web.hooks import HookSettings, PlatformHooks


class Doors:
    """The entrance that the config wants. It can be changed while terminals are on line.

    It is itself the door of the JT/T 808 sessions, so that those that are open ask whoever decides now.
    """

    def __init__(self, gateway: Gateway, reactor: Any) -> None:
        self._gateway, self._reactor = gateway, reactor
        self._secret = b""
        self._hooks: PlatformHooks | None = None
        self._door: Door | HookedDoor = Door(Open(), bytes(32))

    def register(self, identity: str, body: Mapping[str, Any], phone: str) -> tuple[int, str] | None:
        """The result of a registration and the code, None where the platform has to be asked."""
        return self._door.register(identity, body, phone)

    def authenticate(self, identity: str, code: str, phone: str) -> bool | None:
        """Whether this is the terminal's code, None where the platform has to be asked."""
        return self._door.authenticate(identity, code, phone)

    def open(self, config: Config) -> None:
        """Let in whom the config lets in. :class:`DoorError` or :class:`SigningError` for a secret that cannot be used;
        nothing is changed then.

        Terminals that are on line stay, also those that would not be let in any more.
        """
        gateway, admission = self._gateway, config.admission
        if not self._secret:
            self._secret = load_secret(config.path(SECRET_FILE))
        if admission.mode != "hooks":
            gateway.admission = Open() if admission.mode == "open" else Listed(gateway.registry)
            gateway.questions, self._door = None, Door(gateway.admission, self._secret)
            self._replace(None)
            return
        secret = admission.hook_secret_file
        settings = HookSettings(
            admission.registry_url,
            admission.authentication_url,
            timeout=admission.hook_timeout,
            cache=admission.hook_cache,
            concurrency=admission.hook_concurrency,
            secret=load_signing_secret(config.path(secret)) if secret else None,
        )
        hooks = PlatformHooks(self._reactor, settings)
        hooked = Hooked(
            hooks,
            gateway.registry.get,
            self._reactor.seconds,
            on_denied=gateway.denied,
            on_changed=self._changed,
            cache=admission.hook_cache,
            rechecks=max(1, admission.hook_concurrency // 4),
        )
        door = HookedDoor(hooked)
        gateway.admission, gateway.questions, self._door = hooked, door, door
        self._replace(hooks)

    def close(self) -> Deferred[None]:
        """Ask nobody any more."""
        return self._replace(None)

    def figures(self) -> dict[str, dict[str, Any]]:
        """What became of the questions to the platform; nothing where nobody is asked."""
        admission, hooks = self._gateway.admission, self._hooks
        if hooks is None or not isinstance(admission, Hooked):
            return {}
        return {
            "hooks": attrs.asdict(admission.counters),
            "hook registry": attrs.asdict(hooks.registration.counters),
            "hook authentication": attrs.asdict(hooks.authentication.counters),
        }

    def _replace(self, hooks: PlatformHooks | None) -> Deferred[None]:
        older, self._hooks = self._hooks, hooks
        return succeed(None) if older is None else older.close()

    def _changed(self, identity: str, state: object) -> None:
        if isinstance(state, Device):
            # What the platform said is in no report: it would be lost with the process.
            self._gateway.registry.store_now(state)
