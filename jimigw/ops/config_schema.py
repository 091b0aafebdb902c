"""Every key of the config, one row a key: kind, default, unit, meaning. Nothing else says what can be set.

Loading, ``--set``, the errors, the shipped ``conf/jimigw.toml`` and the reference page are all made from these rows.
Times are seconds, sizes are bytes.
"""

from pathlib import Path
from typing import Literal

import attrs

from jimigw.ops.config_callbacks import CallbackConfig
from jimigw.ops.config_kinds import Choice, HttpUrl, ListOf, Number, Size, Switch, Text, UdpPort, Whole
from jimigw.ops.config_mqtt import MqttConfig
from jimigw.ops.config_rows import key, section, sections
from jimigw.ops.config_uploads import AttachmentsConfig, UploadsConfig
from jimigw.ops.endpoints import Endpoint

_NO_LIMIT = "0: no limit"
_SECONDS = "seconds"
_BYTES = "bytes"


@attrs.frozen
class JimiConfig:
    """``[jimi]``: the port for terminals of the Jimi JC261/JC400 protocol."""

    endpoints: tuple[str, ...] = key(
        ListOf(Endpoint(), most=64),
        ("tcp:21100",),
        "Where terminals connect: Twisted server endpoints, so ssl:, unix:, systemd: and haproxy: work too. "
        "An empty list switches the protocol off.",
        restart=True,
    )
    backlog: int = key(
        Whole(1, 65535),
        1024,
        "Connections the kernel may hold ready while the service is busy; for endpoints that do not say backlog= "
        "themselves. The kernel's own limit (net.core.somaxconn) applies as well.",
        "connections",
        restart=True,
    )
    max_connections: int = key(
        Whole(0, 10_000_000), 0, f"Connections open at once, over all endpoints. {_NO_LIMIT}.", "connections"
    )
    max_connections_per_address: int = key(
        Whole(0, 10_000_000),
        0,
        f"Connections open at once from one address. {_NO_LIMIT}. "
        "Many terminals share the address of their mobile network.",
        "connections",
    )
    login_timeout: float = key(Number(0.1, 3600), 30.0, "Time for a new connection to log in.", _SECONDS)
    frame_timeout: float = key(Number(0.1, 3600), 10.0, "Time for a frame that has begun to be complete.", _SECONDS)
    idle_timeout: float = key(
        Number(0, 604_800), 600.0, f"Time without a byte before a connection is closed. {_NO_LIMIT}.", _SECONDS
    )
    max_frame: int = key(
        Size(64, 65_541), 8192, "The longest frame that is read; 65541 is the longest the protocol can say.", _BYTES
    )
    max_unread: int = key(
        Size(1024, 1 << 30),
        65_536,
        "What a terminal may leave unread of what is sent to it before its connection is closed.",
        _BYTES,
    )
    max_junk: int = key(
        Size(64, 1 << 30), 65_536, "What may come in without one true frame before a connection is closed.", _BYTES
    )
    acknowledge: tuple[int, ...] = key(
        ListOf(Whole(0, 255, hexadecimal=True), most=256),
        (0x01, 0x13, 0x22, 0x37, 0x70, 0x95, 0xE0, 0xF2),
        "Protocol numbers that are answered. 0x01, the login, and 0x8A, the question for the time, always are.",
    )
    acknowledge_unknown: Literal["7878", "all", "none"] = key(
        Choice(["7878", "all", "none"]),
        "7878",
        "Which frames with a protocol number that nobody knows are answered: those that begin with 7878, all, or none.",
    )


@attrs.frozen
class Jt808Config:
    """``[jt808]``: the port for terminals of JT/T 808-2011, 2013 and 2019."""

    endpoints: tuple[str, ...] = key(
        ListOf(Endpoint(), most=64),
        ("tcp:21122",),
        "Where terminals connect: Twisted server endpoints. An empty list switches TCP off.",
        restart=True,
    )
    udp: str = key(
        UdpPort(),
        "21122",
        "The UDP port for terminals, with an address in front to listen there only. Empty switches UDP off.",
        restart=True,
    )
    backlog: int = key(
        Whole(1, 65535),
        1024,
        "Connections the kernel may hold ready while the service is busy.",
        "connections",
        restart=True,
    )
    max_connections: int = key(
        Whole(0, 10_000_000),
        0,
        f"Connections open at once, and UDP addresses known at once. {_NO_LIMIT}.",
        "connections",
    )
    max_connections_per_address: int = key(
        Whole(0, 10_000_000), 0, f"Connections open at once from one address. {_NO_LIMIT}.", "connections"
    )
    max_terminals: int = key(
        Whole(1, 1_000_000),
        1000,
        "Terminals that one connection may carry: forwarders carry many. Those beyond are not heard.",
        "terminals",
    )
    login_timeout: float = key(
        Number(0.1, 3600), 30.0, "Time for a new connection to authenticate its first terminal.", _SECONDS
    )
    frame_timeout: float = key(Number(0.1, 3600), 10.0, "Time for a frame that has begun to be complete.", _SECONDS)
    idle_timeout: float = key(
        Number(0, 604_800), 600.0, f"Time without a byte before a connection is closed. {_NO_LIMIT}.", _SECONDS
    )
    max_frame: int = key(Size(1024, 65_536), 4096, "The longest frame that is read, as it comes, escaped.", _BYTES)
    max_unread: int = key(
        Size(1024, 1 << 30),
        65_536,
        "What a terminal may leave unread of what is sent to it before its connection is closed.",
        _BYTES,
    )
    max_junk: int = key(
        Size(64, 1 << 30), 65_536, "What may come in without one true frame before a connection is closed.", _BYTES
    )
    time_zone: float = key(
        Number(-14, 14),
        8.0,
        "The zone of the terminals' clocks, hours east of UTC: 8 by the standard. Positions are told in UTC.",
        "hours",
    )


@attrs.frozen
class ExchangeConfig:
    """``[exchange]``: the JSON of JT/T 808 messages."""

    dialect: Literal["document", "emqx"] = key(
        Choice(["document", "emqx"]),
        "document",
        "Keys as the page of the exchange format names them, or as the running EMQX gateway does.",
    )


@attrs.frozen
class AdmissionConfig:
    """``[admission]``: which terminals may log in."""

    mode: Literal["open", "listed", "hooks"] = key(
        Choice(["open", "listed", "hooks"]),
        "open",
        'Who may log in: every terminal ("open"), those that were entered with `jimigw devices import` ("listed"), or '
        'those that the platform lets in when it is asked by HTTP ("hooks").',
    )
    registry_url: str = key(
        HttpUrl(), "", "For hooks: where the platform is asked whether a terminal may register (JT/T 808, 0x0100)."
    )
    authentication_url: str = key(
        HttpUrl(),
        "",
        "For hooks: where the platform is asked whether a terminal may log in: JT/T 808 with its authentication code, "
        "Jimi with its IMEI and an empty code.",
    )
    hook_timeout: float = key(
        Number(0.1, 4),
        3.0,
        "How long the platform's answer is waited for, repeated tries included. Terminals do not wait much longer.",
        _SECONDS,
    )
    hook_cache: float = key(
        Number(0, 86_400),
        60.0,
        "How long an answer of the platform is good for. A terminal that is let in and logs in again later is let in "
        "at once, and asked about again in the background.",
        _SECONDS,
    )
    hook_secret_file: str = key(
        Text("the name of a file"),
        "",
        "A file with a secret of at least 16 bytes by which the requests are signed. Relative to data_dir. Empty: they "
        "are not.",
    )
    hook_concurrency: int = key(
        Whole(1, 1000), 16, "Requests under way at once, for each of the two addresses.", "requests"
    )


@attrs.frozen
class JournalConfig:
    """``[journal]``: the durable log; what it has committed is answered, nothing else."""

    engine: Literal["sqlite"] = key(Choice(["sqlite"]), "sqlite", "What keeps the journal.", restart=True)
    file: str = key(
        Text("the name of a file", empty=False),
        "journal.sqlite",
        "The SQLite file. Relative to data_dir.",
        restart=True,
    )
    retention_days: float = key(
        Number(0.01, 36_500), 30.0, "How long records are kept, as far as max_bytes has room for them.", "days"
    )
    max_bytes: int = key(
        Size(1 << 20),
        10 << 30,
        "How much room records may take; the oldest go first. Records that a reader still waits for stay: "
        "when they fill all of it, nothing more is taken and terminals keep their reports.",
        _BYTES,
    )
    commit_interval: float = key(
        Number(0, 1),
        0.005,
        "The shortest time between two commits of a busy journal: longer means fewer writes to disk and later answers.",
        _SECONDS,
        restart=True,
    )
    max_waiting: int = key(
        Whole(1, 10_000_000),
        100_000,
        "Records that may wait in memory for their commit; more are not taken.",
        "records",
        restart=True,
    )
    max_waiting_bytes: int = key(
        Size(1 << 16),
        64 << 20,
        "Size of the records that may wait in memory for their commit; more are not taken.",
        _BYTES,
        restart=True,
    )


@attrs.frozen
class StoreConfig:
    """``[store]``: what outlives the process beside the journal: terminals and commands."""

    engine: Literal["sqlite"] = key(Choice(["sqlite"]), "sqlite", "What keeps the store.", restart=True)
    file: str = key(
        Text("the name of a file", empty=False), "store.sqlite", "The SQLite file. Relative to data_dir.", restart=True
    )
    flush_interval: float = key(
        Number(0.1, 3600),
        10.0,
        "Time between two times that what terminals have shown of themselves is stored (last position, last seen). "
        "The journal has their reports in any case.",
        _SECONDS,
        restart=True,
    )


@attrs.frozen
class CommandsConfig:
    """``[commands]``: what the platform and operators tell terminals to do."""

    ttl: float = key(
        Number(1, 30 * 86_400),
        86_400.0,
        "How long a command waits for its terminal, unless it says so itself.",
        _SECONDS,
    )
    answer_timeout: float = key(
        Number(1, 3600), 60.0, "How long the answer to a text command of the Jimi protocol is waited for.", _SECONDS
    )
    max_queued: int = key(
        Whole(1, 10_000), 64, "Commands of one terminal that have not ended; more are not taken.", "commands"
    )
    max_open: int = key(
        Whole(1, 10_000_000), 100_000, "Commands of all terminals that have not ended; more are not taken.", "commands"
    )
    retention_days: float = key(Number(0.01, 36_500), 90.0, "How long ended commands are kept.", "days")


@attrs.frozen
class HubConfig:
    """``[hub]``: the command API of the vendor's hub, for platforms that use it."""

    endpoint: str = key(
        Endpoint(empty=True),
        "tcp:10088:interface=127.0.0.1",
        "Where the hub's command API listens (/api/device/sendInstruct): a Twisted server endpoint. Without token_file "
        "it has to be on this machine. Empty switches it off.",
        restart=True,
    )
    token_file: str = key(
        Text("the name of a file"),
        "",
        "A file with the token that requests have to bring. Relative to data_dir. Empty: none is asked for.",
        restart=True,
    )
    wait: float = key(
        Number(1, 3600),
        30.0,
        "How long the HTTP answer waits for the terminal's at most; requests may ask for less (timeOut).",
        _SECONDS,
    )
    dangerous: bool = key(
        Switch(),
        True,
        "Whether commands that can cut a terminal off or destroy data, and texts that are not in the list of commands, "
        "are taken without asking, as the hub does.",
    )


@attrs.frozen
class HttpConfig:
    """``[http]``: the API for programs and people."""

    endpoint: str = key(
        Endpoint(empty=True),
        "tcp:8080:interface=127.0.0.1",
        "Where the API listens: a Twisted server endpoint; ssl: makes it HTTPS. Everything that matters wants a token "
        "(`jimigw token`; the first start makes one in data_dir/admin.token). Empty switches it off.",
        restart=True,
    )
    max_body: int = key(
        Size(1024, 1 << 30), 16 << 20, "The longest body of a request: above all, a list of terminals.", _BYTES
    )
    max_events: int = key(Whole(0, 10_000), 64, "Streams of events at once; more are told to come later.", "streams")
    max_connections: int = key(Whole(1, 1_000_000), 1000, "Connections at once; more are closed.", "connections")
    cors_origins: tuple[str, ...] = key(
        ListOf(Text('an origin such as "https://map.example.org", or "*" for all', empty=False), most=64),
        (),
        "Pages of which origins may ask the API from a browser. They need a token all the same.",
    )


@attrs.frozen
class ManholeConfig:
    """``[manhole]``: the shell for operators."""

    endpoint: str = key(
        Endpoint(empty=True),
        "tcp:2323:interface=127.0.0.1",
        "Where telnet connects: a Twisted server endpoint. A socket made by unix: is for its owner only unless it says "
        "mode=. Empty switches telnet off.",
        restart=True,
    )
    ssh_endpoint: str = key(
        Endpoint(empty=True),
        "",
        'Where SSH connects, for example "tcp:2222:interface=127.0.0.1". Empty switches it off.',
        restart=True,
    )
    authorized_keys: str = key(
        Text("the name of a file", empty=False),
        "manhole.authorized_keys",
        "The public keys that may come in by SSH, a line each, as OpenSSH has them, without options. "
        "Read at each login. Relative to data_dir.",
        restart=True,
    )
    allow_remote: bool = key(
        Switch(),
        False,
        "Whether the manhole may listen beyond this machine. Telnet sends the password and everything else in clear.",
        restart=True,
    )
    user: str = key(
        Text("a name", empty=False),
        "admin",
        "The name to log in with; the password is made at the first start and lies in data_dir/manhole.password.",
        restart=True,
    )
    login_timeout: float = key(Number(1, 3600), 60.0, "Time for a new connection to log in.", _SECONDS, restart=True)
    idle_timeout: float = key(
        Number(0, 604_800),
        3600.0,
        f"Time without a key and without live output before a session is closed. {_NO_LIMIT}.",
        _SECONDS,
        restart=True,
    )
    max_sessions: int = key(
        Whole(1, 1000), 8, "Sessions at once, by telnet and SSH together.", "sessions", restart=True
    )


@attrs.frozen
class LogConfig:
    """``[log]``: what the service says about itself."""

    level: Literal["debug", "info", "warn", "error"] = key(
        Choice(["debug", "info", "warn", "error"]), "info", "The least important level that is written."
    )
    format: Literal["text", "json"] = key(
        Choice(["text", "json"]),
        "text",
        "One line an event: text for people, or JSON objects for programs.",
        restart=True,
    )
    file: str = key(
        Text("the name of a file", empty=False),
        "-",
        'Where to. Relative to data_dir; "-" is standard output. A file that is moved away, as logrotate does, is made '
        "again.",
        restart=True,
    )


@attrs.frozen
class Config:
    """The whole config. `Config()` is what an empty file gives."""

    data_dir: str = key(
        Text("the name of a folder", empty=False),
        "var",
        "The folder for everything the service keeps. Relative to the folder it is started in.",
        restart=True,
    )
    jimi: JimiConfig = section(JimiConfig, "Terminals of the Jimi JC261/JC400 protocol.")
    jt808: Jt808Config = section(Jt808Config, "Terminals of JT/T 808-2011, 2013 and 2019, over TCP and UDP.")
    exchange: ExchangeConfig = section(ExchangeConfig, "The JSON of JT/T 808 messages.")
    admission: AdmissionConfig = section(AdmissionConfig, "Which terminals may log in.")
    journal: JournalConfig = section(JournalConfig, "The durable log: a report is answered when it is committed here.")
    store: StoreConfig = section(StoreConfig, "Terminals and commands: what outlives the process beside the journal.")
    commands: CommandsConfig = section(CommandsConfig, "What the platform and operators tell terminals to do.")
    mqtt: MqttConfig = section(MqttConfig, "A message broker (MQTT): what terminals say goes out, commands come in.")
    hub: HubConfig = section(HubConfig, "The command API of the vendor's hub, for platforms that use it.")
    callbacks: tuple[CallbackConfig, ...] = sections(
        CallbackConfig,
        "Where records are posted to, as docs/delivery.md says. Each [[callbacks]] is one receiver.",
        most=100,
        name=lambda callback: callback.label,
        example={"url": "https://platform.example.org/records", "name": "platform", "secret_file": "platform.secret"},
    )
    uploads: UploadsConfig = section(UploadsConfig, "Pictures, clips and lists of recordings that terminals send.")
    attachments: AttachmentsConfig = section(AttachmentsConfig, "Files of active safety alarms of JT/T 808 terminals.")
    http: HttpConfig = section(HttpConfig, "The HTTP API.")
    manhole: ManholeConfig = section(ManholeConfig, "The shell for operators. Whoever gets in can do everything.")
    log: LogConfig = section(LogConfig, "What the service says about itself.")

    # Where a relative data_dir begins; taken once, because a daemon may change its folder later.
    started_in: Path = attrs.field(factory=Path.cwd, eq=False, repr=False, kw_only=True)

    @property
    def data_path(self) -> Path:
        """The absolute path of ``data_dir``."""
        return self.started_in / self.data_dir

    def path(self, name: str) -> Path:
        """Give the absolute path of a file that the config names relative to ``data_dir``."""
        return self.data_path / name
