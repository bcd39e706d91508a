# Every target does all its own set-up: it needs Python 3.10+ with venv, and make.
# make PYTHON=python3.13 test   chooses the interpreter (after `make clean`, where .venv has another).

PYTHON = python3
BIN = .venv/bin
PIP = $(BIN)/python -m pip --quiet --disable-pip-version-check
# Most tests wait for processes of theirs: three at once keep two cores busy.
PYTEST = $(BIN)/python -m pytest -n 3 --dist worksteal

.DELETE_ON_ERROR:
.PHONY: help demo test test-all servers lint types clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: .venv/.demo ## run five small services and see their traces
	$(BIN)/platform-trace demo

test: .venv/.development ## run the tests, but for the long matrices
	$(PYTEST) $(ARGS)

test-all: .venv/.libraries ## run every test
	$(PYTEST) -m "" $(ARGS)

servers: ## install the servers that some tests use, from Debian's packages (needs root; without them those are skipped)
	apt-get install --yes --no-install-recommends mariadb-server memcached postgresql rabbitmq-server redis-server

lint: .venv/.development ## check style and format
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

types: .venv/.development ## check types
	$(BIN)/python -m mypy

clean: ## remove .venv and everything that was built
	rm -rf .venv build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -type d -name __pycache__ -prune -exec rm -rf {} +

# The stamps stand inside .venv, so that they go when it goes.

.venv/.demo: .venv/.pip pyproject.toml
	$(PIP) install --editable ".[demo]"
	touch $@

.venv/.development: .venv/.pip pyproject.toml
	$(PIP) install --editable ".[demo,all,grpc,signals,collector,adopt]" --group dev
	touch .venv/.demo $@

.venv/.libraries: .venv/.development
	$(PIP) install --group libraries
	touch $@

# Dependency groups came with pip 25.1, and most Pythons bring an older one.
.venv/.pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or later is needed: make PYTHON=...")'
	$(PYTHON) -m venv --clear .venv
	$(PIP) install --upgrade pip
	touch $@
