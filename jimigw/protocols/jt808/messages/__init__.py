"""The messages of JT/T 808 as tables, one file a chapter. Importing this enters all of them in :data:`..book.BOOK`."""

from __future__ import annotations

from . import (
    areas,
    batches,
    control,
    driver,
    general,
    keys,
    location,
    multimedia,
    parameters,
    phone,
    recorder,
    registration,
    routes,
    safety,
    stored,
    text,
    transparent,
    video,
    video_files,
)

__all__ = [
    "areas",
    "batches",
    "control",
    "driver",
    "general",
    "keys",
    "location",
    "multimedia",
    "parameters",
    "phone",
    "recorder",
    "registration",
    "routes",
    "safety",
    "stored",
    "text",
    "transparent",
    "video",
    "video_files",
]
