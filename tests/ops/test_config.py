"""The config: what is taken, what is refused and in which words, and that the shipped file says the truth."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.ops.config import CallbackConfig, Config, ConfigError, load_config
from jimigw.ops.config_docs import EXAMPLE, example_toml, reference_markdown
from jimigw.ops.config_rows import Row, SectionRow, SectionsRow, rows

CHECKOUT = Path(__file__).parents[2]


def problems(text: str, *overrides: str, folder: Path) -> list[str]:
    """Give what `load_config` says of a file with this text, without the folder of the file."""
    file = folder / "jimigw.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_config(str(file), overrides)
    assert str(refused.value) == "\n".join(refused.value.problems)
    return [problem.replace(str(folder) + "/", "") for problem in refused.value.problems]


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    file = tmp_path / "jimigw.toml"
    file.touch()
    assert load_config(str(file)) == load_config(None) == Config()


def test_the_defaults() -> None:
    config = Config()
    assert config.data_dir == "var"
    assert config.jimi.endpoints == ("tcp:21100",)
    assert config.jimi.backlog == 1024
    assert (config.jimi.max_connections, config.jimi.max_connections_per_address) == (0, 0)
    assert (config.jimi.login_timeout, config.jimi.frame_timeout, config.jimi.idle_timeout) == (30, 10, 600)
    assert (config.jimi.max_frame, config.jimi.max_unread, config.jimi.max_junk) == (8192, 65536, 65536)
    assert config.jimi.acknowledge == (0x01, 0x13, 0x22, 0x37, 0x70, 0x95, 0xE0, 0xF2)
    assert config.jimi.acknowledge_unknown == "7878"
    assert config.admission.mode == "open"
    assert (config.admission.registry_url, config.admission.authentication_url) == ("", "")
    assert (config.admission.hook_timeout, config.admission.hook_cache) == (3.0, 60.0)
    assert (config.admission.hook_secret_file, config.admission.hook_concurrency) == ("", 16)
    assert (config.journal.engine, config.journal.file) == ("sqlite", "journal.sqlite")
    assert (config.journal.retention_days, config.journal.max_bytes) == (30, 10 * 1024**3)
    assert config.journal.commit_interval == 0.005
    assert (config.journal.max_waiting, config.journal.max_waiting_bytes) == (100_000, 64 * 1024**2)
    manhole = config.manhole
    assert (manhole.endpoint, manhole.ssh_endpoint) == ("tcp:2323:interface=127.0.0.1", "")
    assert (manhole.allow_remote, manhole.user, manhole.authorized_keys) == (False, "admin", "manhole.authorized_keys")
    assert (manhole.login_timeout, manhole.idle_timeout, manhole.max_sessions) == (60, 3600, 8)
    assert (config.log.level, config.log.format, config.log.file) == ("info", "text", "-")


@pytest.mark.parametrize(
    ("override", "section", "name", "value"),
    [
        ('jimi.endpoints=["tcp:0"]', "jimi", "endpoints", ("tcp:0",)),
        ("jimi.endpoints = []", "jimi", "endpoints", ()),
        ("jimi.max_frame=65541", "jimi", "max_frame", 65541),
        ('jimi.max_frame="64 KiB"', "jimi", "max_frame", 65536),
        ("jimi.idle_timeout=0", "jimi", "idle_timeout", 0.0),
        ("jimi.acknowledge=[0x13, 25]", "jimi", "acknowledge", (19, 25)),
        ("jimi={max_junk=100}", "jimi", "max_junk", 100),
        ('journal.max_bytes="1.5 GiB"', "journal", "max_bytes", 3 << 29),
        ('journal.max_bytes="2 GB"', "journal", "max_bytes", 2 * 10**9),
        ('journal.max_bytes="2000000"', "journal", "max_bytes", 2_000_000),
        ("journal.max_bytes=9_223_372_036_854_775_807", "journal", "max_bytes", (1 << 63) - 1),
        ("journal.commit_interval=1", "journal", "commit_interval", 1.0),
        ("log.file='a=b'", "log", "file", "a=b"),
        ("manhole.endpoint=''", "manhole", "endpoint", ""),
        ("manhole.endpoint='unix:/run/jimigw/manhole'", "manhole", "endpoint", "unix:/run/jimigw/manhole"),
        (
            "manhole.ssh_endpoint='tcp:2222:interface=127.0.0.1'",
            "manhole",
            "ssh_endpoint",
            "tcp:2222:interface=127.0.0.1",
        ),
        ("manhole.allow_remote=true", "manhole", "allow_remote", True),
    ],
)
def test_an_override(override: str, section: str, name: str, value: object) -> None:
    found = getattr(getattr(load_config(None, [override]), section), name)
    assert found == value
    assert type(found) is type(value)


def test_the_manhole_may_be_reached_from_elsewhere_if_that_is_said() -> None:
    config = load_config(None, ["manhole.endpoint='tcp:2323'", "manhole.allow_remote=true"])
    assert config.manhole.endpoint == "tcp:2323"


def test_an_override_stands_over_the_file_and_the_last_one_wins(tmp_path: Path) -> None:
    file = tmp_path / "jimigw.toml"
    file.write_text('data_dir = "there"\n[jimi]\nmax_frame = 100\nmax_junk = "not even right"\n')
    config = load_config(str(file), ["jimi.max_frame=true", "jimi.max_junk=200", "jimi.max_frame=300"])
    assert (config.data_dir, config.jimi.max_frame, config.jimi.max_junk) == ("there", 300, 200)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[jimi]\nmax_frame = 'abc'",
            "jimi.max_frame: 'abc' is not a whole number of bytes, nor text such as \"64 MiB\"; expected 64..65541",
        ),
        ("[jimi]\nmax_frame = 63", "jimi.max_frame: 63 is out of range; expected 64..65541"),
        ("[jimi]\nmax_frame = 65542", "jimi.max_frame: 65542 is out of range; expected 64..65541"),
        ("[jimi]\nbacklog = true", "jimi.backlog: True is not a whole number; expected 1..65535"),
        ("[jimi]\nbacklog = 1.0", "jimi.backlog: 1.0 is not a whole number; expected 1..65535"),
        ("[jimi]\nlogin_timeout = 'soon'", "jimi.login_timeout: 'soon' is not a number; expected 0.1..3600"),
        ("[jimi]\nlogin_timeout = nan", "jimi.login_timeout: nan is not a number; expected 0.1..3600"),
        ("[jimi]\nlogin_timeout = inf", "jimi.login_timeout: inf is out of range; expected 0.1..3600"),
        ("[jimi]\nacknowledge = 1", "jimi.acknowledge: 1 is not a list; expected a list of up to 256, each 0x00..0xFF"),
        ("[jimi]\nacknowledge = [1, 256]", "jimi.acknowledge: value 2: 256 is out of range; expected 0x00..0xFF"),
        ("[jimi]\nacknowledge = [1, 0x01]", "jimi.acknowledge: value 2: 1 is there twice"),
        (
            "[jimi]\nacknowledge_unknown = 7878",
            'jimi.acknowledge_unknown: 7878 is not a word it knows; expected "7878" or "all" or "none"',
        ),
        ("[jimi]\nendpoints = ['smoke:1']", "jimi.endpoints: value 1: 'smoke:1': Unknown endpoint type: 'smoke'"),
        ("jimi = 5", "jimi: 5 is not a table; expected [jimi] with keys under it"),
        ("[jimi]\nmax_fram = 1", "jimi.max_fram: there is no such key or section; did you mean jimi.max_frame?"),
        (
            "max_frame = 1",
            "max_frame: there is no such key or section; did you mean jimi.max_frame or jt808.max_frame?",
        ),
        (
            "[log]\nendpoints = []",
            "log.endpoints: there is no such key or section; did you mean jimi.endpoints or jt808.endpoints?",
        ),
        ("[wholly.other]\nx = 1", "wholly: there is no such key or section"),
        ('"\\u001b[2J" = 1', "'\\x1b[2J': there is no such key or section"),
        (
            "[admission]\nmode = 'hooks'\nauthentication_url = 'https://p.example/a'",
            'admission.registry_url: it is empty; admission.mode = "hooks" asks the platform there',
        ),
        (
            "[admission]\nhook_timeout = 4.5",
            "admission.hook_timeout: 4.5 is out of range; expected 0.1..4",
        ),
        (
            "[manhole]\nendpoint = 'tcp:2323'",
            "manhole.endpoint: 'tcp:2323' can be reached from other machines; expected a loopback address "
            "(tcp:PORT:interface=127.0.0.1) or unix:, or manhole.allow_remote = true if that is meant",
        ),
        (
            "[manhole]\nssh_endpoint = 'tcp6:2222'",
            "manhole.ssh_endpoint: 'tcp6:2222' can be reached from other machines; expected a loopback address "
            "(tcp:PORT:interface=127.0.0.1) or unix:, or manhole.allow_remote = true if that is meant",
        ),
        (
            "[manhole]\nendpoint = 'smoke:1'",
            "manhole.endpoint: 'smoke:1': Unknown endpoint type: 'smoke'",
        ),
        (
            "[manhole]\nallow_remote = 'yes'",
            "manhole.allow_remote: 'yes' is neither true nor false; expected one of them, without quotes",
        ),
        (
            "[uploads]\nengine = 's3'\ns3_prefix = 'fleet/'",
            'uploads.s3_bucket: it is empty; uploads.engine = "s3" needs a bucket, which is there already',
        ),
        (
            "[uploads]\nengine = 's3'\ns3_bucket = 'b'",
            "uploads.s3_prefix: it is empty, and all of the bucket would be taken for this gateway's: what it does not "
            'know is cleared away; expected something of its own, such as "jimigw/"',
        ),
        ("data_dir = ''", "data_dir: it is empty; expected the name of a folder"),
        ("data_dir = 1", "data_dir: 1 is not text; expected the name of a folder, in quotes"),
        ('data_dir = "a\\u0000b"', "data_dir: 'a\\x00b' holds control characters; expected the name of a folder"),
        (
            "[journal]\nmax_bytes = '10 GIGS'",
            "journal.max_bytes: '10 GIGS' is not a whole number of bytes, nor text such as \"64 MiB\"; "
            'expected at least 1 MiB, as a number of bytes or as text such as "64 MiB"',
        ),
        (
            f"[jimi]\nbacklog = 0x{'f' * 5000}",
            "jimi.backlog: a number of thousands of digits is out of range; expected 1..65535",
        ),
        (
            "[jimi\nx = 1",
            "jimigw.toml: it is not TOML: Expected ']' at the end of a table declaration (at line 1, column 6)",
        ),
        ("\n\n\nx = = 1", "jimigw.toml: it is not TOML: Invalid value (at line 4, column 5)"),
        ("x = 1\nx = 2\n", "jimigw.toml: it is not TOML: Cannot overwrite a value (at line 2, column 6)"),
    ],
)
def test_a_wrong_file(text: str, problem: str, tmp_path: Path) -> None:
    assert problems(text, folder=tmp_path) == [problem]


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("jimi.max_frame=1", "jimi.max_frame: 1 is out of range; expected 64..65541 (--set)"),
        ("jimi.max_fram=1", "jimi.max_fram: there is no such key or section; did you mean jimi.max_frame? (--set)"),
        ("jimi.max_frame.x=1", "jimi.max_frame: {'x': 1} is not a whole number of bytes, nor text such as"),
        (
            "log.level=debug",
            "log.level: 'debug' is not a TOML value (Invalid value (at line 1, column 9)); "
            "text needs quotes: --set 'log.level=\"debug\"' (--set)",
        ),
        ("log.level=", "log.level: '' is not a TOML value"),
        ('log.level="info"\nlog.file="x"', 'log.level: \'"info"\\nlog.file="x"\' is not a TOML value'),
        ("log.level", "--set 'log.level': it is not KEY=VALUE; expected for example --set 'log.level=\"debug\"'"),
        ("=1", "--set '=1': it is not KEY=VALUE; expected"),
        ("jimi..max_frame=1", "--set 'jimi..max_frame=1': it is not KEY=VALUE; expected"),
    ],
)
def test_a_wrong_override(override: str, problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(None, [override])
    assert len(refused.value.problems) == 1
    assert refused.value.problems[0].startswith(problem)


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    text = "data_dir = 1\nhello = 1\n[jimi]\nbacklog = 0\nmax_frame = 1\n[log]\nlevel = 'loud'\n"
    named = {problem.partition(":")[0] for problem in problems(text, "jimi.x=1", "nothing", folder=tmp_path)}
    assert named == {"data_dir", "hello", "jimi.backlog", "jimi.max_frame", "log.level", "jimi.x", "--set 'nothing'"}


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    assert _refusal(tmp_path / "none.toml") == ["none.toml: cannot be read: No such file or directory"]
    assert _refusal(tmp_path) == [f"{tmp_path.name}: cannot be read: Is a directory"]
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"# one\n# t\xfcwo\n")
    assert _refusal(latin) == ["latin.toml: line 2 is not UTF-8, which TOML has to be"]
    huge = tmp_path / "huge.toml"
    huge.write_bytes(b"#" * (1 << 20) + b"\n")
    assert _refusal(huge) == ["huge.toml: it is longer than 1048576 bytes; that is not a config file of jimigw"]
    deep = tmp_path / "deep.toml"
    deep.write_bytes(b"x = " + b"[" * 100_000)
    assert _refusal(deep)[0].startswith("deep.toml: it is n")


def _refusal(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load_config(str(path))
    return [problem.replace(str(path.parent) + "/", "") for problem in refused.value.problems]


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
).map(str)
_KEYS = st.sampled_from(
    ["jimi.endpoints", "jimi.acknowledge", "journal.max_bytes", "log", "jimi", "data_dir"]
) | st.text(max_size=8)


@given(overrides=st.lists(st.tuples(_KEYS, _VALUES | st.text(max_size=20)).map("=".join), max_size=3))
def test_whatever_is_set_it_is_taken_or_refused_in_words(overrides: list[str]) -> None:
    try:
        assert isinstance(load_config(None, overrides), Config)
    except ConfigError as refused:
        assert refused.problems
        assert all(len(problem) < 500 and problem.isprintable() for problem in refused.problems)


def test_paths_are_relative_to_data_dir_and_that_to_the_folder_of_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config(None)
    monkeypatch.chdir("/")
    assert config.data_path == tmp_path / "var"
    assert config.path("journal.sqlite") == tmp_path / "var" / "journal.sqlite"
    assert config.path("/elsewhere/file") == Path("/elsewhere/file")
    assert load_config(None, ['data_dir="/srv"']).path("x") == Path("/srv/x")


def test_the_shipped_file_is_generated() -> None:
    shipped = (CHECKOUT / EXAMPLE).read_text(encoding="utf-8")
    assert shipped == example_toml(), f"{EXAMPLE} is not what the rows say; `make docs` writes it again"


def test_the_shipped_file_sets_every_key_to_its_default() -> None:
    assert load_config(str(CHECKOUT / EXAMPLE)) == Config()
    tree = tomllib.loads(example_toml())
    for name, row in rows(Config):
        if isinstance(row, SectionRow):
            assert list(tree[name]) == [key for key, _ in rows(row.cls)]
        elif isinstance(row, SectionsRow):
            assert name not in tree
        else:
            assert name in tree


def test_the_example_of_a_callback_can_be_taken_as_it_stands() -> None:
    lines = example_toml().splitlines()
    text = "\n".join(line.removeprefix("#") if re.match(r"#(\[\[|\w+ = )", line) else line for line in lines)
    tree = tomllib.loads(text)
    (callback,) = tree["callbacks"]
    assert list(callback) == [key for key, _ in rows(CallbackConfig)]
    config = load_config(None, [f"callbacks=[{{url='{callback['url']}', name='platform'}}]"])
    assert config.callbacks == (CallbackConfig(url="https://platform.example.org/records", name="platform"),)


def test_every_default_is_taken_by_its_own_key() -> None:
    for _, row in rows(Config):
        for name, key in rows(row.cls) if not isinstance(row, Row) else ():
            if name == "url":  # has to be said
                continue
            assert isinstance(key, Row)
            assert key.kind.read(tomllib.loads(f"x = {key.kind.toml(key.default)}")["x"]) == key.default, name


def test_the_reference_page_has_a_row_for_every_key() -> None:
    page = reference_markdown()
    assert "## `[journal]`" in page
    assert '| `journal.max_bytes` | `"10 GiB"` | bytes | at least 1 MiB' in page
    assert all(line.count(" | ") == 4 for line in page.splitlines() if line.startswith("| `"))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://127.0.0.1:8000/register",
        "https://platform.example.org",
        "https://[2001:db8::1]:8443/a?token=x%20y",
        "HTTPS://Platform.Example.ORG/",
    ],
)
def test_an_address_to_ask(url: str) -> None:
    assert load_config(None, [f'admission.registry_url="{url}"']).admission.registry_url == url


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("platform.example.org/register", "it does not begin with http:// or https://"),
        ("ftp://platform.example.org/", "it does not begin with http:// or https://"),
        ("file:///etc/passwd", "it does not begin with http:// or https://"),
        ("http:///register", "it names no host"),
        ("http://:80/register", "it names no host"),
        ("http://example.org:0/", "it names no host, or a port that is none"),
        ("http://example.org:70000/", "its host or port cannot be read"),
        ("http://example.org:http/", "its host or port cannot be read"),
        ("http://[::1/", "its host or port cannot be read"),
        ("http://user:hunter2@example.org/", "it holds a user or a password"),
        ("http://hunter2@example.org/", "it holds a user or a password"),
        ("http://example.org/a b", "it holds characters that no address has"),
        ("http://plätze.example/", "it holds characters that no address has"),
        ("http://example.org/#x", "it holds a #"),
        ("http://platform_web:8000/", "its host is neither an address nor a name"),
        ("http://example..org/", "its host is neither an address nor a name"),
        ("http://-/", "its host is neither an address nor a name"),
        ("http://[fe80::1%25eth0]/", "its host is neither an address nor a name"),
        ("http://" + "a." * 127 + "a/", "its host is neither an address nor a name"),
    ],
)
def test_what_is_no_address_to_ask(url: str, what: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(None, [f'admission.authentication_url="{url}"'])
    (problem,) = refused.value.problems
    assert problem.startswith(f"admission.authentication_url: {what}")
    assert "hunter2" not in problem


@pytest.mark.parametrize("place", ["", "21122", "192.0.2.1:21122", "[2001:db8::1]:21122", "0"])
def test_a_udp_port(place: str) -> None:
    assert load_config(None, [f'jt808.udp="{place}"']).jt808.udp == place


@pytest.mark.parametrize("place", ["x", "70000", "127.0.0.1:70000", "127.0.0.1:", "example.org:21122", ":21122", "٣"])
def test_what_is_no_udp_port(place: str) -> None:
    with pytest.raises(ConfigError, match=r"jt808\.udp: .*expected a UDP port such as"):
        load_config(None, [f'jt808.udp="{place}"'])
