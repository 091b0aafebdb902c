"""What all tests share: hypothesis profiles, and the rule about servers that must not be skipped."""

import os
from collections.abc import Callable, Iterator
from typing import NoReturn

import pytest
import pytest_twisted
from hypothesis import settings
from twisted.internet.defer import Deferred

from tests.support.swift import Swift, found_swift

# No deadline: a loaded machine is not a fault of the code under test.
settings.register_profile("jimigw", deadline=None)
settings.load_profile("jimigw")


def require_server(name: str, reason: str) -> NoReturn:
    """End a test whose server is not there: skip it, or fail it where it is required.

    ``JIMIGW_TEST_REQUIRE`` in the environment names the required ones, with commas between them. Offered as the
    fixture ``require_server`` too.
    """
    required = {part.strip() for part in os.environ.get("JIMIGW_TEST_REQUIRE", "").split(",")}
    if name in required:
        pytest.fail(f"{name} is required here (JIMIGW_TEST_REQUIRE) and cannot be used: {reason}", pytrace=False)
    pytest.skip(f"{name}: {reason}")


@pytest.fixture(name="require_server")
def _require_server() -> Callable[[str, str], NoReturn]:
    """The function `require_server`."""
    return require_server


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Put back what pytest-twisted wraps: parametrised tests share one hypothesis function, which it would wrap again
    for each of them."""
    handle = getattr(pyfuncitem.obj, "hypothesis", None)
    inner = handle and handle.inner_test
    try:
        return (yield)
    finally:
        if handle is not None:
            handle.inner_test = inner


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swift]:
    """A store that speaks S3, one for all tests."""
    store = Swift(found_swift(require_server), tmp_path_factory.mktemp("swift"))
    try:
        pytest_twisted.blockon(Deferred.fromCoroutine(store.start()))
        yield store
    finally:
        store.stop()
