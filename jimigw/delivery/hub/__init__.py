"""``format = "hub"``: records as the pushes of the vendor's hub.

    Record ──pushes_of──▶ Push ... ──requests_of──▶ Request ... ──HubTarget──▶ POST base URL + path

The tables (:mod:`.tables`) say which field of a push is from where; ``docs/hub.md`` is made from them.
"""

from .mapping import pushes_of
from .rows import Push
from .settings import HubSettings
from .target import HubTarget, hub_target

__all__ = ["HubSettings", "HubTarget", "Push", "hub_target", "pushes_of"]
