"""A process that keeps files until it is killed, and says which are safe: python -m tests.vault.keeper SEED WHERE."""

from __future__ import annotations

import random
import sys
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred

from jimigw.vault.vault import Vault
from tests.vault.harness import md5, vault_of

AT_ONCE = 6
SIZES = (0, 1, 100, 5_000, 70_000, 300_000)
LONG = 17 << 20

reactor: Any = _reactor


async def keep_on(vault: Vault, seed: str, lane: int, long: bool) -> None:
    chance = random.Random(f"{seed}-{lane}")
    for number in range(100_000):
        size = LONG if long and number % 10 == lane else chance.choice(SIZES)
        data = chance.randbytes(min(size, 300_000)) * max(1, size // 300_000)
        incoming = vault.begin()
        for at in range(0, len(data), 50_000):
            incoming.write(data[at : at + 50_000])
            await incoming.drained(200_000)
        whole = await incoming.finish()
        assert whole.md5 == md5(data)
        key = f"d{number % 7}/{seed}-{lane}-{number}-{whole.size}-{whole.md5}"
        await vault.keep(incoming, key)
        sys.stdout.write(f"{key}\n")
        sys.stdout.flush()
        if number % 4 == 3:
            vault.begin().write(b"never finished")


def main(seed: str, *engine: str) -> None:
    vault = vault_of(list(engine))
    vault.start()
    for lane in range(AT_ONCE):
        Deferred.fromCoroutine(keep_on(vault, seed, lane, len(engine) > 1)).addErrback(lambda failure: print(failure))


if __name__ == "__main__":
    reactor.callWhenRunning(main, *sys.argv[1:])
    reactor.run()
