"""What files cost in the store: it is printed (``pytest -s``), and what was measured is looked at."""

from __future__ import annotations

from time import perf_counter, process_time
from typing import Any

import pytest

from jimigw.model.media import Media, MediaQuery, MediaState, Source, Tie
from tests.store.harness import Bench

SAVED = 1000
STORED = 200_000
TERMINALS = 1000
BEGIN = 1.79e9

#: STORED files, one a second, of TERMINALS terminals: a third are pictures, a hundredth is missing
_FILL = f"""
WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {STORED - 1})
INSERT INTO media (device, name, variant, kind, source, state, why, camera, event, flag, taken, alarm, tie, announced,
    asked, stored, attempts, step, size, md5, mime, key, place, protected, told, details, at)
SELECT 'd' || (n % {TERMINALS}), 'EVENT_86300000000001_00000000_2026_11_20_10_00_00_I_' || n || '.mp4', 0,
    CASE n % 3 WHEN 0 THEN 'picture' ELSE 'video' END, 'event',
    CASE n % 100 WHEN 0 THEN 'missing' ELSE 'stored' END, '', 1 + n % 2, n % 100, 0, {BEGIN} + n, n / 2 + 1,
    'name', {BEGIN} + n, 0, {BEGIN} + n + 60, 0, '', 2000000,
    '0123456789abcdef0123456789abcdef', 'video/mp4',
    CASE n % 100 WHEN 0 THEN '' ELSE 'd' || (n % {TERMINALS}) || '/' || n || '.mp4' END,
    '', 0, 1, '{{}}', {BEGIN} + n
FROM n
"""


def _shown(value: Any) -> str:
    return " or ".join(sorted(value)) if isinstance(value, frozenset) else str(value)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Any:
    def print_out(line: str) -> None:
        with capsys.disabled():
            print(f"\n    {line}", end="")

    return print_out


def test_saving(bench: Bench, say: Any) -> None:
    files = [
        Media(
            f"d{n % TERMINALS}", f"EVENT_86300000000001_00000000_2026_11_20_10_00_00_I_{n}.mp4", kind="video",
            source=Source.EVENT, state=MediaState.STORED, camera=2, event=n % 100, flag=0, taken=BEGIN + n, alarm=n,
            tie=Tie.NAME, announced=BEGIN, stored=BEGIN + n, size=n, md5="0" * 32, mime="video/mp4", key=f"d/{n}.mp4",
            details={"instructionId": "1"},
        )
        for n in range(SAVED)
    ]  # fmt: skip
    for what in ("new", "known"):
        begin, cpu = perf_counter(), process_time()
        for file in files:
            bench.store.save_media(file)
        bench.settle()
        passed, used = perf_counter() - begin, process_time() - cpu
        say(f"{SAVED} {what} files: {SAVED / passed:,.0f} a second, {SAVED / used:,.0f} a second of CPU time")
    assert [file.id for file in files] == list(range(1, SAVED + 1))
    assert bench.rows("SELECT count(*), sum(size) FROM media") == [(SAVED, SAVED * (SAVED - 1) // 2)]


def test_finding(bench: Bench, say: Any) -> None:
    bench.connection.execute("PRAGMA cache_size = -300000")
    bench.connection.execute(_FILL)
    bench.connection.execute("PRAGMA cache_size = -2000")
    stored, missing = (frozenset({state}) for state in (MediaState.STORED, MediaState.MISSING))
    #: what is wanted, how many there are of it, up to 100
    asked: list[tuple[dict[str, Any], int]] = [
        ({}, 100),
        ({"device": "d7"}, 100),
        ({"device": "d7", "since": BEGIN + 50_000, "until": BEGIN + 60_000}, 10),
        ({"device": "d7", "kind": "text"}, 0),
        ({"name": "EVENT_86300000000001_00000000_2026_11_20_10_00_00_I_77.mp4"}, 1),
        ({"alarm": 77}, 2),
        ({"states": missing}, 100),
        ({"states": stored | missing}, 100),
        ({"states": stored, "source": Source.FTP}, 0),
        ({"kind": "picture", "before": STORED // 2}, 100),
        ({"since": BEGIN + STORED - 3600}, 100),
        ({"since": BEGIN}, 100),
        ({"since": BEGIN + 50_000, "until": BEGIN + 53_600}, 100),
        ({"since": BEGIN, "until": BEGIN + STORED // 2}, 100),  # an old time, long: all of it is sorted
    ]
    for wanted, count in asked:
        times = []
        for _ in range(3):
            begin = perf_counter()
            found = bench.result(bench.store.find_media(MediaQuery(**wanted)))
            times.append(perf_counter() - begin)
        assert len(found) == count, wanted
        what = ", ".join(f"{name} {_shown(value)}" for name, value in wanted.items()) or "the newest"
        say(f"{count} of {STORED}, {what}: {min(times) * 1000:.1f} ms")
    begin = perf_counter()
    keys = bench.result(bench.store.media_keys())
    sizes = bench.result(bench.store.media_sizes())
    say(f"keys and sizes of {len(keys)}: {(perf_counter() - begin) * 1000:.0f} ms")
    assert (len(keys), sum(sizes.values())) == (STORED * 99 // 100, STORED * 99 // 100 * 2_000_000)
    begin = perf_counter()
    oldest = bench.result(bench.store.oldest_media(BEGIN + STORED))
    say(f"the oldest 100: {(perf_counter() - begin) * 1000:.1f} ms")
    assert [file.stored for file in oldest[:2]] == [BEGIN + 61, BEGIN + 62]
    begin = perf_counter()
    gone = bench.result(bench.store.prune_media(BEGIN + STORED))
    say(f"{gone} pruned in {(perf_counter() - begin) * 1000:.0f} ms")
    assert 1990 < gone <= 2000
