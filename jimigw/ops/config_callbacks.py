"""``[[callbacks]]``: where records are posted to."""

from typing import Literal

import attrs

from jimigw.model.report import KINDS
from jimigw.ops.config_kinds import Choice, HttpUrl, ListOf, Name, Number, Size, Text, Whole
from jimigw.ops.config_rows import key

FORMATS = ("json", "hub")
"""The formats of callbacks."""


@attrs.frozen
class CallbackConfig:
    """One of ``[[callbacks]]``."""

    url: str = key(HttpUrl(empty=False), "", "Where to.")
    name: str = key(
        Name(),
        "",
        "What its place in the journal, its dead letters and the log call it. Empty: the address without what follows "
        "a question mark. A callback under another name is another one, that begins anew.",
    )
    kinds: tuple[str, ...] = key(
        ListOf(Choice(KINDS), most=len(KINDS)), (), "The kinds of records that it gets. Empty: all."
    )
    devices: tuple[str, ...] = key(
        ListOf(Text("the id of a terminal, or a pattern with * and ?", empty=False), most=10_000),
        (),
        "The terminals whose records it gets. Empty: all.",
    )
    format: Literal["json", "hub"] = key(
        Choice(FORMATS),
        "json",
        'What a request looks like: an array of journal records ("json"), or the push API of the vendor\'s hub, whose '
        'paths are appended to the address ("hub").',
    )
    token_file: str = key(
        Text("the name of a file"),
        "",
        "For hub: a file with the token that is sent with every push. Relative to data_dir. Empty: none is.",
    )
    paths: tuple[str, ...] = key(
        ListOf(Text("a path such as /pushgps", empty=False), most=64), (), "For hub: only these paths. Empty: all."
    )
    push_time_zone: float = key(
        Number(-14, 14), 0.0, "For hub: the zone of the times in pushes, hours east of UTC.", "hours"
    )
    batch: int = key(Whole(1, 5000), 500, "Records in one request at most.", "records")
    batch_bytes: int = key(
        Size(1024, 64 << 20), 1 << 20, "Size of one request; a single record that is longer is sent alone.", "bytes"
    )
    concurrency: int = key(
        Whole(1, 64),
        1,
        "Requests under way at once. With more than one only the records of each terminal arrive in order.",
        "requests",
    )
    secret_file: str = key(
        Text("the name of a file"),
        "",
        "A file with a secret of at least 16 bytes by which the requests are signed. Relative to data_dir. Empty: they "
        "are not. Read anew at each reload.",
    )
    timeout: float = key(Number(0.1, 300), 10.0, "How long an answer is waited for.", "seconds")
    start: Literal["end", "beginning"] = key(
        Choice(["end", "beginning"]),
        "end",
        "Where a new callback begins: with what comes from now on, or with the oldest record that the journal has.",
    )
    max_dead_letters: int = key(
        Whole(0, 1_000_000),
        10_000,
        "Records that it refused and that are kept for people to look at. When there is no room for more it is paused.",
        "records",
    )

    @property
    def label(self) -> str:
        """What people know it by."""
        return self.name or self.url.partition("?")[0]

    @property
    def reader(self) -> str:
        """The name of its reader of the journal."""
        return f"callback:{self.label}"
