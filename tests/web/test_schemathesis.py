"""The API against its own description: whatever that allows or forbids, no server error, and answers that match it."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.utils import getProcessOutputAndValue

from jimigw.gateway.brakes import Brakes
from tests.support.uploads import RecordingUploads, a_timeline, an_alarm, some_files
from tests.web.api import IMEI, ApiClient, camera, reactor, serving
from tests.web.test_commands_api import RecordingReaders

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "response_headers_conformance,unsupported_method,use_after_free,ensure_resource_availability,ignored_auth"
)
KNOWN: dict[str, dict[str, Any]] = {
    "device": {"enum": [IMEI, "863000000000025"]},
    "id": {"minimum": 1, "maximum": 8},
    "name": {"enum": ["map"]},
}
"""Parameters that mean something, or nearly all requests would be for what is not there."""


def _document(api: ApiClient, known: bool) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(api.api.document)
    # It has no end.
    del document["paths"]["/api/v1/events"]
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if known and parameter["in"] == "path" and parameter["name"] in KNOWN:
                    parameter["schema"] |= KNOWN[parameter["name"]]
    return document


@pytest_twisted.async_yield_fixture
async def keeping(tmp_path: Path) -> AsyncIterator[tuple[ApiClient, RecordingUploads]]:
    """An API that keeps files, some of them with the ids that are known."""
    uploads = RecordingUploads(some_files(IMEI), [an_alarm(IMEI)])
    async for api in serving(tmp_path, uploads=uploads):
        yield api, uploads


@pytest.mark.skipif(importlib.util.find_spec("schemathesis") is None, reason="schemathesis is not installed")
@pytest.mark.parametrize(
    ("known", "checks", "where"),
    [
        (False, f"{CHECKS},negative_data_rejection", ["--exclude-operation-id", "import_devices"]),
        (True, CHECKS, []),
    ],
    ids=["anything", "what is there"],
)
@pytest_twisted.ensureDeferred
async def test_the_api_is_what_it_says(
    keeping: tuple[ApiClient, RecordingUploads], tmp_path: Path, known: bool, checks: str, where: list[str]
) -> None:
    api, uploads = keeping
    api.api.entrance._brakes = Brakes(first=0.0)
    api.running.service.webs.set_readers(RecordingReaders())
    await camera(api, reports=3)
    uploads.timelines[IMEI] = a_timeline(IMEI)
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(_document(api, known)))
    arguments = [
        "-m", "schemathesis.cli", "run", str(file), "--url", f"http://127.0.0.1:{api.port}",
        "--header", f"Authorization: Bearer {api.tokens['admin']}", "--checks", checks, "--max-examples", "6",
        "--phases", "coverage,fuzzing,stateful", "--seed", "1", "--request-timeout", "20",
        "--generation-database", "none", "--warnings", "off", "--no-color", *where,
    ]  # fmt: skip
    running = getProcessOutputAndValue(sys.executable, arguments, os.environ, str(tmp_path), reactor)
    out, err, status = await running
    assert status == 0, (out + err).decode()[-6000:]
