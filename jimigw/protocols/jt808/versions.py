"""The editions of JT/T 808, and which of them a frame header can tell apart."""

from __future__ import annotations

from typing import Final

V2011: Final = 2011
V2013: Final = 2013
V2019: Final = 2019

#: all editions, oldest first
VERSIONS: Final = (V2011, V2013, V2019)
#: the editions whose header has bit 14 clear
UNTIL_2013: Final = (V2011, V2013)
#: the editions whose strings have no terminator and whose location answers carry serial numbers
SINCE_2013: Final = (V2013, V2019)
