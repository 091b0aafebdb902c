"""What only a store of others does: it refuses, it is away, it stalls, it breaks off, and it is not ours alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from jimigw.vault import vault as vault_module
from jimigw.vault.bucket import PART_BYTES, BucketShelf
from jimigw.vault.interface import AlreadyThere, NotThere, VaultError, VaultFull
from jimigw.vault.s3_troubles import Secrets, trouble
from jimigw.vault.vault import Vault
from tests.support.gate import Gate
from tests.support.servers import until
from tests.support.swift import ACCESS, LISTED, SECRET, Swift
from tests.vault.harness import S3Engine, error_of, keep, landing

DATA = bytes(range(256)) * 400
LONG = DATA * (20 * (1 << 20) // len(DATA))

OpenVault = Callable[..., Vault]


@pytest.fixture
def gate(swift: Swift) -> Iterator[Gate]:
    """A way to the store that can be cut."""
    opened = Gate(swift.port)
    opened.open()
    yield opened
    opened.close()


def uploads(engine: S3Engine) -> list[str]:
    """What was begun in parts, and not ended."""
    found = engine.swift.client.list_multipart_uploads(Bucket=engine.name)
    return [upload["Key"] for upload in found.get("Uploads", ())]


def once(spoil: Callable[[bytes], bytes | None], after: int) -> Callable[[bytes, int], bytes | None]:
    """Do this to one piece, the first one after so many bytes of a connection."""
    done = False

    def pass_on(data: bytes, before: int) -> bytes | None:
        nonlocal done
        if done or before + len(data) <= after:
            return data
        done = True
        return spoil(data)

    return pass_on


# Start


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"prefix": "x" * 700}, "at most 624 bytes that can be printed"),
        ({"prefix": "a\n"}, "at most 624 bytes that can be printed"),
        ({"credentials_file": Path("/none/keys")}, "/none/keys, cannot be read: No such file or directory"),
        ({"url": "http://"}, "The bucket .* cannot be used: ValueError: Invalid endpoint"),
    ],
)
def test_what_cannot_be_used(s3_engine: S3Engine, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(VaultError, match=sentence):
        s3_engine.vault(bucket=changes).start()


@pytest.mark.parametrize("text", [b"", b"one\n", b"one\ntwo\nthree\n", b"one two", b"one two\nthree", b"\xff\n\xff\n"])
def test_files_with_keys(s3_engine: S3Engine, text: bytes) -> None:
    s3_engine.keys.write_bytes(text)
    with pytest.raises(VaultError, match="two lines, the access key and the secret key") as raised:
        s3_engine.vault().start()
    assert "one" not in str(raised.value).replace(str(s3_engine.keys), "")


def test_no_bucket(s3_engine: S3Engine) -> None:
    s3_engine.name = "there-is-none"
    with pytest.raises(VaultError, match=r"The bucket there-is-none cannot be used: NoSuchBucket: .*"):
        s3_engine.vault().start()
    s3_engine.name = ""
    with pytest.raises(VaultError, match=r"The name of the bucket for files is missing"):
        s3_engine.vault().start()


@pytest.mark.parametrize(
    ("access", "secret", "code"),
    [(ACCESS, "a-wrong-secret", "SignatureDoesNotMatch"), ("test:nobody", SECRET, "SignatureDoesNotMatch")],
)
def test_wrong_keys(s3_engine: S3Engine, access: str, secret: str, code: str) -> None:
    s3_engine.keys.write_text(f"{access}\n{secret}")
    with pytest.raises(VaultError, match=f"cannot be used: {code}") as raised:
        s3_engine.vault().start()
    assert secret not in str(raised.value)
    assert access not in str(raised.value)


@pytest_twisted.ensureDeferred
async def test_keys_of_the_environment(
    s3_engine: S3Engine, open_vault: OpenVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    vault = open_vault(s3_engine, bucket={"credentials_file": None})
    await keep(vault, "a", DATA)
    assert s3_engine.seen() == {"a": DATA}


def test_without_boto3(s3_engine: S3Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3.session", None)
    with pytest.raises(VaultError, match=r"boto3 is missing. Install it with pip install 'jimigw\[s3\]'"):
        s3_engine.vault().start()


@pytest_twisted.ensureDeferred
async def test_a_store_that_is_away_and_comes_back(s3_engine: S3Engine, open_vault: OpenVault, gate: Gate) -> None:
    gate.close()
    vault = open_vault(s3_engine, bucket={"url": gate.url, "attempts": 1})
    assert "EndpointConnectionError" in (vault.last_error() or "")
    incoming = vault.begin()
    incoming.write(DATA)
    await incoming.finish()
    error = await error_of(vault.keep(incoming, "a"))
    assert type(error) is VaultError
    assert str(error).startswith(f"The bucket {s3_engine.name} cannot be written: EndpointConnectionError")
    assert landing(s3_engine) == []
    assert type(await error_of(vault.read("a", 0, 10))) is VaultError
    assert type(await error_of(vault.items(time.time()))) is VaultError
    gate.open()
    await keep(vault, "a", DATA)
    assert await vault.read("a", 0, 10) == DATA[:10]
    assert vault.last_error() is None


# What is not ours


@pytest_twisted.ensureDeferred
async def test_what_others_have_in_the_bucket(s3_engine: S3Engine, open_vault: OpenVault) -> None:
    for key in ("elsewhere/a", "fleet", "fleet/", "fleet/ä", "fleet/a//b", "fleet/x/../y", "fleet2/a"):
        s3_engine.swift.client.put_object(Bucket=s3_engine.name, Key=key, Body=b"of others")
    vault = open_vault(s3_engine)
    await keep(vault, "a/b", DATA)
    assert [item.key for item in await vault.items(time.time() + 60)] == ["a/b"]


@pytest_twisted.ensureDeferred
async def test_a_list_of_many_pages(s3_engine: S3Engine, open_vault: OpenVault) -> None:
    keys = [f"{n % 7}/{n}" for n in range(LISTED * 2 + 3)]
    for key in keys:
        s3_engine.swift.client.put_object(Bucket=s3_engine.name, Key=f"fleet/{key}", Body=b"x")
    vault = open_vault(s3_engine)
    assert sorted(item.key for item in await vault.items(time.time() + 60)) == sorted(keys)


@pytest_twisted.ensureDeferred
async def test_parts_of_an_earlier_run_go(s3_engine: S3Engine, open_vault: OpenVault) -> None:
    client = s3_engine.swift.client
    begun = {}
    for key in ("fleet/a/b", "fleet/c", "others/d"):
        begun[key] = client.create_multipart_upload(Bucket=s3_engine.name, Key=key)["UploadId"]
    client.upload_part(
        Bucket=s3_engine.name, Key="fleet/a/b", UploadId=begun["fleet/a/b"], PartNumber=1, Body=b"x" * (5 << 20)
    )
    vault = open_vault(s3_engine)
    await until(lambda: uploads(s3_engine) == ["others/d"], "the end of what was begun")
    await vault.close()


# On the way


@pytest.mark.parametrize("data", [DATA, LONG], ids=["short", "long"])
@pytest.mark.parametrize("after", [10, 3000, 60_000])
@pytest_twisted.ensureDeferred
async def test_cut_on_the_way_up(
    s3_engine: S3Engine, open_vault: OpenVault, gate: Gate, data: bytes, after: int
) -> None:
    vault = open_vault(s3_engine, bucket={"url": gate.url})
    await until(lambda: gate.connections >= 2, "the first requests")
    gate.up = once(lambda piece: None, after)
    await keep(vault, "a", data)
    assert s3_engine.seen() == {"a": data}
    assert landing(s3_engine) == []


@pytest.mark.parametrize("data", [DATA, LONG], ids=["short", "long"])
@pytest_twisted.ensureDeferred
async def test_a_lost_answer(s3_engine: S3Engine, open_vault: OpenVault, gate: Gate, data: bytes) -> None:
    vault = open_vault(s3_engine, bucket={"url": gate.url})
    lost: list[bytes] = []

    def lose(piece: bytes, before: int) -> bytes | None:
        # Of a file in parts it is the answer to the last request: it says where the whole is.
        if not lost and b"200 OK" in piece and (b"ETag" in piece or b"etag" in piece):
            if data is LONG and b"CompleteMultipartUploadResult" not in piece:
                return piece
            lost.append(piece)
            return None
        return piece

    gate.down = lose
    await keep(vault, "a", data)
    assert len(lost) == 1
    assert s3_engine.seen() == {"a": data}


@pytest.mark.parametrize("data", [DATA, LONG], ids=["short", "long"])
@pytest_twisted.ensureDeferred
async def test_a_byte_that_changes_on_the_way(
    s3_engine: S3Engine, open_vault: OpenVault, gate: Gate, data: bytes
) -> None:
    vault = open_vault(s3_engine, bucket={"url": gate.url})
    incoming = vault.begin()
    incoming.write(data)
    await incoming.finish()
    gate.up = once(lambda piece: piece[:-1] + bytes([piece[-1] ^ 1]), 50_000)
    error = await error_of(vault.keep(incoming, "a"))
    assert type(error) is VaultError
    assert (s3_engine.seen(), landing(s3_engine), uploads(s3_engine)) == ({}, [], [])


@pytest.mark.parametrize("after", [10, 300, 3000, 60_000])
@pytest_twisted.ensureDeferred
async def test_cut_on_the_way_down(s3_engine: S3Engine, open_vault: OpenVault, gate: Gate, after: int) -> None:
    vault = open_vault(s3_engine, bucket={"url": gate.url})
    await keep(vault, "a", DATA)
    gate.close()  # the next connection counts its bytes from the beginning
    gate.open()
    gate.down = once(lambda piece: None, after)
    assert await vault.read("a", 0, len(DATA)) == DATA
    assert vault.last_error() is None


@pytest_twisted.ensureDeferred
async def test_a_store_that_does_nothing(s3_engine: S3Engine, open_vault: OpenVault) -> None:
    vault = open_vault(s3_engine, bucket={"connect_timeout": 0.3, "read_timeout": 0.3, "attempts": 2})
    await keep(vault, "a", DATA)
    incoming = vault.begin()
    incoming.write(DATA)
    await incoming.finish()
    s3_engine.swift.freeze()
    try:
        results = [
            await error_of(awaited)
            for awaited in (vault.keep(incoming, "b"), vault.read("a", 0, 10), vault.delete("c"), vault.items(1e12))
        ]
        assert [type(error) for error in results] == [VaultError] * 4
        assert "Timeout" in str(results[0])
        assert landing(s3_engine) == []
        room = await vault.room()
        assert room is not None and room.free > 0
        await vault.close()
    finally:
        s3_engine.swift.thaw()
    assert s3_engine.seen()["a"] == DATA


@pytest_twisted.ensureDeferred
async def test_closing_does_not_wait_for_a_slow_store(
    s3_engine: S3Engine, open_vault: OpenVault, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_module, "CLOSE_PATIENCE", 0.2)
    vault = open_vault(s3_engine, bucket={"url": gate.url})
    incoming = vault.begin()
    incoming.write(LONG)
    await incoming.finish()
    gate.pause = 0.1
    kept, closed = vault.keep(incoming, "a"), vault.close()
    await closed
    error = await error_of(kept)
    assert type(error) is VaultError
    assert landing(s3_engine) == []
    gate.pause = 0.0
    assert s3_engine.seen() == {}


# Nothing is written over


@pytest.mark.parametrize("data", [DATA, LONG], ids=["short", "long"])
@pytest_twisted.ensureDeferred
async def test_a_store_that_refuses_conditions(
    s3_engine: S3Engine, open_vault: OpenVault, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    def add_condition(self: BucketShelf, params: dict[str, Any], **rest: object) -> None:
        if self._conditional:  # a condition that this store answers with 501
            params["headers"]["If-None-Match"] = '"none"'

    monkeypatch.setattr(BucketShelf, "_add_condition", add_condition)
    vault = open_vault(s3_engine)
    assert len(LONG) > PART_BYTES
    await keep(vault, "a", data)
    await keep(vault, "b", data)
    incoming = vault.begin()
    incoming.write(b"other")
    await incoming.finish()
    assert isinstance(await error_of(vault.keep(incoming, "a")), AlreadyThere)
    assert s3_engine.seen() == {"a": data, "b": data}


# What it says


class Answer(Exception):
    """As boto3's ClientError."""

    def __init__(self, code: str, message: str | None, status: int) -> None:
        self.response = {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (Answer("AccessDenied", "Access Denied.", 403), VaultError, "It fails: AccessDenied: Access Denied."),
        (Answer("403", None, 403), VaultError, "It fails: 403 (HTTP 403)."),
        (Answer("QuotaExceeded", "no more", 403), VaultFull, "It fails: QuotaExceeded: no more."),
        (Answer("XMinioStorageFull", "full", 500), VaultFull, "It fails: XMinioStorageFull: full."),
        (Answer("Any", "full", 507), VaultFull, "It fails: Any: full."),
        (Answer("SlowDown", "Key AKIA: wait\nnow", 503), VaultError, "It fails: SlowDown: Key ***: wait now."),
        (Answer("Long", "x" * 1000, 400), VaultError, f"It fails: Long: {'x' * 191}."),
        (ConnectionError("s3cret in it"), VaultError, "It fails: ConnectionError: *** in it."),
    ],
)
def test_sentences(tmp_path: Path, error: Exception, kind: type[VaultError], sentence: str) -> None:
    secrets = Secrets()
    (tmp_path / "keys").write_text("AKIA\ns3cret\n")
    assert secrets.read(tmp_path / "keys") == ("AKIA", "s3cret")
    said = trouble("It fails", error, secrets)
    assert type(said) is kind
    assert str(said) == sentence


@pytest_twisted.ensureDeferred
async def test_a_bucket_that_goes_away(s3_engine: S3Engine, open_vault: OpenVault) -> None:
    vault = open_vault(s3_engine)
    s3_engine.swift.client.delete_bucket(Bucket=s3_engine.name)
    error = await error_of(vault.read("a", 0, 10))
    assert "NoSuchBucket" in str(error)
    assert not isinstance(error, NotThere)
