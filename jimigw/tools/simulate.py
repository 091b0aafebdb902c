"""``jimigw simulate``: a fleet of believable terminals against a running gateway, or captured frames played to it."""

from __future__ import annotations

import argparse
import signal
import socket
from typing import Any

from jimigw.ops.columns import printable

from .console import Console, json_bytes
from .simulator.fleet import Fleet
from .simulator.mischief import TRICKS
from .simulator.plan import PORTS, VERSIONS, Plan, kind_of
from .simulator.player import Played, Player, PlayError, read_frames
from .simulator.terminal import imei_of
from .simulator.upload_options import add_arguments as add_upload_arguments
from .simulator.upload_options import uploads_of

_PROGRESS_SECONDS = 5.0
_SPARE_FILES = 64

EPILOG = f"""\
Terminals drive along roads of a few cities. They log in, report their location, send heartbeats and alarms (those of
Jimi with the names of files, which are uploaded with --uploads; those of JT/T 808 with pictures, those of active safety
with attachments), obey commands, and keep and send again what is not answered. At the end they stop reporting, wait up
to 10 seconds for answers, and print what was sent and what was answered. The exit status is 1 if a report was not.
Ctrl-C ends as --seconds does; a second one ends at once.

misbehaviour:
{chr(10).join(f"  {name:10} {what}" for name, what in TRICKS.items())}

examples:
  jimigw simulate --devices 100 --seconds 30
  jimigw simulate --devices 2000 --interval 5 --misbehave split,badcrc
  jimigw simulate --protocol jt808 --version mixed --pictures 60 --devices 300
  jimigw simulate --protocol jt808 --udp --misbehave loss,reorder,lostparts
  jimigw simulate --protocol jt808 --safety-alarms 120 --misbehave gaps,breakoff
  jimigw simulate --frames tests/vectors/jimi.json
  jimigw simulate --uploads auto --alarms 60 --lost 0.5 --misbehave breakoff,twice
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--protocol", default="jimi", help=f"{' or '.join(PORTS)} (default: jimi)")
    parser.add_argument(
        "--version", choices=VERSIONS, default="2019", help="edition of JT/T 808 that they speak (default: 2019)"
    )
    parser.add_argument("--udp", action="store_true", help="JT/T 808 over UDP")
    parser.add_argument("--host", default="127.0.0.1", help="where the gateway is (default: 127.0.0.1)")
    ports = ", ".join(f"{port} for {name}" for name, port in PORTS.items())
    parser.add_argument("--port", type=_number(1, 65535), help=f"its port (default: {ports})")
    parser.add_argument("--devices", type=_number(1, 100_000), default=1, metavar="N", help="how many (default: 1)")
    parser.add_argument(
        "--interval", type=_seconds, default=10.0, metavar="SECONDS", help="between two locations (default: 10)"
    )
    parser.add_argument("--seconds", type=_seconds, metavar="S", help="how long (default: until interrupted)")
    parser.add_argument(
        "--imei-base",
        type=_imei_base,
        default="86490800000000",
        metavar="DIGITS",
        help="first IMEI, 14 or 15 digits; the others count up, each with its check digit",
    )
    parser.add_argument(
        "--phone-base",
        type=_phone_base,
        default="13900000000",
        metavar="DIGITS",
        help="first phone number of JT/T 808 terminals, 1 to 12 digits; the others count up (default: 13900000000)",
    )
    parser.add_argument(
        "--alarms", type=_rate, default=6.0, metavar="RATE", help="alarms of a terminal in an hour (default: 6)"
    )
    parser.add_argument(
        "--pictures",
        type=_rate,
        default=2.0,
        metavar="RATE",
        help="pictures that a JT/T 808 terminal takes in an hour by itself (default: 2)",
    )
    parser.add_argument(
        "--safety-alarms",
        type=_rate,
        default=0.0,
        metavar="RATE",
        help="alarms of active safety of a JT/T 808 terminal in an hour, beside the others; their attachments are "
        "brought where 0x9208 says (default: 0)",
    )
    parser.add_argument(
        "--misbehave", type=_tricks, default=frozenset(), metavar="LIST", help="with commas: " + ",".join(TRICKS)
    )
    parser.add_argument("--seed", type=int, default=0, help="for other routes and alarms than those of seed 0")
    parser.add_argument("--frames", metavar="FILE", help="play the frames of this file: hex lines, or vectors in JSON")
    parser.add_argument(
        "--wait", type=_seconds, default=1.0, metavar="SECONDS", help="for the answer to a played frame (default: 1)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_upload_arguments(parser)


def _number(least: int, most: int) -> Any:
    def read(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text} is not from {least} to {most}")
        return number

    read.__name__ = "number"
    return read


def _seconds(text: str) -> float:
    number = float(text)
    if not 0.05 <= number <= 1e8:
        raise argparse.ArgumentTypeError(f"{text} is not from 0.05 to 100000000 seconds")
    return number


def _rate(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 36_000:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 36000 in an hour")
    return number


def _imei_base(text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) in (14, 15)):
        raise argparse.ArgumentTypeError(f"{text} is not 14 or 15 digits")
    return text[:14]


def _phone_base(text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise argparse.ArgumentTypeError(f"{text} is not 1 to 12 digits")
    return text


def _tricks(text: str) -> frozenset[str]:
    wanted = frozenset(filter(None, (part.strip() for part in text.split(","))))
    if unknown := sorted(wanted - TRICKS.keys()):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: no such misbehaviour; there are {', '.join(TRICKS)}")
    return wanted


def run(options: argparse.Namespace, console: Console) -> int:
    """Simulate; the exit status."""
    trouble = _contradiction(options)
    if trouble:
        console.complain(f"{trouble}.")
        return 2
    if options.port is None:
        options.port = PORTS[options.protocol]
    try:
        host = _address(options.host, options.port)
        if options.frames is not None:
            return _play(options, host, console)
        _allow_files(options.devices + _SPARE_FILES)
    except (PlayError, OSError) as error:
        console.complain(f"{error}.")
        return 1
    return _drive(options, host, console)


def _contradiction(options: argparse.Namespace) -> str:
    """What of the arguments does not go together, as a sentence without its full stop; "" if nothing."""
    if options.protocol not in PORTS:
        return f"there are no terminals of {options.protocol}; there are: {', '.join(PORTS)}"
    if options.udp and options.protocol != "jt808":
        return f"terminals of {options.protocol} do not use UDP"
    if options.uploads is not None and options.protocol != "jimi":
        return f"terminals of {options.protocol} do not upload by HTTP here"
    if options.frames is not None and options.protocol != "jimi":
        return f"frames of {options.protocol} cannot be played; only those of jimi can"
    if unknown := sorted(options.misbehave - kind_of(options.protocol).wire(options.udp).tricks):
        over = " over UDP" if options.udp else " over TCP" if options.protocol == "jt808" else ""
        return f"{', '.join(unknown)}: no misbehaviour of {options.protocol}{over}"
    return ""


def _address(host: str, port: int) -> str:
    """The numeric address, looked up once for all terminals."""
    try:
        return str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    except socket.gaierror as error:
        raise OSError(f"{host}: {error.strerror}") from error


def _allow_files(wanted: int) -> None:
    """Every connection is an open file: raise the limit of this process as far as it may."""
    import resource  # not on every system

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise OSError(f"{wanted} open files are needed and {hard} allowed; see ulimit -n")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


# -- a fleet ----------------------------------------------------------------------------------------------------------


def _drive(options: argparse.Namespace, host: str, console: Console) -> int:
    from twisted.internet import reactor
    from twisted.logger import ILogObserver, LogLevel, globalLogPublisher
    from zope.interface import implementer

    plan = Plan(
        host=host,
        port=options.port,
        devices=options.devices,
        interval=options.interval,
        seconds=options.seconds,
        imei_base=options.imei_base,
        alarms_an_hour=options.alarms,
        tricks=options.misbehave,
        seed=options.seed,
        protocol=options.protocol,
        version=options.version,
        udp=options.udp,
        phone_base=options.phone_base,
        pictures_an_hour=options.pictures,
        safety_an_hour=options.safety_alarms,
        uploads=uploads_of(options, host),
    )
    any_reactor: Any = reactor
    fleet = Fleet(any_reactor, plan)
    crashes: list[Any] = []

    @implementer(ILogObserver)
    def crashed(event: Any) -> None:
        if event.get("log_level") is LogLevel.critical:
            crashes.append(event)

    globalLogPublisher.addObserver(crashed)
    ends: list[dict[str, Any]] = []

    def ended(summary: dict[str, Any]) -> None:
        ends.append(summary)
        any_reactor.stop()

    def interrupted(number: int, frame: object) -> None:
        any_reactor.callFromThread(fleet.finish)

    def progress() -> None:
        tally = fleet.tally
        said = (
            f"{fleet.online} of {plan.devices} online, {tally.sent} sent, {tally.answered} of {tally.wanting} answered"
        )
        refused = f"; no connection: {fleet.refusal}" if fleet.refusal and not fleet.online else ""
        print(f"{said}{refused}", file=console.stderr, flush=True)
        any_reactor.callLater(_PROGRESS_SECONDS, progress)

    fleet.run().addCallback(ended)
    if console.terminal and not options.json:
        any_reactor.callLater(_PROGRESS_SECONDS, progress)
    before = {number: signal.signal(number, interrupted) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        any_reactor.run(installSignalHandlers=False)
    finally:
        globalLogPublisher.removeObserver(crashed)
        for number, handler in before.items():
            signal.signal(number, handler)
    (summary,) = ends
    if options.json:
        console.line(json_bytes(summary))
    else:
        for text in summary_lines(summary):
            console.line(text)
    if not summary["logins"]:
        why = f": {fleet.refusal.rstrip('.')}" if fleet.refusal else ""
        console.complain(f"no terminal could log in{why}.")
        return 1
    if crashes:
        console.complain(f"{len(crashes)} errors in the simulator itself; their tracebacks stand above")
    return 1 if crashes or summary["unanswered"] or summary["forgotten"] else 0


def summary_lines(summary: dict[str, Any]) -> list[str]:
    """The summary for people."""
    names = [count["name"] or number for number, count in summary["types"].items()]
    width = max(16, *(len(name) + 1 for name in names)) if names else 16
    found = [f"{'':{width}}{'sent':>9}{'answered':>10}{'sent again':>12}"]
    for name, count in zip(names, summary["types"].values(), strict=True):
        answered = str(count["answered"]) if count["wants_answer"] else "-"
        found.append(f"{name:{width}}{count['sent']:>9}{answered:>10}{count['resent']:>12}")
    found.append(f"{'all':{width}}{summary['sent']:>9}{summary['answered']:>10}{summary['resent']:>12}")
    latency = summary["latency_ms"]
    found.append("")
    found.append(
        f"{summary['devices']} terminals, {summary['seconds']:g} s, {summary['logins']} logins, "
        f"{summary['commands']} commands, {summary['lost_connections']} connections lost"
    )
    found.append(
        f"answers after {latency['p50']:g} ms (half), {latency['p90']:g} ms (90 %), {latency['p99']:g} ms (99 %), "
        f"{latency['max']:g} ms (longest)"
    )
    if summary["counts"]:
        found.append(", ".join(f"{count} {name}" for name, count in summary["counts"].items()))
    if summary["mischief"]:
        found.append("misbehaved: " + ", ".join(f"{name} {count}" for name, count in summary["mischief"].items()))
    lost = summary["unanswered"] + summary["forgotten"]
    found.append(f"{lost} reports were not answered" if lost else "every report was answered")
    return found


# -- captured frames --------------------------------------------------------------------------------------------------


def _play(options: argparse.Namespace, host: str, console: Console) -> int:
    from twisted.internet import reactor

    frames = read_frames(options.frames)
    any_reactor: Any = reactor
    trouble: list[str] = []

    def heard(played: Played) -> None:
        if options.json:
            console.line(json_bytes(played))
        else:
            console.line(played_line(played))
        console.stdout.flush()

    def failed(failure: Any) -> None:
        trouble.append(failure.getErrorMessage())

    player = Player(any_reactor, frames, imei_of(options.imei_base, 0), options.wait, heard)
    done = player.play(host, options.port)
    done.addErrback(failed).addBoth(lambda result: any_reactor.stop())
    any_reactor.run()
    for sentence in trouble:
        console.complain(f"{sentence}.")
    return 1 if trouble else 0


def played_line(played: Played) -> str:
    """What became of a played frame, for people."""
    if played.skipped:
        became = f"passed over: {played.skipped}"
    elif played.answered_after is None:
        became = "not answered"
    else:
        became = f"answered after {played.answered_after * 1000:.1f} ms: {played.answer}"
    came = "".join(f"\n    came: {each}" for each in played.came)
    return f"{printable(played.name)}: {became}{came}"
