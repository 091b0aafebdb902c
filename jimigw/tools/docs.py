"""``python -m jimigw.tools.docs``: writes the pages that are generated from declarations; ``--check`` only compares.

A page that is not up to date makes ``--check`` end with status 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jimigw.ops.config_docs import EXAMPLE, example_toml, reference_markdown
from jimigw.protocols.jimi import modules  # noqa: F401 - enters its messages in the book
from jimigw.protocols.jimi.messages import BOOK as JIMI
from jimigw.protocols.jt808 import walks  # noqa: F401 - enters its messages in the book
from jimigw.protocols.jt808.book import BOOK as JT808
from jimigw.wire.document import page

from .api_page import api_page
from .commands_page import commands_page
from .coverage import coverage_page
from .hub_page import hub_page

_JIMI_INTRO = """\
The messages of Jimi JC261 and JC400 dashcams, document V1.3.5, as jimigw reads and writes them: the content of a
frame, between the protocol number and the serial number. Numbers are big-endian. Where one protocol number has several
layouts in one direction, the first that fits is taken, in the order of this page.

In JSON a message is `{"header": {...}, "body": {...}}`; the keys below are those of the body. `jimigw decode --explain`
shows a frame byte by byte in the same words.
"""


def jimi_page() -> str:
    """The page of the Jimi protocol."""
    return page(JIMI, "Messages of the Jimi protocol", _JIMI_INTRO)


_JT808_INTRO = """\
The messages of JT/T 808 in its editions of 2011, 2013 and 2019, of JT/T 1078-2016 (video) and of T/JSATL12-2017 (active
safety), as jimigw reads and writes them: the body of a frame, whole where it came in parts. Numbers are big-endian,
text is GBK. Where a message has several layouts in one edition, the first that fits is taken, in the order of this
page; a body that is written in the layout of another edition is read by that.

In JSON a message is `{"header": {...}, "body": {...}}`; the keys below are those of the body. Keys marked `emqx:` are
those of `exchange.dialect = "emqx"`; a downlink may use either. `jimigw decode --explain` shows a frame byte by byte in
the same words. [coverage-jt808.md](coverage-jt808.md) says how each message is tested.
"""


def jt808_page() -> str:
    """The page of JT/T 808."""
    return page(JT808, "Messages of JT/T 808", _JT808_INTRO)


_CONFIG_HEAD = """\
# The config

<!-- Written by `make docs` from the declarations in the code. -->

One TOML file, given as `--config FILE`. Every key has a default, so an empty file, or none, runs. `conf/jimigw.toml` is
the same list as a file to start from.

- `--set KEY=VALUE` lays a value over the file, repeatably; the last one of a key wins. VALUE is TOML, so text needs its
  quotes: `--set 'log.level="debug"'`.
- `jimigw check-config FILE` names everything that is wrong, each with its path. The service does the same and does not
  start.
- The file is read when the service starts, and again at SIGHUP and at `reload()` in the manhole. A key whose meaning
  ends with "A change needs a restart." keeps its value until then.
- `[[name]]` begins one of a list. Errors count them from 1: `callbacks[2].url`. `--set` gives all of them:
  `--set 'callbacks=[{url="http://127.0.0.1:9000/"}]'`.
- Times are seconds, sizes are bytes; a size may be text such as `"64 MiB"`. A file name is relative to `data_dir`, and
  `data_dir` to the folder the service is started in.

"""


def config_page() -> str:
    """The page of all config keys."""
    return _CONFIG_HEAD + reference_markdown()


#: path within the checkout, and what makes the text
PAGES: Mapping[str, Callable[[], str]] = {
    str(EXAMPLE): example_toml,
    "docs/config.md": config_page,
    "docs/messages-jimi.md": jimi_page,
    "docs/messages-jt808.md": jt808_page,
    "docs/coverage-jt808.md": coverage_page,
    "docs/api.md": api_page,
    "docs/commands-text.md": commands_page,
    "docs/hub-fields.md": hub_page,
}

CHECKOUT = Path(__file__).parents[2]


def stale(root: Path = CHECKOUT) -> list[str]:
    """The paths of the pages under ``root`` that are missing or not what the declarations say."""
    return [path for path, make in PAGES.items() if _held(root / path) != make()]


def write(root: Path = CHECKOUT) -> list[str]:
    """Write the pages under ``root`` that are stale, and return their paths."""
    paths = stale(root)
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(PAGES[path](), encoding="utf-8")
    return paths


def _held(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m jimigw.tools.docs", description="Write the generated pages.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a page is not up to date")
    parser.add_argument("--root", type=Path, default=CHECKOUT, help="where the pages belong (default: the checkout)")
    options = parser.parse_args(arguments)
    if not options.check:
        for path in write(options.root):
            print(f"written: {path}")
        return 0
    paths = stale(options.root)
    for path in paths:
        print(f"{path} is not what the declarations say; `make docs` writes it", file=sys.stderr)
    return 1 if paths else 0


if __name__ == "__main__":
    sys.exit(main())
