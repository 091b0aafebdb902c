"""What S3 and boto3 say when they fail, as sentences that have no secrets in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jimigw.vault.interface import VaultError, VaultFull

MAX_MESSAGE = 200
"""Characters of what a store says, in a sentence of ours."""

MAX_CREDENTIALS = 4096

_FULL = {
    "InsufficientStorage",
    "QuotaExceeded",
    "QuotaExceededException",
    "StorageFull",
    "XMinioStorageFull",
    "XMinioAdminBucketQuotaExceeded",
    "XMinioStorageQuotaExceeded",
}

_MISSING = {"NoSuchKey", "404", "NotFound", "NoSuchVersion"}


class Secrets:
    """The keys of a store, which are never printed."""

    def __init__(self) -> None:
        self._known: tuple[str, ...] = ()

    def read(self, path: Path) -> tuple[str, str]:
        """Read them from a file of two lines.

        :raises VaultError: there are none in it.
        """
        try:
            with path.open(encoding="utf-8") as file:
                text = file.read(MAX_CREDENTIALS)
        except UnicodeDecodeError:
            text = ""
        except OSError as error:
            raise VaultError(f"The file with the keys of S3, {path}, cannot be read: {error.strerror}.") from error
        lines = text.split()
        if len(lines) != 2 or len(text.strip().splitlines()) != 2:
            raise VaultError(
                f"The file with the keys of S3, {path}, is not as it should be: two lines, the access key and the"
                " secret key."
            )
        self._known = (lines[1], lines[0])
        return lines[0], lines[1]

    def hide(self, text: str) -> str:
        """Take them out of a text."""
        for secret in self._known:
            text = text.replace(secret, "***")
        return text


def code_of(error: BaseException) -> str | None:
    """What the store calls this error; None if it was not the store that failed."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, Mapping) else None


def status_of(answer: BaseException | Mapping[str, Any]) -> int | None:
    """The HTTP status of an answer, or of an error that is one."""
    response = answer if isinstance(answer, Mapping) else getattr(answer, "response", None)
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(response, Mapping) else None
    return status if isinstance(status, int) else None


def is_missing(error: BaseException) -> bool:
    """Whether the object is not there; a bucket that is not there is something else."""
    return status_of(error) == 404 and code_of(error) in _MISSING


def is_lasting(error: BaseException) -> bool:
    """Whether it would be the same tomorrow: the store, or boto3, refuses what it was asked."""
    from botocore import exceptions

    status = status_of(error)
    if status is not None:
        return 300 <= status < 500 and status not in (408, 429)
    # The network, a name that is not known yet, a certificate, an answer that broke off.
    return not isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError | OSError)


def trouble(what: str, error: Exception, secrets: Secrets) -> VaultError:
    """Make the error of ours."""
    code, status = code_of(error), status_of(error)
    if code is None:
        said = f"{type(error).__name__}: {error}"
    else:
        message = str(error.response.get("Error", {}).get("Message") or "")  # type: ignore[attr-defined]
        said = f"{code}: {message}" if message else f"{code} (HTTP {status})"
    said = "".join(char if char.isprintable() else " " for char in secrets.hide(said))
    if len(said) > MAX_MESSAGE:
        said = said[: MAX_MESSAGE - 3] + "..."
    full = status == 507 or code in _FULL
    return (VaultFull if full else VaultError)(f"{what}: {said.rstrip('.')}.")
