"""The service as ``twistd`` starts it: the one place that knows every room."""

from __future__ import annotations

from typing import cast

from twisted.application.service import IService
from twisted.internet import reactor as the_reactor

from jimigw.ops.logging import LoggedService, log_observer

from .core import Jimigw
from .options import Options

__all__ = ["Jimigw", "Options", "makeService"]


def makeService(options: Options) -> IService:
    """The whole service, not yet started."""
    observer = log_observer(options.config)
    top = LoggedService(observer)
    Jimigw(options.config, the_reactor, options.load, observer.set_level).setServiceParent(top)
    return cast(IService, top)
