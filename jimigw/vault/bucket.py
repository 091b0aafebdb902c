"""A bucket of S3 as a shelf, by boto3, which is imported when it is started: who keeps files in a folder needs none.

What is sent is checked by the store (Content-MD5, for each part of a long file), then its size is asked for. Nothing
is written over: ``If-None-Match: *`` says so to stores that know it. Those that refuse it are asked beforehand. Some
leave it unread: for them it has to do that no key is used twice.
"""

from __future__ import annotations

import base64
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs

from jimigw.vault.interface import AlreadyThere, Item, NotThere, VaultError, Whole
from jimigw.vault.keys import MAX_KEY, is_key
from jimigw.vault.s3_troubles import Secrets, is_lasting, is_missing, status_of, trouble

PART_BYTES = 16 << 20
"""A longer file is sent in parts of this size (longer ones where there would be more than 10,000)."""

START_TIMEOUT = 5.0
"""Seconds that the start waits for a store to be connected, and to answer: nothing else happens in them."""

MAX_OBJECT_KEY = 1024
"""Bytes of a key of S3, with the prefix."""

_TOKEN = "jimigw-put"


@attrs.frozen(kw_only=True)
class Bucket:
    """Where files are kept. All that begins with ``prefix`` is this vault's alone.

    ``url`` is empty for Amazon's, by the region. ``credentials_file`` has two lines, the access key and the secret key;
    without it they are looked for where boto3 does: in the environment, in its own files, at the machine's provider.
    Times are in seconds: to connect, and between two bytes.
    """

    name: str
    url: str = ""
    prefix: str = ""
    region: str = "us-east-1"
    credentials_file: Path | None = None
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    attempts: int = 3


class BucketShelf:
    """Files under ``prefix`` in a bucket."""

    keepers = 4

    def __init__(self, bucket: Bucket) -> None:
        self.name = f"The bucket {bucket.name}"
        self._bucket = bucket
        self._secrets = Secrets()
        self._client: Any = None
        self._hurried = False
        # Whether the store knows If-None-Match, as far as we know.
        self._conditional = True
        self._underway: set[str] = set()
        self._turn = threading.Lock()

    # Start and end

    def start(self) -> VaultError | None:
        """See whether the bucket can be listed."""
        bucket = self._bucket
        if not bucket.name:
            raise VaultError("The name of the bucket for files is missing (uploads.s3_bucket).")
        if len(bucket.prefix.encode()) > MAX_OBJECT_KEY - MAX_KEY or not bucket.prefix.isprintable():
            raise VaultError(
                f"The prefix of the bucket {bucket.name} cannot be used: at most {MAX_OBJECT_KEY - MAX_KEY} bytes"
                " that can be printed."
            )
        make = self._maker()
        with self._translated("used"):
            self._client = make(bucket.attempts, bucket.read_timeout)
        try:
            with self._translated("used"):
                first = make(1, START_TIMEOUT)
                try:
                    first.list_objects_v2(Bucket=bucket.name, Prefix=bucket.prefix, MaxKeys=1)
                finally:
                    first.close()
        except VaultError as error:
            cause = error.__cause__
            if cause is None or is_lasting(cause):
                self._client.close()
                raise
            return error
        return None

    def tidy(self) -> None:
        """Drop uploads in parts that an earlier run did not end: nobody sees them, but they take room."""
        with self._translated("tidied up"):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket.name, Prefix=self._bucket.prefix
            )
            for page in pages:
                for upload in page.get("Uploads", ()):
                    key = self._key_of(upload["Key"])
                    if key and key not in self._underway:  # ours are there before they can be in a list
                        self._drop(upload)

    def hurry(self) -> None:
        """Let what is being sent fail."""
        self._hurried = True

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    # Files

    def put(self, path: Path, whole: Whole, key: str) -> None:
        """Send the file, and see that it is there."""
        with self._turn:
            if key in self._underway:
                raise AlreadyThere(f"Another file is just being kept under the key {key}.")
            self._underway.add(key)
        try:
            with self._translated("written", key):
                self._put(path, whole, key)
        finally:
            with self._turn:
                self._underway.discard(key)

    def read(self, key: str, offset: int, length: int) -> bytes:
        """Read up to ``length`` bytes."""
        with self._translated("read", key):
            if length == 0:
                self._client.head_object(**self._object(key))
                return b""
            try:
                return self._read(key, offset, length)
            except Exception as error:
                if status_of(error) == 416:  # beyond its end
                    return b""
                if status_of(error) is not None or isinstance(error, VaultError):
                    raise
            return self._read(key, offset, length)  # it broke off in the middle, which boto3 does not repeat

    def delete(self, key: str) -> None:
        """Have it no more."""
        with self._translated("deleted", key):
            try:
                self._client.delete_object(**self._object(key))
            except Exception as error:
                if not is_missing(error):
                    raise

    def items(self, older_than: float) -> list[Item]:
        """List all."""
        found: list[Item] = []
        with self._translated("listed"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket.name, Prefix=self._bucket.prefix
            )
            for page in pages:
                for entry in page.get("Contents", ()):
                    key, kept = self._key_of(entry["Key"]), entry["LastModified"].timestamp()
                    if key and kept < older_than:
                        found.append(Item(key, entry["Size"], kept))
        return found

    def _put(self, path: Path, whole: Whole, key: str) -> None:
        token = os.urandom(16).hex()
        if not self._conditional:
            self._see_free(key)
        try:
            self._send(path, key, token)
        except Exception as error:
            if status_of(error) == 501 and self._conditional:
                self._conditional = False
                self._put(path, whole, key)
                return
            self._look_after(error, whole, key, token)
        else:
            try:
                size = self._client.head_object(**self._object(key))["ContentLength"]
                if size != whole.size:
                    raise VaultError(f"{self.name} has {size} of the {whole.size} bytes of the file {key}.")
            except BaseException:
                self._try_delete(key)
                raise

    def _see_free(self, key: str) -> None:
        try:
            self._client.head_object(**self._object(key))
        except Exception as error:
            if not is_missing(error):
                raise
        else:
            raise AlreadyThere(f"There is a file under the key {key} already.")

    def _look_after(self, error: Exception, whole: Whole, key: str, token: str) -> None:
        """See what became of a file that could not be sent: what was repeated may have been there the first time.

        :raises: it is not there
        """
        try:
            found = self._client.head_object(**self._object(key))
        except Exception:
            # Nothing there, or nobody answers. What arrives after all is under a key that nobody knows.
            raise error from None
        if found.get("Metadata", {}).get(_TOKEN) != token:
            raise AlreadyThere(f"There is a file under the key {key} already.") from error
        if found["ContentLength"] != whole.size:
            self._try_delete(key)
            raise error

    def _drop(self, upload: Mapping[str, Any]) -> None:
        try:
            self._client.abort_multipart_upload(
                Bucket=self._bucket.name, Key=upload["Key"], UploadId=upload["UploadId"]
            )
        except Exception as error:
            if status_of(error) != 404:
                raise

    def _try_delete(self, key: str) -> None:
        with suppress(Exception):
            self._client.delete_object(**self._object(key))

    def _send(self, path: Path, key: str, token: str) -> None:
        from boto3.s3.transfer import TransferConfig, create_transfer_manager

        # Its own threads would be more than ours; "classic" is the one whose requests pass our handlers.
        config = TransferConfig(
            multipart_threshold=PART_BYTES,
            multipart_chunksize=PART_BYTES,
            use_threads=False,
            preferred_transfer_client="classic",
        )
        with create_transfer_manager(self._client, config) as manager:
            manager.upload(
                str(path),
                self._bucket.name,
                self._bucket.prefix + key,
                extra_args={"Metadata": {_TOKEN: token}, "ContentType": "application/octet-stream"},
            ).result()

    def _read(self, key: str, offset: int, length: int) -> bytes:
        answer = self._client.get_object(**self._object(key), Range=f"bytes={offset}-{offset + length - 1}")
        body = answer["Body"]
        try:
            if offset and status_of(answer) != 206:
                raise VaultError(f"{self.name} does not read files in parts.")
            data: bytes = body.read(length)
            return data
        finally:
            body.close()

    # The store

    def _object(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket.name, "Key": self._bucket.prefix + key}

    def _key_of(self, object_key: str) -> str | None:
        prefix = self._bucket.prefix
        key = object_key[len(prefix) :]
        return key if object_key.startswith(prefix) and is_key(key) else None

    def _maker(self) -> Callable[[int, float], Any]:
        """What makes clients, by how often they try, and how many seconds they wait at most."""
        try:
            import boto3.session
            import botocore.config
        except ImportError as error:
            raise VaultError(
                "Files cannot be kept in a store that speaks S3: boto3 is missing. Install it with"
                " pip install 'jimigw[s3]'."
            ) from error
        bucket = self._bucket
        keys: dict[str, str] = {}
        if bucket.credentials_file is not None:
            access, secret = self._secrets.read(bucket.credentials_file)
            keys = {"aws_access_key_id": access, "aws_secret_access_key": secret}
        with self._translated("used"):
            session = boto3.session.Session(region_name=bucket.region)

        def make(attempts: int, timeout: float) -> Any:
            client = session.client(
                "s3",
                endpoint_url=bucket.url or None,
                config=botocore.config.Config(
                    connect_timeout=min(timeout, bucket.connect_timeout),
                    read_timeout=min(timeout, bucket.read_timeout),
                    retries={"mode": "standard", "total_max_attempts": attempts},
                    max_pool_connections=self.keepers + 4,
                    tcp_keepalive=True,
                    # Names of buckets in names of machines are Amazon's way; the sums in trailers that boto3 would send
                    # by itself are not known to all others.
                    s3={"addressing_style": "path" if bucket.url else "auto"},
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                ),
                **keys,
            )
            for operation in ("PutObject", "UploadPart"):
                client.meta.events.register(f"before-call.s3.{operation}", _add_md5)
                client.meta.events.register(f"before-send.s3.{operation}", self._watch)
            for operation in ("PutObject", "CompleteMultipartUpload"):
                client.meta.events.register(f"before-call.s3.{operation}", self._add_condition)
            return client

        return make

    def _add_condition(self, params: dict[str, Any], **rest: object) -> None:
        if self._conditional:
            params["headers"]["If-None-Match"] = "*"

    def _watch(self, request: Any, **rest: object) -> None:
        # For each try, with the body of the one before.
        if hasattr(request.body, "read") and not isinstance(request.body, _Watched):
            request.body = _Watched(request.body, lambda: self._hurried)

    @contextmanager
    def _translated(self, doing: str, key: str = "") -> Iterator[None]:
        """Let only errors of ours out."""
        try:
            yield
        except VaultError:
            raise
        except Exception as error:
            if key and doing == "read" and is_missing(error):
                raise NotThere(f"There is no file under the key {key}.") from error
            raise trouble(f"{self.name} cannot be {doing}", error, self._secrets) from error


class _Watched:
    """What is sent, until it is to stop."""

    def __init__(self, body: Any, stops: Callable[[], bool]) -> None:
        self._body, self._stops = body, stops
        self.seek, self.tell = body.seek, body.tell

    def read(self, amount: int = -1) -> bytes:
        if self._stops():
            raise VaultError("The vault closes.")
        data: bytes = self._body.read(amount)
        return data


def _add_md5(params: dict[str, Any], **rest: object) -> None:
    """Let the store check what it gets: all stores know Content-MD5."""
    body = params["body"]
    sum = hashlib.md5(usedforsecurity=False)
    if isinstance(body, bytes | bytearray):
        sum.update(body)
    else:
        begin = body.tell()
        while piece := body.read(1 << 20):
            sum.update(piece)
        body.seek(begin)
    params["headers"]["Content-MD5"] = base64.b64encode(sum.digest()).decode()
