"""Registration, authentication, attributes and upgrade of a terminal. JT/T 808-2019, 8.8, 8.9, 8.11, 8.17 to 8.20."""

from __future__ import annotations

from typing import Any

from jimigw.wire.kinds import (
    U8,
    U16,
    U32,
    Bcd,
    Derived,
    Optional,
    PrefixedBytes,
    RestText,
    Text,
)
from jimigw.wire.message import Message, fragment, include, message, row

from .. import names
from ..book import BOOK, SIBLINGS
from ..kinds import GBK, EndedText, SizedText
from ..versions import SINCE_2013, UNTIL_2013, V2011, V2013, V2019

# -- 0x0100 registration ------------------------------------------------------------------------------------------

#: the smallest bodies: everything up to the plate, which may be empty
_LEAST_2011, _LEAST_2013, _LEAST_2019 = 25, 37, 76


def _is_2019(data: bytes, start: int, end: int) -> bool:
    return end - start >= _LEAST_2019


def _is_2013(data: bytes, start: int, end: int) -> bool:
    """Whether a registration is of 2013 and not of 2011, which have the same header.

    Almost always the length tells. A body of 2011 reaches that of 2013 with a long plate or a VIN only: then it has
    a colour where 2013 has the end of the model, which is text or filling, and text where 2013 has filling and colour.
    """
    if end - start < _LEAST_2013:
        return False
    if end - start > _LEAST_2011 + 20:
        return True
    colour, plate, colour_2013 = data[start + 24], data[start + 25 : start + 29], data[start + 36]
    return not (1 <= colour <= 9 or (colour == 0 and plate.isalnum() and colour_2013 >= 0x20))


@fragment
class _Place:
    province: int = row(U16, "province: the first two digits of GB/T 2260; 0: the platform's own choice")
    city: int = row(U16, "city: the last four digits of GB/T 2260; 0: the platform's own choice")


@fragment
class _Vehicle:
    color: int = row(U8, "plate colour", names=names.PLATE_COLOURS)
    license_number: str = row(RestText(GBK, strip_nul=True), "plate, or the VIN where the colour is 0", default="")


@message(BOOK, 0x0100, "Terminal registration", chapter="8.8", versions=(V2019,), fits=_is_2019)
class Registration2019(Message):
    _place = include(_Place)
    manufacturer: str = row(Text(11, GBK), "manufacturer: administrative code of its seat and its own code")
    model: str = row(Text(30, GBK), "model")
    dev_id: str = row(Text(30, GBK), "terminal id, capital letters and digits")
    _vehicle = include(_Vehicle)


@message(BOOK, 0x0100, "Terminal registration", chapter="8.8", versions=(V2013,), fits=_is_2013)
class Registration2013(Message):
    _place = include(_Place)
    manufacturer: str = row(Text(5, GBK), "manufacturer's code")
    model: str = row(Text(20, GBK), "model")
    dev_id: str = row(Text(7, GBK), "terminal id, capital letters and digits")
    _vehicle = include(_Vehicle)


@message(
    BOOK,
    0x0100,
    "Terminal registration",
    chapter="8.8",
    versions=(V2011,),
    fits=lambda data, start, end: not _is_2013(data, start, end),
)
class Registration2011(Message):
    _place = include(_Place)
    manufacturer: str = row(Text(5, GBK), "manufacturer's code")
    model: str = row(Text(8, GBK), "model, filled with spaces")
    dev_id: str = row(Text(7, GBK), "terminal id, capital letters and digits")
    color: int = row(U8, "plate colour", names=names.PLATE_COLOURS)
    license_number: str = row(EndedText(), "plate", default="")


SIBLINGS.enter(0x0100, Registration2013, fits=_is_2013)
SIBLINGS.enter(0x0100, Registration2011)


@message(BOOK, 0x8100, "Registration answer", chapter="8.9", direction="down", versions=SINCE_2013)
class RegistrationAnswer(Message):
    seq: int = row(U16, "serial number of the registration")
    result: int = row(U8, "result", names=names.REGISTER_RESULTS)
    auth_code: str | None = row(Optional(RestText(GBK, strip_nul=True)), "authentication code, after success only")


@message(BOOK, 0x8100, "Registration answer", chapter="8.9", direction="down", versions=(V2011,))
class RegistrationAnswer2011(Message):
    _head = include(RegistrationAnswer, until="auth_code")
    auth_code: str | None = row(Optional(EndedText()), "authentication code, after success only")


# -- 0x0102 authentication ----------------------------------------------------------------------------------------


@message(BOOK, 0x0102, "Authentication", chapter="8.11", versions=(V2013,))
class Authentication(Message):
    code: str = row(RestText(GBK, strip_nul=True), "authentication code", default="")


@message(BOOK, 0x0102, "Authentication", chapter="8.11", versions=(V2011,))
class Authentication2011(Message):
    code: str = row(EndedText(), "authentication code", default="")


def _rest(data: bytes, start: int, end: int) -> int:
    """How many bytes are behind the IMEI of an authentication of 2019; negative if it does not get so far."""
    return end - start - 16 - data[start] if end > start else -1


def _is_fixed(data: bytes, start: int, end: int) -> bool:
    return _rest(data, start, end) == 20


def _is_prefixed(data: bytes, start: int, end: int) -> bool:
    rest = _rest(data, start, end)
    return rest > 0 and data[end - rest] == rest - 1


def _has_imei(data: bytes, start: int, end: int) -> bool:
    return _rest(data, start, end) >= 0


@fragment
class _Code:
    code: str = row(SizedText(U8, key="code_len", dialects={"emqx": ""}), "authentication code, at most 255 bytes")
    imei: str = row(Text(15, GBK), "IMEI")


def _version_length(owner: Any) -> int:
    return len(owner.sw_version.encode(GBK, "surrogateescape"))


@message(BOOK, 0x0102, "Authentication", chapter="8.11", versions=(V2019,), fits=_is_fixed)
class Authentication2019(Message):
    _code = include(_Code)
    sw_version_len: int = row(Derived(_version_length), "bytes of the software version", dialects={"emqx": ""})
    sw_version: str = row(Text(20, GBK), "software version", dialects={"emqx": "software_version"}, default="")


@message(
    BOOK,
    0x0102,
    "Authentication, length before the software version",
    chapter="8.11",
    versions=(V2019,),
    fits=_is_prefixed,
)
class Authentication2019Prefixed(Message):
    _code = include(_Code)
    sw_version: str = row(
        SizedText(U8, key="sw_version_len", dialects={"emqx": ""}),
        "software version",
        dialects={"emqx": "software_version"},
    )


@message(BOOK, 0x0102, "Authentication, software version to the end", chapter="8.11", versions=(V2019,), fits=_has_imei)
class Authentication2019Open(Message):
    _code = include(_Code)
    sw_version_len: int = row(Derived(_version_length), "bytes of the software version", dialects={"emqx": ""})
    sw_version: str = row(
        RestText(GBK, strip_nul=True), "software version", dialects={"emqx": "software_version"}, default=""
    )


#: a header of 2019 over a body of 2013: the whole body is the code
SIBLINGS.enter(0x0102, Authentication)


# -- 0x8107, 0x0107 attributes ------------------------------------------------------------------------------------


@message(BOOK, 0x8107, "Query terminal attributes", chapter="8.17", direction="down")
class AttributesQuery(Message):
    """Empty; the answer 0x0107 does not quote a serial number."""


@fragment
class _Versions:
    iccid: str = row(Bcd(10), "ICCID of the SIM card")
    hardware_version: str = row(SizedText(U8), "hardware version")
    firmware_version: str = row(SizedText(U8), "firmware version")
    gnss_prop: int = row(U8, "GNSS module: bits 0 GPS, 1 BeiDou, 2 GLONASS, 3 Galileo")
    comm_prop: int = row(U8, "radio: bits 0 GPRS, 1 CDMA, 2 TD-SCDMA, 3 WCDMA, 4 CDMA2000, 5 TD-LTE, 7 any other")


def _ends_behind(hardware_length: int) -> Any:
    """A test whether the two version strings, the first of which has its length byte there, end two bytes early."""

    def fits(data: bytes, start: int, end: int) -> bool:
        at = start + hardware_length
        for _string in range(2):
            if at >= end:
                return False
            at += 1 + data[at]
        return at + 2 == end

    return fits


_TYPE = "type: bits 0 passenger, 1 dangerous goods, 2 freight, 3 taxi, 6 hard disk, 7 more than one piece, 8 trailer"


@message(BOOK, 0x0107, "Terminal attributes", chapter="8.18", versions=UNTIL_2013, fits=_ends_behind(44))
class Attributes2013(Message):
    type: int = row(U16, _TYPE)
    manufacturer: str = row(Text(5, GBK), "manufacturer's code")
    model: str = row(Text(20, GBK), "model")
    id: str = row(Text(7, GBK), "terminal id")
    _versions = include(_Versions)


@message(BOOK, 0x0107, "Terminal attributes", chapter="8.18", versions=(V2019,), fits=_ends_behind(77))
class Attributes2019(Message):
    type: int = row(U16, _TYPE)
    manufacturer: str = row(Text(5, GBK), "manufacturer's code")
    model: str = row(Text(30, GBK), "model")
    id: str = row(Text(30, GBK), "terminal id")
    _versions = include(_Versions)


@message(
    BOOK,
    0x0107,
    "Terminal attributes, manufacturer as in the registration",
    chapter="8.18",
    versions=(V2019,),
    fits=_ends_behind(83),
)
class Attributes2019Wide(Message):
    type: int = row(U16, _TYPE)
    manufacturer: str = row(Text(11, GBK), "manufacturer: administrative code of its seat and its own code")
    model: str = row(Text(30, GBK), "model")
    id: str = row(Text(30, GBK), "terminal id")
    _versions = include(_Versions)


for _sibling, _at in ((Attributes2013, 44), (Attributes2019, 77), (Attributes2019Wide, 83)):
    SIBLINGS.enter(0x0107, _sibling, fits=_ends_behind(_at))
SIBLINGS.enter(0x0107, Attributes2019, versions=(V2019,))
SIBLINGS.enter(0x0107, Attributes2013, versions=UNTIL_2013)


# -- 0x8108, 0x0108 upgrade ---------------------------------------------------------------------------------------


@message(BOOK, 0x8108, "Upgrade package", chapter="8.19", direction="down")
class UpgradePackage(Message):
    type: int = row(U8, "what is upgraded", names=names.UPGRADE_TYPES)
    manufacturer: str = row(Text(5, GBK), "manufacturer's code")
    version: str = row(SizedText(U8, key="ver_len"), "version of the firmware")
    firmware: bytes = row(PrefixedBytes(U32, key="fw_len"), "the firmware")


@message(BOOK, 0x0108, "Upgrade result", chapter="8.20")
class UpgradeResult(Message):
    type: int = row(U8, "what was upgraded", names=names.UPGRADE_TYPES)
    result: int = row(U8, "result", names=names.UPGRADE_RESULTS)
