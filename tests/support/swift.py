"""A store that speaks S3: OpenStack Swift, the real one, with its four servers on one machine and one disk."""

from __future__ import annotations

import getpass
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from tests.support.servers import free_port, until

HOME = Path(sys.prefix) / "swift"
"""Where ``make swift`` puts it: an environment of its own, for it needs much that we do not."""

STORES = ("account", "container", "object")
ACCESS, SECRET = "test:tester", "testing-the-secret"

LISTED = 20
"""Objects in one answer to a list; by default they are 1000."""

_RINGS = """
import sys
from swift.common.ring import RingBuilder
folder = sys.argv[1]
for name, port in zip(sys.argv[2::2], sys.argv[3::2]):
    builder = RingBuilder(4, 1, 0)
    where = {"region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(port), "device": "disk", "weight": 1.0}
    builder.add_dev(where | {"replication_ip": "127.0.0.1", "replication_port": int(port), "meta": ""})
    builder.rebalance()
    builder.get_ring().save(f"{folder}/{name}.ring.gz")
"""

_FILTERS = ("catch_errors", "gatekeeper", "listing_formats", "bulk", "s3api", "tempauth", "copy", "slo")


def found_swift(require_server: Callable[[str, str], NoReturn]) -> Path:
    """The folder of its programs; the test ends without it."""
    programs = HOME / "bin"
    if not (programs / "swift-proxy-server").exists():
        require_server("s3", f"there is no Swift in {HOME}; make swift installs it")
    return programs


class Swift:
    """A Swift with an account; ``url`` is where it speaks S3."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        self._ports = {name: free_port() for name in (*STORES, "proxy")}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.port = self._ports["proxy"]
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "node" / "disk").mkdir(parents=True)
        (folder / "swift.conf").write_text(
            "[swift-hash]\nswift_hash_path_prefix = jimigw\nswift_hash_path_suffix = tests\n"
        )
        for name in STORES:
            self._write(
                name, f"[pipeline:main]\npipeline = {name}-server\n[app:{name}-server]\nuse = egg:swift#{name}\n"
            )
        settings = {
            "s3api": f"max_bucket_listing = {LISTED}\n",
            "tempauth": f"user_{ACCESS.replace(':', '_')} = {SECRET} .admin\n",
        }
        self._write(
            "proxy",
            f"[pipeline:main]\npipeline = {' '.join(_FILTERS)} proxy-server\n"
            "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n"
            + "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n{settings.get(name, '')}" for name in _FILTERS),
        )
        ports = [text for name in STORES for text in (name, str(self._ports[name]))]
        subprocess.run([programs / "python", "-c", _RINGS, folder, *ports], check=True, timeout=60)

    def _write(self, name: str, sections: str) -> None:
        (self._folder / f"{name}.conf").write_text(
            f"[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {self._ports[name]}\nworkers = 0\n"
            f"user = {getpass.getuser()}\nswift_dir = {self._folder}\nlog_address = {self._folder}/none\n"
            f"devices = {self._folder}/node\nmount_check = false\n{sections}"
        )

    async def start(self) -> None:
        """Start it; it takes requests then."""
        for name in self._ports:
            with (self._folder / f"{name}.log").open("ab") as log:
                self._processes[name] = subprocess.Popen(
                    [self._programs / f"swift-{name}-server", self._folder / f"{name}.conf", "--verbose"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
        await until(self._listens, f"Swift in {self._folder}", 60)

    def _listens(self) -> bool:
        for name, process in self._processes.items():
            assert process.poll() is None, (self._folder / f"{name}.log").read_text()[-2000:]
        for port in self._ports.values():
            with socket.socket() as trying:
                if trying.connect_ex(("127.0.0.1", port)):
                    return False
        return True

    def stop(self) -> None:
        """End it."""
        for process in self._processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        self._processes.clear()
        self.client.close()

    def freeze(self) -> None:
        """It is there, and does nothing."""
        self._processes["proxy"].send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._processes["proxy"].send_signal(signal.SIGCONT)

    @cached_property
    def client(self) -> Any:
        """Somebody else who uses it."""
        import boto3.session
        import botocore.config

        return boto3.session.Session(region_name="us-east-1").client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=ACCESS,
            aws_secret_access_key=SECRET,
            config=botocore.config.Config(s3={"addressing_style": "path"}),
        )

    def make_bucket(self) -> str:
        """Make a bucket with a name of its own."""
        name = f"bucket-{os.getpid()}-{secrets.token_hex(4)}"
        self.client.create_bucket(Bucket=name)
        return name
