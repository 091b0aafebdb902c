"""Files of terminals in the service: where they are kept, where they come in, how it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.threads import deferToThread
from twisted.logger import Logger

from jimigw.delivery import target as outcomes
from jimigw.delivery.readers import Readers
from jimigw.delivery.status import ReaderSettings
from jimigw.gateway.commands import Commands
from jimigw.gateway.gateway import Gateway
from jimigw.gateway.media.heard import READER
from jimigw.gateway.media.links import SECRET_FILE, load_link_secret
from jimigw.gateway.registry import Registry
from jimigw.gateway.uploads import Uploads, UploadSettings
from jimigw.journal.interface import IJournal
from jimigw.net.attachments import AttachmentFactory
from jimigw.net.connections import Limits
from jimigw.ops.config import Config
from jimigw.ops.endpoints import endpoint_for_owner, endpoint_with_backlog
from jimigw.store.interface import IStore
from jimigw.vault.bucket import Bucket
from jimigw.vault.folder import FolderVault
from jimigw.vault.interface import IVault
from jimigw.vault.s3 import S3Vault
from jimigw.web.uploads import UploadServer, UploadServerSettings

_BACKLOG = 1024
_END = "the service ends"


class UploadsPart:
    """Everything of files, by the config. ``fail`` is told, in a sentence, what cannot be used."""

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        config: Callable[[], Config],
        registry: Registry,
        gateway: Gateway,
        commands: Commands,
        journal: IJournal,
        store: IStore,
        readers: Readers,
        fail: Callable[[str], None],
        complain: Callable[..., Any],
    ) -> None:
        self._reactor, self._config, self._fail, self._readers = reactor, config, fail, readers
        self._journal = journal
        self.vault: IVault = vault_of(config(), reactor)
        self.uploads = Uploads(
            registry, journal, store, self.vault, commands, reactor, upload_settings(config()),
            lambda: gateway.admission, outcomes, aside=deferToThread,
        )  # fmt: skip
        self.server = UploadServer(reactor, self.uploads, server_settings(config()), complain)
        self.attachments = AttachmentFactory(
            reactor,
            self.uploads,
            attachment_limits(config()),
            complain,
            transfer_timeout=config().uploads.transfer_timeout,
        )
        self.ports: list[IListeningPort] = []

    @property
    def wanted(self) -> bool:
        """Whether files are looked after: where they come in by no way, nothing is expected either."""
        config = self._config()
        return bool(config.uploads.endpoint or config.attachments.endpoint)

    def open(self) -> None:
        """Open the vault and read the secret; before anything listens.

        :raises VaultError: the vault cannot be used.
        :raises LinkError: the secret cannot be used.
        """
        if not self.wanted:
            self.uploads.wanted = False
            self.uploads.trouble = "files are not looked after: uploads.endpoint and attachments.endpoint are empty"
            return
        self.uploads.links.secret = load_link_secret(self._config().path(SECRET_FILE))
        self.vault.start()

    def start(self) -> None:
        """Look after files, then listen. The store and the journal are open."""
        if not self.wanted:
            self._readers.forget(READER)  # or its cursor would hold up the journal for ever
            return
        end = self._journal.last_id()
        self.uploads.start().addCallback(lambda _: self._begin(end))

    def _begin(self, end: int) -> None:
        """What an earlier run left is known: hear of files, from here on where that is new, and take them."""
        if self.uploads.desk.closed:
            return
        self._readers.add(READER, self.uploads.heard, ReaderSettings(start="end"), end)
        config = self._config()
        self._listen_at(config.uploads.endpoint, self.server, "uploads of terminals")
        self._listen_at(config.attachments.endpoint, self.attachments, "attachments of alarms")

    def _listen_at(self, endpoint: str, factory: IProtocolFactory, what: str) -> None:
        if not endpoint:
            return

        def listens(port: IListeningPort) -> None:
            self.ports.append(port)
            self._log.info("{what} are awaited at {address}", what=what, address=port.getHost())

        text = endpoint_for_owner(endpoint_with_backlog(endpoint, _BACKLOG))
        listening = serverFromString(self._reactor, text).listen(factory)
        listening.addCallbacks(listens, lambda failure: self._fail(f"{endpoint}: {failure.getErrorMessage()}"))

    def take_over(self) -> None:
        """The config has changed."""
        config = self._config()
        self.uploads.settings = upload_settings(config)
        self.server.settings = server_settings(config)
        self.attachments.limits = attachment_limits(config)
        self.attachments.transfer_timeout = config.uploads.transfer_timeout

    def figures(self) -> dict[str, dict[str, Any]]:
        """What became of connections: section, name, value."""
        return {"port uploads": self.server.stats(), "port attachments": attrs.asdict(self.attachments.counters)}

    def hang_up(self) -> Deferred[Any]:
        """Take nothing more, and break off what is on its way in: senders send it again."""
        closing = [maybeDeferred(port.stopListening) for port in self.ports]
        self.attachments.hang_up(_END)
        # What has come in all is made safe, and answered.
        ending = self.uploads.stop().addCallback(lambda _: self.attachments.close_all(_END))
        return gatherResults([*closing, self.server.close(), ending])

    def close(self) -> Deferred[None]:
        """Close the vault: nobody reads or writes any more."""
        return self.vault.close()


def vault_of(config: Config, reactor: Any) -> IVault:
    """Where files are kept, by the config; it is opened later."""
    uploads = config.uploads
    folder = config.path(uploads.folder)
    if uploads.engine == "folder":
        return FolderVault(folder, reactor)
    bucket = Bucket(
        name=uploads.s3_bucket,
        url=uploads.s3_url,
        prefix=uploads.s3_prefix,
        region=uploads.s3_region,
        credentials_file=config.path(uploads.s3_credentials_file) if uploads.s3_credentials_file else None,
    )
    return S3Vault(folder, bucket, reactor)


def upload_settings(config: Config) -> UploadSettings:
    """What holds for files, by the config."""
    uploads, attachments = config.uploads, config.attachments
    return UploadSettings(
        who=uploads.who,
        public_url=uploads.public_url,
        max_bytes=uploads.max_bytes,
        max_transfers=uploads.max_transfers,
        max_transfers_per_device=uploads.max_transfers_per_device,
        max_files_per_hour=uploads.max_files_per_hour,
        max_device_bytes=uploads.max_device_bytes,
        max_total_bytes=uploads.max_total_bytes,
        min_free_bytes=uploads.min_free_bytes,
        retention_days=uploads.retention_days,
        link_seconds=uploads.link_seconds,
        fetch=uploads.fetch == "missing",
        fetch_alarms=frozenset(uploads.fetch_alarms),
        fetch_after=uploads.fetch_after,
        fetch_wait=uploads.fetch_wait,
        fetch_attempts=uploads.fetch_attempts,
        budget=uploads.fetch_budget,
        attachment_host=attachments.public_host,
        attachment_port=attachments.public_port,
        ask=attachments.ask,
        jt808_zone=config.jt808.time_zone,
    )


def server_settings(config: Config) -> UploadServerSettings:
    """How the upload server behaves, by the config."""
    uploads = config.uploads
    return UploadServerSettings(
        sign=uploads.sign,
        downloads=uploads.downloads,
        idle_timeout=uploads.idle_timeout,
        transfer_timeout=uploads.transfer_timeout,
        max_connections=uploads.max_connections,
        max_names=uploads.max_names,
        max_list_bytes=uploads.max_list_bytes,
    )


def attachment_limits(config: Config) -> Limits:
    """What the server of attachments allows, by the config."""
    attachments = config.attachments
    patience = attachments.idle_timeout
    return Limits(attachments.max_connections, login_timeout=patience, idle_timeout=patience)
