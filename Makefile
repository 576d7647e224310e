# Everything goes into .venv from the lock files, with hashes; only `make browser` touches anything else on the machine.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.up-to-date
N ?= 100 1000 10000
# One worker more than there are processors, since tests wait for servers and clocks now and then.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)

.DEFAULT_GOAL := help

help:  ## show this list
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 17

setup: $(STAMP)  ## install everything into .venv (skipped when up to date)

$(STAMP): requirements-setup.lock requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Counterfoil needs Python 3.11 or newer; try: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-setup.lock
	@$(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode --python $(BIN)/python requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q connectors mapping state sync
	@touch $@

demo: $(STAMP)  ## run the main job on embedded trackers, and leave a folder to look into
	@$(BIN)/counterfoil demo

test: $(STAMP)  ## run the tests
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

browser:  ## install Debian's Chromium, as root, for the test that looks at a page in one; left alone where there is one
	@command -v chromium || command -v chromium-browser || command -v google-chrome || { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium; }

test-postgresql: $(STAMP)  ## run those tests that use PostgreSQL
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m postgresql

check: $(STAMP)  ## lint, types, import rules, and the wheel in a clean environment
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(MAKE) --no-print-directory --jobs 2 types wheel

types: $(STAMP)
	@$(BIN)/mypy --num-workers 2

wheel: $(STAMP)
	@$(BIN)/python -m pytest -q tests/e2e/wheel.py

bench: $(STAMP)  ## measure requests, wall time, CPU and memory (N="100 1000" for less)
	@$(BIN)/python -m tests.bench.mirror $(N)
	@$(BIN)/python -m tests.bench.local

campaign: $(STAMP)  ## break it on purpose, long and often, and write docs/reliability.md (NAME=crashes SIZE=100 SEED=7; WITHIN=SECONDS writes nothing)
	@$(BIN)/python -m tests.campaigns $(NAME) $(if $(SIZE),--size $(SIZE)) $(if $(SEED),--seed $(SEED)) \
		$(if $(WITHIN),--within $(WITHIN))

picture: $(STAMP)  ## draw docs/demo.svg, the picture of the demo in the README
	@$(BIN)/counterfoil demo --picture docs/demo.svg

lock:  ## resolve the dependencies anew into requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --group dev --all-extras --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --quiet --upgrade --output-file requirements.lock

clean:  ## remove .venv and what tools left behind
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist

.PHONY: help setup demo test browser test-postgresql check types wheel bench campaign picture lock clean
