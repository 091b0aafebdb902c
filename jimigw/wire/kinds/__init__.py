"""Kinds of fields: how bytes become values. What a declaration needs is here, one name each."""

from __future__ import annotations

from .base import Derived, Fixed, Kind, Legend, Measured, Names, Notes, Scope, shown
from .bits import Bit, Bits, Coordinate, Hemisphere
from .choices import Nested, Optional, Switch, When, bare
from .lists import Chain, Counted, Item, ItemKind, Repeated
from .numbers import I8, I16, I32, U8, U16, U24, U32, U64, Bcd, Int, PaddedDigits, Scaled, SignMagnitude, whole
from .octets import Const, PrefixedBytes, Raw, Rest, from_base64, to_base64
from .texts import (
    LengthOf,
    PrefixedText,
    RestText,
    Terminated,
    Text,
    TextOf,
    decode_text,
    encode_text,
    text_from_json,
    text_to_json,
)
from .times import UnixTime, UtcTime, time_from_json, time_of_bytes

__all__ = [
    "I8",
    "I16",
    "I32",
    "U8",
    "U16",
    "U24",
    "U32",
    "U64",
    "Bcd",
    "Bit",
    "Bits",
    "Chain",
    "Const",
    "Coordinate",
    "Counted",
    "Derived",
    "Fixed",
    "Hemisphere",
    "Int",
    "Item",
    "ItemKind",
    "Kind",
    "Legend",
    "LengthOf",
    "Measured",
    "Names",
    "Nested",
    "Notes",
    "Optional",
    "PaddedDigits",
    "PrefixedBytes",
    "PrefixedText",
    "Raw",
    "Repeated",
    "Rest",
    "RestText",
    "Scaled",
    "Scope",
    "SignMagnitude",
    "Switch",
    "Terminated",
    "Text",
    "TextOf",
    "UnixTime",
    "UtcTime",
    "When",
    "bare",
    "decode_text",
    "encode_text",
    "from_base64",
    "shown",
    "text_from_json",
    "text_to_json",
    "time_from_json",
    "time_of_bytes",
    "to_base64",
    "whole",
]
