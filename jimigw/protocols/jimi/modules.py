"""The messages of JC261/JC400 V1.3.5 that carry modules, sensors and peripherals: chapters 5.7 and 5.10 to 5.13."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jimigw.wire.kinds import (
    I16,
    U8,
    U16,
    Bit,
    Chain,
    Counted,
    Derived,
    Item,
    ItemKind,
    Nested,
    Repeated,
    Rest,
    RestText,
    Scaled,
    SignMagnitude,
    Switch,
    UnixTime,
    UtcTime,
)
from jimigw.wire.message import Message, include, message, part, row

from . import names
from .messages import BOOK, CourseStatus, Place, Time
from .sensors import TemperatureSensor, driver_of, qcvn31_of

# -- 5.7 external modules -----------------------------------------------------------------------------------------


@part("Driving licence card", chapter="5.7")
class DriverCard(Message):
    date_time: Time = row(UtcTime(), "time of the reading, UTC")
    status: int = row(U8, "what happened", names=names.CARD_STATES)
    card: str = row(RestText(), "the magnetic tracks as read")
    driver: dict[str, Any] | None = row(Derived(lambda o: driver_of(o.card)), "what the tracks say")


@message(BOOK, 0x9B, "External module", chapter="5.7")
class ExternalModule(Message):
    module_type: int = row(U8, "module", names=names.MODULE_TYPES_9B)
    content: Any = row(
        Switch("module_type", {0x03: TemperatureSensor(), 0x05: Nested(DriverCard)}),
        "what the module says; any other raw",
    )


# -- 5.10 QCVN31 --------------------------------------------------------------------------------------------------


@message(BOOK, 0x9C, "QCVN31 module", chapter="5.10")
class QcvnModule(Message):
    module_type: int = row(U8, "module", names=names.MODULE_TYPES_9C)
    content: Any = row(Switch("module_type", {0x32: RestText("utf-8"), 0x33: RestText("utf-8")}), "the sentences")
    records: list[dict[str, Any]] | None = row(
        Derived(lambda o: qcvn31_of(o.content) if isinstance(o.content, str) else None), "the sentences' fields"
    )


# -- 5.11 cameras -------------------------------------------------------------------------------------------------


@part("Camera", chapter="5.11.1")
class Camera(Message):
    number: int = row(U8, "camera's number")
    status: int = row(U8, "state", names=names.CAMERA_STATES)


@message(BOOK, 0xE0, "Camera channels", chapter="5.11.1")
class Cameras(Message):
    built_in: list[Camera] = row(Counted(U8, Nested(Camera)), "built-in cameras")
    peripheral: list[Camera] = row(Counted(U8, Nested(Camera)), "cameras plugged in")


# -- 5.12 peripherals ---------------------------------------------------------------------------------------------


def _fuel_value(sensor: Any) -> float | None:
    """The value of a multi fuel sensor in its unit: ultrasonic ones count tenths, capacitive ones hundredths."""
    divisor = {0: 10, 1: 100}.get(sensor.type)
    return None if divisor is None else sensor.raw_value / divisor


@part("Multi fuel sensor", chapter="5.12.3")
class MultiFuelSensor(Message):
    type: int = row(U8, "kind of sensor", names=names.FUEL_SENSOR_TYPES)
    path: int = row(U8, "number of the fuel tank")
    raw_value: int = row(U16, "value as sent: tenths (ultrasonic) or hundredths (capacitive) of the unit")
    unit: int = row(U8, "unit", names=names.FUEL_SENSOR_UNITS)
    value: float | None = row(Derived(_fuel_value), "the value in its unit")


@part("ADC voltage", chapter="5.12.3")
class AdcVoltage(Message):
    adc_id: int = row(U8, "number of the ADC interface")
    voltage: float = row(Scaled(U16, 100), "voltage", "V")


@part("Temperature and humidity at a time", chapter="5.12.3")
class ClimateSample(Message):
    date_time: datetime = row(UnixTime(), "time of the sample, UTC")
    temperature: float = row(Scaled(I16, 10), "temperature", "degree Celsius")
    humidity: float = row(Scaled(U16, 10), "relative humidity", "%")


@part("Multi temperature sensor", chapter="5.12.3")
class ClimateBatch(Message):
    batch: int = row(U16, "batch number")
    samples: list[ClimateSample] = row(Repeated(Nested(ClimateSample)), "samples")


@part("Peripheral not defined", chapter="5.12.3")
class OpaquePeripheral(Message):
    peripheral_id: int = row(U8, "peripheral's own id")
    data: bytes = row(Rest(), "its data, kept raw")


@part("GPS peripheral", chapter="5.12.3")
class GpsPeripheral(Message):
    _course = include(CourseStatus)
    _place = include(Place)


#: 5.12.3, the list of peripheral ids
PERIPHERALS = {
    0x0001: ItemKind("capacitive_fuel", Scaled(U16, 100), "capacitive fuel sensor", "5.12.3", "V"),
    0x0002: ItemKind("multi_fuel", Nested(MultiFuelSensor), "multi fuel sensor", "5.12.3"),
    0x0003: ItemKind("adc_voltage", Nested(AdcVoltage), "multi ADC voltage", "5.12.3"),
    0x0004: ItemKind("temperature", Scaled(I16, 10), "temperature sensor", "5.12.3", "degree Celsius"),
    0x0005: ItemKind("rfid", RestText(), "RFID", "5.12.3"),
    0x0006: ItemKind("pulse_fuel", Scaled(U16, 100), "pulse fuel sensor, 0 to 12 V", "5.12.3", "V"),
    0x0007: ItemKind("climate", Nested(ClimateBatch), "temperature and humidity samples", "5.12.3", length=U16),
    0x0008: ItemKind("driver_card", Nested(DriverCard), "driving licence card reader", "5.12.3"),
    0x0009: ItemKind("opaque", Nested(OpaquePeripheral), "peripheral not defined", "5.12.3", length=U16),
    0x000B: ItemKind("gps", Nested(GpsPeripheral), "GPS", "5.12.3"),
}


@message(BOOK, 0xF2, "Peripherals", chapter="5.12.1")
class Peripherals(Message):
    date_time: datetime = row(UnixTime(), "time of the report, UTC")
    peripherals: list[Item] = row(Chain(U16, U8, PERIPHERALS), "peripherals, one behind the other")


# -- 5.13 extension data ------------------------------------------------------------------------------------------


@part("GNSS module", chapter="5.13.1")
class GnssModule(Message):
    date_time: datetime = row(UnixTime(), "time of the fix, UTC")
    satellites: int = row(U8, "satellites used for the fix")
    altitude: int = row(SignMagnitude(U16), "altitude", "m")
    _place = include(Place)
    speed: int = row(U8, "GPS speed", "km/h")
    acc: bool = row(Bit(16), "ACC on")
    acc_valid: bool = row(Bit(), "the ACC bit is valid")
    _course = include(CourseStatus, since="differential")


@part("Kind of upload", chapter="5.13.1")
class Buffering(Message):
    mode: int = row(U8, "real-time or buffered", names=names.BUFFERINGS)


#: 5.13.1, the modules; the document's packet has these three, others are kept raw
MODULES = {
    0x0033: ItemKind("gnss", Nested(GnssModule), "GNSS position", "5.13.1"),
    0x0027: ItemKind("external_voltage", Scaled(U16, 100), "external battery voltage", "5.13.1", "V"),
    0x0035: ItemKind("upload", Nested(Buffering), "real-time or buffered upload", "5.13.1"),
}


@message(BOOK, 0x70, "Extension data", chapter="5.13.1")
class ExtensionData(Message):
    modules: list[Item] = row(Chain(U16, U16, MODULES, unique=True), "modules, each number once")
