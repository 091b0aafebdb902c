"""The config: a TOML file, ``--set`` values over it, read into frozen classes, or refused with all its faults named."""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from jimigw.ops.config_callbacks import CallbackConfig
from jimigw.ops.config_kinds import HttpUrl, Wrong, shown
from jimigw.ops.config_mqtt import MqttConfig, contradictions
from jimigw.ops.config_rows import Row, SectionRow, SectionsRow, rows
from jimigw.ops.config_schema import (
    AdmissionConfig,
    Config,
    ExchangeConfig,
    HttpConfig,
    JimiConfig,
    JournalConfig,
    Jt808Config,
    LogConfig,
    ManholeConfig,
)
from jimigw.ops.config_uploads import uploads_contradictions
from jimigw.ops.endpoints import stays_local

__all__ = [
    "AdmissionConfig",
    "CallbackConfig",
    "Config",
    "ConfigError",
    "ExchangeConfig",
    "HttpConfig",
    "JimiConfig",
    "JournalConfig",
    "Jt808Config",
    "LogConfig",
    "ManholeConfig",
    "MqttConfig",
    "load_config",
]

MAX_FILE = 1 << 20
"""Bytes of the longest config file that is read: far more than all keys need, so a wrong path cannot fill memory."""

_OVERRIDE = "--set"
_WORDS = re.compile(r"[A-Za-z_/.~-][\w:/.~ -]{0,60}", re.ASCII)
"""What somebody may have meant as text and forgot to quote."""
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ConfigError(Exception):
    """The config cannot be used. ``problems`` holds a sentence for each thing that is wrong; `str` gives one a line."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


def load_config(path: str | None, overrides: Sequence[str] = ()) -> Config:
    """Read the config file (``None``: all defaults) and lay ``KEY=TOML`` overrides over it; the last one of a key wins.

    Raises `ConfigError` that lists every wrong value, unknown key and fault of syntax at once.
    """
    problems: list[str] = []
    found: dict[str, _Found] = {}
    if path is not None:
        found.update(_collect(Config, "", _read_file(path, problems), "", problems))
    for override in overrides:
        found.update(_collect(Config, "", _read_override(override, problems), f" ({_OVERRIDE})", problems))
    config: Config = _build(Config, "", found, problems)
    if not problems:
        problems = [*_contradictions(config)]
    if problems:
        raise ConfigError(problems)
    return config


@attrs.frozen
class _Found:
    """A value that somebody set, and where: text for the end of an error."""

    value: object
    source: str


def _read_file(path: str, problems: list[str]) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            problems.append(f"{path}: it is longer than {MAX_FILE} bytes; that is not a config file of jimigw")
            return {}
        return tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problems.append(f"{path}: line {line} is not UTF-8, which TOML has to be")
    except ValueError as error:
        # TOMLDecodeError is one, and so is what int() says to a number of more than 4300 digits.
        problems.append(f"{path}: it is not TOML: {error}")
    except RecursionError:
        problems.append(f"{path}: it is nested too deeply")
    return {}


def _read_override(text: str, problems: list[str]) -> dict[str, Any]:
    """Give ``KEY=TOML`` as the tables a file with this one line would have."""
    name, equals, value = text.partition("=")
    name = name.strip(" \t")
    parts = name.split(".")
    if not equals or not all(map(_BARE_KEY.fullmatch, parts)):
        example = f"{_OVERRIDE} 'log.level=\"debug\"'"
        problems.append(f"{_OVERRIDE} {shown(text)}: it is not KEY=VALUE; expected for example {example}")
        return {}
    try:
        # One value only: a line break in it must not set a second key.
        parsed = tomllib.loads(f"value = {value.strip()}")
        if set(parsed) != {"value"}:
            raise ValueError("it is more than one value")
    except (ValueError, RecursionError) as error:
        hint = ""
        if _WORDS.fullmatch(value.strip()):
            hint = f"; text needs quotes: {_OVERRIDE} '{name}=\"{value.strip()}\"'"
        problems.append(f"{name}: {shown(value)} is not a TOML value ({error}){hint} ({_OVERRIDE})")
        return {}
    tree: dict[str, Any] = {parts[-1]: parsed["value"]}
    for part in reversed(parts[:-1]):
        tree = {part: tree}
    return tree


def _collect(
    cls: type[attrs.AttrsInstance], prefix: str, tree: Mapping[str, object], source: str, problems: list[str]
) -> Iterator[tuple[str, _Found]]:
    """Give (full key, value) of all known keys of a table; name the unknown ones."""
    known = dict(rows(cls))
    for name, value in tree.items():
        full = f"{prefix}{name if name.isprintable() else repr(name)}"
        row = known.get(name)
        if row is None:
            problems.append(f"{full}: there is no such key or section{_hint(full)}{source}")
        elif isinstance(row, Row | SectionsRow):
            yield full, _Found(value, source)
        elif isinstance(value, dict):
            yield from _collect(row.cls, f"{full}.", value, source, problems)
        else:
            problems.append(f"{full}: {shown(value)} is not a table; expected [{full}] with keys under it{source}")


def _build(cls: type[Any], prefix: str, found: Mapping[str, _Found], problems: list[str]) -> Any:
    values: dict[str, object] = {}
    for name, row in rows(cls):
        full = f"{prefix}{name}"
        if isinstance(row, SectionRow):
            values[name] = _build(row.cls, f"{full}.", found, problems)
        elif (setting := found.get(full)) is None:
            continue
        elif isinstance(row, SectionsRow):
            values[name] = tuple(_build_all(row, full, setting, problems))
        else:
            try:
                values[name] = row.kind.read(setting.value)
            except Wrong as wrong:
                problems.append(f"{full}: {wrong}{setting.source}")
    return cls(**values)


def _build_all(row: SectionsRow, full: str, setting: _Found, problems: list[str]) -> Iterator[Any]:
    """Read a list of tables, each as a section. People count them from 1."""
    tables = setting.value
    expected = f"expected up to {row.most} of [[{full}]], each with keys under it"
    if not isinstance(tables, list):
        problems.append(f"{full}: {shown(tables)} is not a list of tables; {expected}{setting.source}")
        return
    if len(tables) > row.most:
        problems.append(f"{full}: there are {len(tables)}; {expected}{setting.source}")
        return
    for number, table in enumerate(tables, 1):
        place = f"{full}[{number}]"
        if isinstance(table, dict):
            found = dict(_collect(row.cls, f"{place}.", table, setting.source, problems))
            yield _build(row.cls, f"{place}.", found, problems)
        else:
            problems.append(f"{place}: {shown(table)} is not a table; {expected}{setting.source}")


def _contradictions(config: Config) -> Iterator[str]:
    """Name values that are right alone and wrong together."""
    if config.admission.mode == "hooks":
        for name in ("registry_url", "authentication_url"):
            if not getattr(config.admission, name):
                yield f'admission.{name}: it is empty; admission.mode = "hooks" asks the platform there'
    yield from contradictions(config.mqtt, config.exchange.dialect)
    yield from _clashing_callbacks(config)
    for name in ("endpoint", "ssh_endpoint"):
        endpoint = getattr(config.manhole, name)
        if endpoint and not config.manhole.allow_remote and not stays_local(endpoint):
            yield (
                f"manhole.{name}: {shown(endpoint)} can be reached from other machines; expected a loopback address "
                "(tcp:PORT:interface=127.0.0.1) or unix:, or manhole.allow_remote = true if that is meant"
            )
    yield from uploads_contradictions(config.uploads)
    hub = config.hub
    if hub.endpoint and not hub.token_file and not stays_local(hub.endpoint):
        yield (
            f"hub.endpoint: {shown(hub.endpoint)} can be reached from other machines; expected a loopback address "
            "(tcp:PORT:interface=127.0.0.1) or unix:, or hub.token_file with a token that they have to know"
        )


def _clashing_callbacks(config: Config) -> Iterator[str]:
    seen: dict[str, int] = {}
    for number, callback in enumerate(config.callbacks, 1):
        place = f"callbacks[{number}]"
        if not callback.url:
            yield f"{place}.url: it is missing; expected {HttpUrl(empty=False).expected}"
        elif len(callback.reader) > 200:
            yield f"{place}.name: it is missing; an address that is so long cannot stand for it"
        elif (other := seen.setdefault(callback.label, number)) != number:
            yield (
                f"{place}.name: {shown(callback.label)} is callbacks[{other}] already; each callback needs a name of "
                "its own, or an address that differs before the question mark"
            )


def _full_keys(cls: type[attrs.AttrsInstance] = Config, prefix: str = "") -> Iterator[str]:
    for name, row in rows(cls):
        yield f"{prefix}{name}"
        if isinstance(row, SectionRow):
            yield from _full_keys(row.cls, f"{prefix}{name}.")
        elif isinstance(row, SectionsRow):
            yield from _full_keys(row.cls, f"{prefix}{name}[].")


def _hint(full: str) -> str:
    """Name the nearest key: the same name in another section before a similar one."""
    keys = list(_full_keys())
    last = full.rpartition(".")[2]
    near = [key for key in keys if key.rpartition(".")[2] == last] or difflib.get_close_matches(full, keys, n=1)
    return f"; did you mean {' or '.join(near[:3])}?" if near else ""
