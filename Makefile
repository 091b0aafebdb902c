# jimigw: everything here works from a bare checkout with Python 3.11 or newer, its venv module and make. Nothing needs root.
#
#   make run     start the service in the foreground with conf/jimigw.toml      RUN_ARGS=--set\ 'log.level="debug"'
#   make test    the tests                                                      PYTEST_ARGS='-k journal -x'
#   make check   linter, formatter, types
#   make format  let the formatter and the linter repair what they can
#   make bench   the benchmarks                                                 BENCH_ARGS=...
#   make docs    write the generated pages and the shipped config again
#   make swift   install a store that speaks S3, for the tests of uploads to one (OpenStack Swift, from PyPI)
#   make clean   remove .venv and what the tools leave behind (never var/)

VENV ?= .venv
CONFIG ?= conf/jimigw.toml
RUN_ARGS ?=
PYTEST_ARGS ?=
BENCH_ARGS ?=

PY := $(VENV)/bin/python
# One stamp for what the service needs, one for what its developers need beside that.
RUN_STAMP := $(VENV)/.jimigw-run
DEV_STAMP := $(VENV)/.jimigw-dev
PIP_INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check
SOURCES := $(wildcard jimigw tests benchmarks twisted/plugins/jimigw_plugin.py)

# A virtualenv knows where it lies and which Python made it. One that was moved, or whose Python is gone, is made again.
ifneq ($(wildcard $(VENV)),)
STALE := $(shell \
    made_at=$$(sed -n 's/^command = .* -m venv \(--[^ ]* \)*//p' $(VENV)/pyvenv.cfg 2>/dev/null); \
    if [ -n "$$made_at" ] && ! [ "$$made_at" -ef $(VENV) ]; then echo stale-venv; \
    elif ! $(PY) -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo stale-venv; fi)
endif

.PHONY: all run test check format bench docs swift clean stale-venv
.DELETE_ON_ERROR:
# Two pips in one virtualenv would get into each other's way.
.NOTPARALLEL:

all: test check

run: $(RUN_STAMP)
	@exec $(VENV)/bin/twistd -n --pidfile= jimigw --config $(CONFIG) $(RUN_ARGS)

test: $(DEV_STAMP)
	@$(PY) -m pytest $(PYTEST_ARGS)

check: $(DEV_STAMP)
	@$(PY) -m ruff check $(SOURCES)
	@$(PY) -m ruff format --check $(SOURCES)
	@$(PY) -m mypy $(SOURCES)

format: $(DEV_STAMP)
	@$(PY) -m ruff check --fix $(SOURCES)
	@$(PY) -m ruff format $(SOURCES)

bench: $(RUN_STAMP)
	@$(PY) -m benchmarks $(BENCH_ARGS)

docs: $(RUN_STAMP)
	@$(PY) -m jimigw.tools.docs

swift: $(VENV)/swift/.installed

clean:
	rm -rf $(VENV) build dist jimigw.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .schemathesis
	rm -f twisted/plugins/dropin.cache
	find jimigw tests benchmarks twisted -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(RUN_STAMP): setup.cfg pyproject.toml $(VENV)/pyvenv.cfg
	@echo "Installing what jimigw needs into $(VENV) ..."
	@$(PIP_INSTALL) --editable .
	@touch $@

$(DEV_STAMP): setup.cfg pyproject.toml $(VENV)/pyvenv.cfg
	@echo "Installing what jimigw and its tests need into $(VENV) ..."
	@$(PIP_INSTALL) --editable '.[dev]'
	@touch $(RUN_STAMP) $@

# It needs much that we do not, so it has an environment of its own; it goes with ours.
$(VENV)/swift/.installed: $(VENV)/pyvenv.cfg
	@echo "Installing Swift into $(VENV)/swift ..."
	@$(PY) -m venv --clear $(VENV)/swift
	@$(VENV)/swift/bin/python -m pip install --quiet --disable-pip-version-check 'swift==2.38.3'
	@touch $@

# PYTHON=/path/to/python chooses one; otherwise it is the newest that is there and can make a virtualenv.
$(VENV)/pyvenv.cfg: $(STALE)
	@set -e; found=; unable=; \
	for python in $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3); do \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then found=$$python; break; fi; \
	    unable=$${unable:-$$python}; \
	done; \
	if [ -z "$$found" ] && [ -n "$$unable" ]; then \
	    version=$$("$$unable" -c 'import sys; print("python%d.%d" % sys.version_info[:2])'); \
	    echo "$$unable cannot make a virtualenv: its ensurepip or its venv module is missing." >&2; \
	    echo "On Debian and Ubuntu: apt install $$version-venv" >&2; \
	    exit 1; \
	elif [ -z "$$found" ]; then \
	    echo "jimigw needs Python 3.11 or newer, and found none (tried: $(or $(PYTHON),python3.14 to python3.11 and python3))." >&2; \
	    echo "Install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2; \
	    exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$found" --version) ..."; \
	"$$found" -m venv --clear $(VENV)
