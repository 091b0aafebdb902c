"""Who may import whom: the rooms of the design as a table, checked in the sources without importing them.

Every import counts: at the top of a file, inside a function, under ``if TYPE_CHECKING``.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import pytest

CHECKOUT = Path(__file__).parents[1]

INTERFACES = ("journal.interface", "store.interface", "vault.interface")

MAY_IMPORT: Mapping[str, tuple[str, ...]] = {
    # room: what it may import of ours beside itself ("" is the package's own __init__, with the version)
    "wire": (),
    "model": (),
    "protocols": ("wire", "model"),
    "journal": ("model",),
    "store": ("model",),
    "vault": ("model",),
    "gateway": ("model", *INTERFACES),
    "net": ("protocols", "gateway", "model", "wire"),
    "client": (),
    "web": ("client", "gateway", "model", *INTERFACES),
    "delivery": ("client", "gateway", "model", *INTERFACES),
    "ops": ("model", "gateway", *INTERFACES),
    "tools": ("",),
    "service": ("",),
}

STRANGERS: Sequence[tuple[str, str]] = [("protocols.jimi", "protocols.jt808")]
"""Parts of one room that never import each other."""

SERVICE_USERS = ("tools", "service")
"""Who may import the service, beside the plugin; and of it only what is public."""

SANS_IO = ("wire", "protocols", "model")

REACHES_OUT = {
    "the network": {
        "twisted",
        "treq",
        "socket",
        "ssl",
        "select",
        "selectors",
        "asyncio",
        "socketserver",
        "http",
        "urllib",
    },
    "a clock": {"time", "sched", "timeit", "signal"},
    "files": {
        "os",
        "io",
        "pathlib",
        "shutil",
        "tempfile",
        "glob",
        "mmap",
        "fcntl",
        "sqlite3",
        "dbm",
        "shelve",
        "pickle",
    },
    "files beside the code": {"importlib.resources", "pkgutil"},
    "other processes": {"subprocess", "multiprocessing", "syslog"},
    "threads": {"threading", "queue", "concurrent"},
    "the log": {"logging"},
    "chance, which no test can repeat": {"random", "secrets", "uuid"},
}
"""What sans-I/O rooms do not import, by what it reaches."""

CLOCKS_AND_FILES = {"now", "utcnow", "today"}, {"open", "input", "print", "__import__"}
"""Methods that ask a clock, and builtins that leave the process."""


@attrs.frozen
class Import:
    """One imported module, or name of a module, and where."""

    name: str
    line: int


@attrs.frozen
class Source:
    """One file of ours: its module without ``jimigw.``, its path for messages, and what is in it."""

    module: str
    path: str
    tree: ast.Module
    package: bool

    @property
    def room(self) -> str:
        return self.module.partition(".")[0]

    def imports(self) -> Iterator[Import]:
        """Give everything imported; of ``from a import b`` it is ``a.b``, relative ones made absolute."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (Import(alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    parts = ["jimigw", *filter(None, self.module.split("."))]
                    parts = parts[: len(parts) - node.level + self.package]
                    base = ".".join(filter(None, [*parts, base]))
                yield from (Import(f"{base}.{alias.name}", node.lineno) for alias in node.names)

    def own_imports(self) -> Iterator[Import]:
        """Give the imports of ours, without ``jimigw.``."""
        for imported in self.imports():
            if imported.name == "jimigw" or imported.name.startswith("jimigw."):
                yield Import(imported.name[len("jimigw.") :], imported.line)


def parse(module: str, text: str, path: str = "", package: bool = False) -> Source:
    return Source(module, path or f"jimigw/{module.replace('.', '/')}.py", ast.parse(text), package)


def sources(root: Path = CHECKOUT) -> list[Source]:
    found = []
    for file in sorted((root / "jimigw").rglob("*.py")):
        path = file.relative_to(root)
        parts = path.with_suffix("").parts[1:]
        package = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if package else parts)
        found.append(parse(module, file.read_text(encoding="utf-8"), str(path), package))
    return found


def within(name: str, place: str) -> bool:
    return place == "" or name == place or name.startswith(place + ".")


def violations(source: Source) -> Iterator[str]:
    """Give a sentence for every import of a file that the table does not allow."""
    yield from _room_violations(source)
    if source.room in SANS_IO:
        yield from _sans_io_violations(source)


def _room_violations(source: Source) -> Iterator[str]:
    if source.room and source.room not in MAY_IMPORT:
        yield f"{source.path}:1: there is no room {source.room!r}; a new room needs a row in tests/test_import_rules.py"
        return
    allowed = (source.room, *MAY_IMPORT.get(source.room, ())) if source.room else ()
    for imported in source.own_imports():
        where = f"{source.path}:{imported.line}"
        if "." not in imported.name and imported.name not in MAY_IMPORT:
            # A name of the package's own __init__, such as __version__, is anybody's.
            if not source.room:
                yield f"{where}: jimigw/__init__.py imports nothing of ours, not even {imported.name!r}"
            continue
        if within(imported.name, "service"):
            if source.room not in SERVICE_USERS:
                yield f"{where}: {source.room or 'jimigw'} imports service; only the plugin and the tools may"
            elif source.room != "service" and any(part.startswith("_") for part in imported.name.split(".")[1:]):
                yield f"{where}: {source.room} imports {imported.name}, which is internal to the service"
            continue
        if not any(within(imported.name, place) for place in allowed):
            rule = ", ".join(MAY_IMPORT.get(source.room, ())) or "nothing of ours"
            yield f"{where}: {source.room or 'jimigw'} imports {imported.name}; beside itself it may import {rule}"
        for one, other in STRANGERS:
            for mine, theirs in ((one, other), (other, one)):
                if within(source.module, mine) and within(imported.name, theirs):
                    yield f"{where}: {mine} imports {imported.name}; {mine} and {theirs} never know each other"


def _sans_io_violations(source: Source) -> Iterator[str]:
    rule = (
        f"{source.room} is sans-I/O: no reactor, clock, socket, file or thread; what it needs comes in as an argument"
    )
    for imported in source.imports():
        for what, modules in REACHES_OUT.items():
            if any(within(imported.name, module) for module in modules):
                yield f"{source.path}:{imported.line}: imports {imported.name}, which reaches {what}, but {rule}"
    methods, builtins = CLOCKS_AND_FILES
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr in methods:
            yield f"{source.path}:{node.lineno}: calls .{node.func.attr}(), but {rule}"
        elif isinstance(node.func, ast.Name) and node.func.id in builtins:
            yield f"{source.path}:{node.lineno}: calls {node.func.id}(), but {rule}"


def circles(files: Sequence[Source]) -> list[list[str]]:
    """Give the import circles among modules: each strongly connected group of more than one, as a sorted list."""
    modules = {source.module for source in files}
    edges: dict[str, set[str]] = {source.module: set() for source in files}
    for source in files:
        for imported in source.own_imports():
            # "from jimigw.a import b" is the module jimigw.a.b where there is one, otherwise a name of jimigw.a.
            target = imported.name
            while target not in modules and target:
                target = target.rpartition(".")[0]
            if target != source.module:
                edges[source.module].add(target)
    return sorted(group for group in _groups(edges) if len(group) > 1)


def _groups(edges: Mapping[str, set[str]]) -> Iterator[list[str]]:
    """Tarjan's strongly connected components."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []

    def visit(module: str) -> Iterator[list[str]]:
        order[module] = lowest[module] = len(order)
        stack.append(module)
        for target in sorted(edges.get(module, ())):
            if target not in order:
                yield from visit(target)
                lowest[module] = min(lowest[module], lowest[target])
            elif target in stack:
                lowest[module] = min(lowest[module], order[target])
        if lowest[module] == order[module]:
            at = stack.index(module)
            yield sorted(stack[at:])
            del stack[at:]

    for module in sorted(edges):
        if module not in order:
            yield from visit(module)


def test_every_import_is_allowed() -> None:
    broken = [sentence for source in sources() for sentence in violations(source)]
    assert not broken, "\n" + "\n".join(broken)


def test_there_is_no_import_circle() -> None:
    found = circles(sources())
    assert not found, "\n" + "\n".join(f"these import each other in a circle: {', '.join(group)}" for group in found)


def test_the_plugin_knows_only_twisted() -> None:
    file = CHECKOUT / "twisted" / "plugins" / "jimigw_plugin.py"
    plugin = parse("plugin", file.read_text(encoding="utf-8"), "twisted/plugins/jimigw_plugin.py")
    for imported in plugin.imports():
        allowed = within(imported.name, "twisted") or within(imported.name, "jimigw.service")
        assert allowed, (
            f"{plugin.path}:{imported.line}: the plugin imports {imported.name}; twistd reads it for every service"
        )


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("wire.kinds", "import struct\nfrom jimigw.wire import errors\nfrom . import checks"),
        ("wire.kinds", "from datetime import datetime, timedelta"),
        ("model.device", "import attrs"),
        (
            "protocols.jimi.frames",
            "from jimigw.wire.kinds import U8\nfrom jimigw.model import Report\nfrom .alarms import ALARMS",
        ),
        ("protocols.jimi.frames", "from jimigw.protocols import interface"),
        (
            "journal.sqlite",
            "import sqlite3\nfrom twisted.internet import defer\nfrom jimigw.model.report import Report",
        ),
        ("gateway.commands", "from jimigw.store.interface import IStore\nfrom jimigw.journal import interface"),
        ("net.tcp", "from jimigw.protocols.jimi.session import Session\nfrom jimigw.gateway import registry"),
        ("web.api", "from jimigw.journal.interface import IJournal\nfrom jimigw import __version__"),
        ("tools.simulate", "from jimigw.protocols.jimi import frames\nfrom jimigw.ops.config import load_config"),
        ("tools.check", "from jimigw.service import makeService"),
        ("service", "from jimigw.journal.sqlite import SqliteJournal\nfrom jimigw.net import tcp"),
        ("", "import re"),
    ],
)
def test_what_is_allowed(module: str, text: str) -> None:
    assert [*violations(parse(module, text))] == []


@pytest.mark.parametrize(
    ("module", "text", "sentence"),
    [
        (
            "wire.kinds",
            "from jimigw.model import x",
            ":1: wire imports model.x; beside itself it may import nothing of ours",
        ),
        (
            "model.x",
            "\nimport jimigw.gateway.y",
            ":2: model imports gateway.y; beside itself it may import nothing of ours",
        ),
        ("wire.kinds", "def f():\n    import time", ":2: imports time, which reaches a clock, but wire is sans-I/O"),
        (
            "wire.kinds",
            "if TYPE_CHECKING:\n    from twisted.internet.defer import Deferred",
            ":2: imports twisted.internet",
        ),
        ("model.x", "from datetime import datetime\ndatetime.now()", ":2: calls .now(), but model is sans-I/O"),
        ("protocols.jimi.x", "open('file')", ":1: calls open(), but protocols is sans-I/O"),
        ("protocols.jimi.x", "import os.path", ":1: imports os.path, which reaches files, but protocols is sans"),
        ("protocols.jimi.x", "from jimigw.protocols.jt808 import y", ":1: protocols.jimi imports protocols.jt808.y; "),
        ("protocols.jimi.x", "from ..jt808 import y", ":1: protocols.jimi imports protocols.jt808.y; "),
        ("protocols.jt808", "from jimigw.protocols import jimi", ":1: protocols.jt808 imports protocols.jimi; "),
        (
            "protocols.jimi.x",
            "from jimigw.gateway import y",
            ":1: protocols imports gateway.y; beside itself it may import wire, model",
        ),
        (
            "journal.sqlite",
            "from jimigw.store import x",
            ":1: journal imports store.x; beside itself it may import model",
        ),
        (
            "gateway.x",
            "from jimigw.journal.sqlite import y",
            ":1: gateway imports journal.sqlite.y; beside itself it may import model, journal",
        ),
        ("gateway.x", "from jimigw import journal", ":1: gateway imports journal; beside itself"),
        (
            "gateway.x",
            "from jimigw.ops.logging import Throttle",
            ":1: gateway imports ops.logging.Throttle; beside itself",
        ),
        (
            "net.tcp",
            "from jimigw.journal.interface import IJournal",
            ":1: net imports journal.interface.IJournal; beside",
        ),
        ("web.x", "from jimigw.protocols import y", ":1: web imports protocols.y; beside itself it may import client"),
        (
            "ops.x",
            "from jimigw.service import Options",
            ":1: ops imports service.Options".replace(".Options", "; only the plugin"),
        ),
        (
            "tools.x",
            "from jimigw.service import _wire",
            ":1: tools imports service._wire, which is internal to the service",
        ),
        ("kitchen.x", "", ":1: there is no room 'kitchen'; a new room needs a row"),
        ("", "from jimigw.service import x", ":1: jimigw imports service; only the plugin and the tools may"),
        ("", "from jimigw.wire import x", ":1: jimigw imports wire.x; beside itself it may import nothing of ours"),
    ],
)
def test_what_is_refused(module: str, text: str, sentence: str) -> None:
    path = f"jimigw/{module.replace('.', '/')}.py"
    found = [*violations(parse(module, text))]
    assert [line for line in found if line.startswith(path + sentence)], found


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"a": "import jimigw.b", "b": "import jimigw.c", "c": ""}, []),
        ({"a": "import jimigw.b", "b": "import jimigw.a"}, [["a", "b"]]),
        (
            {"a": "import jimigw.b", "b": "def f():\n from jimigw.c import x", "c": "from jimigw import a"},
            [["a", "b", "c"]],
        ),
        ({"p": "from jimigw.p.a import x", "p.a": "from jimigw.p import b", "p.b": ""}, []),
        ({"p": "from jimigw.p.a import x", "p.a": "from jimigw.p import y"}, [["p", "p.a"]]),
    ],
)
def test_circles_are_found(files: dict[str, str], found: list[list[str]]) -> None:
    assert circles([parse(module, text) for module, text in files.items()]) == found
