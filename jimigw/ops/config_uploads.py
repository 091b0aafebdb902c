"""``[uploads]`` and ``[attachments]``: files of terminals, how they come in, where they lie, how long they are kept."""

from collections.abc import Iterator
from typing import Literal

import attrs

from jimigw.ops.config_kinds import Choice, HttpUrl, ListOf, Number, Size, Switch, Text, Whole
from jimigw.ops.config_rows import key
from jimigw.ops.endpoints import Endpoint

_NO_LIMIT = "0: no limit"
_SECONDS = "seconds"
_BYTES = "bytes"
_FILES = "files"


@attrs.frozen
class UploadsConfig:
    """``[uploads]``: pictures, clips and lists of recordings that terminals send by HTTP (Jimi 6.1 to 6.3)."""

    endpoint: str = key(
        Endpoint(empty=True),
        "tcp:23010",
        "Where terminals upload to: /upload, /filelist; and where files are downloaded: /download. A Twisted server "
        "endpoint. Empty switches it off.",
        restart=True,
    )
    public_url: str = key(
        HttpUrl(),
        "",
        "How terminals and platforms reach this endpoint from outside, as http://gateway.example.org:23010. Without it "
        "records have no links to files.",
    )
    who: Literal["known", "online"] = key(
        Choice(["known", "online"]),
        "known",
        'Who may upload: terminals that are let in ("known"), or of them only those that are on line at that moment '
        '("online"). The sign proves nothing: its key is printed in a public document.',
    )
    sign: Literal["off", "log", "require"] = key(
        Choice(["off", "log", "require"]),
        "log",
        "What becomes of an upload whose sign is wrong or missing: nothing, a line in the log, or it is refused.",
    )
    max_bytes: int = key(Size(1024), 512 << 20, "The longest file.", _BYTES)
    max_transfers: int = key(Whole(1, 100_000), 1000, "Files that may be on their way in at once.", _FILES)
    max_transfers_per_device: int = key(
        Whole(1, 1000), 4, "Files of one terminal that may be on their way in at once.", _FILES
    )
    max_files_per_hour: int = key(
        Whole(0, 1_000_000), 600, f"Files that one terminal may send in an hour. {_NO_LIMIT}.", _FILES
    )
    max_device_bytes: int = key(Size(0), 0, f"What is kept of one terminal. {_NO_LIMIT}.", _BYTES)
    max_total_bytes: int = key(
        Size(0),
        100 << 30,
        f"What is kept of all terminals. {_NO_LIMIT}. Where there is more, the oldest files go, but protected ones.",
        _BYTES,
    )
    min_free_bytes: int = key(
        Size(0), 1 << 30, "Room that stays free on the disk: files that would take it are not taken.", _BYTES
    )
    retention_days: float = key(
        Number(0, 36_500), 30.0, "How long files are kept that nobody protects. 0: as long as there is room.", "days"
    )
    idle_timeout: float = key(Number(1, 3600), 60.0, "Time without a byte before a transfer is given up.", _SECONDS)
    transfer_timeout: float = key(Number(10, 86_400), 3600.0, "Time for one transfer.", _SECONDS)
    max_connections: int = key(Whole(1, 1_000_000), 2000, "Connections at once; more are closed.", "connections")
    max_names: int = key(
        Whole(1, 1_000_000), 50_000, "Names in a list of recordings; a longer one is refused.", "names"
    )
    max_list_bytes: int = key(Size(1024, 1 << 30), 8 << 20, "The longest list of recordings.", _BYTES)
    downloads: Literal["signed", "open", "off"] = key(
        Choice(["signed", "open", "off"]),
        "signed",
        'Who may download at /download: whoever has a link that was signed and has not expired ("signed"), everybody '
        'who knows the name of a file ("open", as the vendor\'s hub does it), or nobody ("off").',
    )
    link_seconds: float = key(Number(1, 31_536_000), 604_800.0, "How long a signed link is good for.", _SECONDS)
    fetch: Literal["off", "missing"] = key(
        Choice(["off", "missing"]),
        "off",
        'Whether files that an alarm announced and that do not come are asked for by themselves ("missing").',
    )
    fetch_alarms: tuple[int, ...] = key(
        ListOf(Whole(0, (1 << 32) - 1, hexadecimal=True), most=1000),
        (),
        "The codes of the alarms whose files are asked for by themselves. Empty: all.",
    )
    fetch_after: float = key(
        Number(1, 604_800),
        300.0,
        "How long an announced file may take to come by itself; then it is asked for, or is missing.",
        _SECONDS,
    )
    fetch_wait: float = key(
        Number(1, 86_400), 180.0, "How long a file may take to come once it was asked for, for each try.", _SECONDS
    )
    fetch_attempts: int = key(
        Whole(1, 100), 2, "How often each way to ask for a file is tried before the next one.", "tries"
    )
    fetch_budget: int = key(
        Size(0),
        500 << 20,
        f"What one terminal may be asked for in a month (UTC): its SIM card pays. {_NO_LIMIT}.",
        _BYTES,
    )
    engine: Literal["folder", "s3"] = key(
        Choice(["folder", "s3"]),
        "folder",
        'Where files are kept: in a folder of this machine, or in a store that speaks S3 ("s3").',
        restart=True,
    )
    folder: str = key(
        Text("the name of a folder", empty=False),
        "uploads",
        "The folder of files, also of those on their way in to S3. Relative to data_dir.",
        restart=True,
    )
    s3_url: str = key(
        HttpUrl(),
        "",
        "For S3: the store's address, as https://s3.example.org. Empty: Amazon's, by the region.",
        restart=True,
    )
    s3_bucket: str = key(Text("the name of a bucket"), "", "For S3: the bucket, which is there already.", restart=True)
    s3_prefix: str = key(
        Text("the beginning of keys"),
        "",
        "For S3: what all keys of this gateway begin with, and of nobody else, such as fleet-1/.",
        restart=True,
    )
    s3_region: str = key(Text("the name of a region"), "us-east-1", "For S3: the region.", restart=True)
    s3_credentials_file: str = key(
        Text("the name of a file"),
        "",
        "For S3: a file with two lines, the access key and the secret key. Relative to data_dir. Empty: as the "
        "environment says.",
        restart=True,
    )


def uploads_contradictions(uploads: UploadsConfig) -> Iterator[str]:
    """What does not fit together, a sentence each."""
    if uploads.engine != "s3":
        return
    if not uploads.s3_bucket:
        yield 'uploads.s3_bucket: it is empty; uploads.engine = "s3" needs a bucket, which is there already'
    if not uploads.s3_prefix:
        yield (
            "uploads.s3_prefix: it is empty, and all of the bucket would be taken for this gateway's: what it does not "
            'know is cleared away; expected something of its own, such as "jimigw/"'
        )


@attrs.frozen
class AttachmentsConfig:
    """``[attachments]``: the files of active safety alarms of JT/T 808 terminals (T/JSATL12)."""

    endpoint: str = key(
        Endpoint(empty=True),
        "tcp:21188",
        "Where terminals bring the attachments of alarms (0x1210 to 0x1212): a Twisted server endpoint. Empty switches "
        "it off.",
        restart=True,
    )
    public_host: str = key(
        Text("a name or an address"),
        "",
        "The name or address under which terminals reach this endpoint; they are told it with 0x9208. Empty: no "
        "attachments are asked for.",
    )
    public_port: int = key(Whole(1, 65_535), 21_188, "The port under which they reach it.")
    ask: bool = key(
        Switch(),
        True,
        "Whether the attachments of every alarm that has some are asked for at once. If not, somebody asks by the API.",
    )
    max_connections: int = key(Whole(1, 1_000_000), 2000, "Connections at once; more are closed.", "connections")
    idle_timeout: float = key(Number(1, 3600), 60.0, "Time without a byte before a connection is closed.", _SECONDS)
