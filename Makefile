# `make run` and `make test` set up everything first; both need nothing but Python and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test quick lint format format-check types lock check-lock
.DELETE_ON_ERROR:
# What Python compiles is kept, whatever a container asks for: each process of the tests would take
# four seconds to do it again.
unexport PYTHONDONTWRITEBYTECODE

run: $(READY)
	$(BIN)/harness compare

test: $(READY)
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

# Without the tests that load the framework, start a process or open a database.
quick: $(READY)
	$(BIN)/python -m pytest --quick --numprocesses auto --dist worksteal

lint: $(READY)
	$(BIN)/ruff check .

format: $(READY)
	$(BIN)/ruff format .

format-check: $(READY)
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

# The environment is made anew when the lock or the project's description changes.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 14) else "Python 3.11 to 3.13 is needed, this is %d.%d; try: make PYTHON=python3.12" % v[:2])'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# Exact versions for every platform, without the name of a registry host.
COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --group dev --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header

lock: $(READY)
	$(COMPILE) --upgrade --output-file requirements.lock

# Versions and markers only: a file added to an old release changes hashes, not what is installed.
PINS = grep -E '^[A-Za-z0-9].*=='

check-lock: $(READY)
	cp requirements.lock $(VENV)/fresh.lock
	$(COMPILE) --output-file $(VENV)/fresh.lock > /dev/null
	$(PINS) requirements.lock > $(VENV)/pins.lock
	$(PINS) $(VENV)/fresh.lock | diff -u $(VENV)/pins.lock - || { echo 'requirements.lock is out of date: run make lock'; exit 1; }
