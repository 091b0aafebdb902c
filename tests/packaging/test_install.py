"""`twistd` lists jimigw from any folder, after an editable install and after one from a wheel.

Each install goes into a virtualenv of its own that sees the packages of the running one by symbolic links, all but
jimigw. Nothing comes from the network, and the checkout itself is only read: what is built is a copy of it.
"""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from email.message import Message
from email.parser import Parser
from importlib.metadata import version
from pathlib import Path

import attrs
import pytest

CHECKOUT = Path(__file__).parents[2]
SHIPPED = ("jimigw", "twisted", "setup.cfg", "pyproject.toml", "LICENSE", "README.md")
LEFTOVERS = ("__pycache__", "dropin.cache", "*.egg-info", "build", "dist")
TWISTD = ("-c", "from twisted.scripts.twistd import run; run()", "--pidfile=")
PIP_INSTALL = ("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation")
OF_JIMIGW = ("jimigw", "jimigw-*", "jimigw.*", "__editable__*jimigw*", "jimigw_plugin.py")


@attrs.frozen
class Venv:
    """A virtualenv, and a folder that has nothing to do with the checkout to run its programs in."""

    path: Path
    foreign: Path

    @property
    def site_packages(self) -> Path:
        [found] = self.path.glob("lib/python*/site-packages")
        return found

    def run(self, program: str, *arguments: str) -> str:
        """Run a program of the virtualenv in the foreign folder; give its output, or fail with it."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_", "VIRTUAL"))
        }
        done = subprocess.run(
            [str(self.path / "bin" / program), *arguments],
            cwd=self.foreign,
            env=environment | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_CONFIG_FILE": os.devnull},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{program} {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def file_of(self, module: str) -> Path:
        return Path(self.run("python", "-c", f"import {module} as module; print(module.__file__)").strip()).resolve()


def link_packages(source: Path, target: Path) -> None:
    """Link all of a site-packages folder but jimigw. Folders it installs into are made anew, not linked."""
    for entry in source.iterdir():
        if any(fnmatch.fnmatch(entry.name, pattern) for pattern in (*OF_JIMIGW, *LEFTOVERS)):
            continue
        place = target / entry.name
        if entry.is_dir() and (entry.name == "twisted" or (entry.name, entry.parent.name) == ("plugins", "twisted")):
            place.mkdir(exist_ok=True)
            link_packages(entry, place)
        elif not place.exists():
            place.symlink_to(entry)


@pytest.fixture
def venv(tmp_path: Path) -> Venv:
    made = Venv(tmp_path / "venv", tmp_path / "foreign")
    made.foreign.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(made.path)], check=True, timeout=60)
    for key in ("purelib", "platlib"):
        link_packages(Path(sysconfig.get_path(key)), made.site_packages)
    assert not re.search(r"^ +jimigw ", made.run("python", *TWISTD, "--help"), re.M), "another jimigw shows through"
    return made


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what is shipped of the checkout."""
    release = tuple(int(part) for part in version("setuptools").split(".")[:2])
    assert release >= (70, 1), "building a wheel without the network needs the test extra: pip install -e '.[test]'"
    target = tmp_path / "checkout"
    target.mkdir()
    for name in SHIPPED:
        if (CHECKOUT / name).is_dir():
            shutil.copytree(CHECKOUT / name, target / name, ignore=shutil.ignore_patterns(*LEFTOVERS))
        elif (CHECKOUT / name).exists():
            shutil.copy(CHECKOUT / name, target / name)
    return target


@pytest.fixture
def wheel(copy: Path, venv: Venv) -> Path:
    venv.run("python", "-m", "pip", "wheel", *PIP_INSTALL[3:], "--wheel-dir", str(copy.parent / "wheels"), str(copy))
    [built] = (copy.parent / "wheels").iterdir()
    return built


def check_installed(venv: Venv, root: Path) -> None:
    """Check that twistd and the console script show the jimigw that lies under ``root``."""
    assert venv.file_of("jimigw") == (root / "jimigw/__init__.py").resolve()
    assert venv.file_of("twisted.plugins.jimigw_plugin") == (root / "twisted/plugins/jimigw_plugin.py").resolve()
    # Twice: the second time twistd reads the plugin cache that the first wrote.
    for _ in range(2):
        listed = venv.run("python", *TWISTD, "--help")
        assert re.search(r"^ +jimigw +An open gateway for dashcam and tracker\s+fleets\.", listed, re.M), listed
    assert "--config" in venv.run("python", *TWISTD, "jimigw", "--help")
    assert "decode" in venv.run("jimigw", "--help")
    deltas = [*(CHECKOUT / "jimigw/store/deltas").glob("*.sql")]
    assert venv.run("python", "-c", "from jimigw.store.schema import VERSION; print(VERSION)") == f"{len(deltas)}\n"


def test_after_an_editable_install(venv: Venv, copy: Path) -> None:
    venv.run("python", *PIP_INSTALL, "--editable", str(copy))
    check_installed(venv, copy)


def test_after_an_install_from_a_wheel(venv: Venv, wheel: Path) -> None:
    venv.run("python", *PIP_INSTALL, str(wheel))
    shutil.rmtree(wheel.parent.parent / "checkout")
    check_installed(venv, venv.site_packages)


def test_what_the_wheel_holds(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = set(archive.namelist())
        metadata = next(name for name in files if name.endswith(".dist-info/METADATA"))
        facts = Parser().parsestr(archive.read(metadata).decode("utf-8"))
    code = {name for name in files if ".dist-info/" not in name}
    modules = {str(file.relative_to(CHECKOUT)) for file in (CHECKOUT / "jimigw").rglob("*.py")}
    data = {str(file.relative_to(CHECKOUT)) for file in (CHECKOUT / "jimigw").rglob("*.sql")}
    assert code == modules | data | {"jimigw/py.typed", "twisted/plugins/jimigw_plugin.py"}
    assert any(name.endswith("/LICENSE") for name in files)
    check_metadata(facts)


def check_metadata(facts: Message) -> None:
    assert facts["Name"] == "jimigw"
    assert facts["Requires-Python"] == ">=3.11"
    assert set(facts.get_all("Provides-Extra", [])) == {"s3", "test", "check", "dev"}
    required = [re.split(r"[\s<>=;\[]", line)[0].lower() for line in facts.get_all("Requires-Dist", [])]
    # Once in its own extra, once in dev.
    assert {name: required.count(name) for name in ("twisted", "attrs", "pytest", "ruff", "mypy-zope")} == {
        "twisted": 1,
        "attrs": 1,
        "pytest": 2,
        "ruff": 2,
        "mypy-zope": 2,
    }


def test_the_plugin_folders_are_namespace_packages() -> None:
    assert not [*(CHECKOUT / "twisted").rglob("__init__.py")]


def test_the_plugin_cache_stays_out_of_the_repository() -> None:
    assert "dropin.cache" in (CHECKOUT / ".gitignore").read_text(encoding="utf-8").splitlines()
