# Two commands to begin with: `make demo`, then `make dev-demo`. Each target sets up what it needs.
SHELL := /bin/sh
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
BIN := .venv/bin
STAMP := .venv/.complete
PEERS := .peers/.complete
ARGS ?=
HOURS ?= 24
# A folder with every library (make wheelhouse) stands in for the index, on a machine without network.
WHEELHOUSE ?= wheelhouse
PIP := -m pip --quiet --disable-pip-version-check
FROM := $(if $(wildcard $(WHEELHOUSE)/*.whl),--no-index --find-links $(WHEELHOUSE))

.DEFAULT_GOAL := help
.PHONY: help setup peers demo dev-demo dev test check docs screenshots bench soak staging lock wheelhouse

help:  ## Show this list
	@echo "crypto_bt: fresh market data, honest nightly backtests."
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'

setup: $(STAMP)  ## Create .venv, install the pinned libraries, prepare the live home
	@$(BIN)/crypto-bt init --quiet

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "crypto_bt needs Python 3.11 or newer, and $(PYTHON) is %d.%d. Install it, or name it: make setup PYTHON=/path/to/python3.11" % v[:2])'
	@echo "Setting up .venv (about a minute, once) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python $(PIP) install $(FROM) --require-hashes -r requirements.lock
	@$(BIN)/python $(PIP) install $(FROM) --no-build-isolation --no-deps -e .
	@touch $@

peers: $(PEERS)  ## Create .peers: the tools we are compared with (1 GB, tests and bench use them)

$(PEERS): benchmarks/peers/requirements.lock
	@echo "Setting up .peers (about a minute, once) ..."
	@test -x .peers/bin/python || $(PYTHON) -m venv .peers
	@.peers/bin/python $(PIP) install --require-hashes -r $<
	@touch $@

demo: setup  ## See the whole pipeline work on a simulated market (ARGS="--symbols 10")
	@$(BIN)/crypto-bt demo $(ARGS)

dev-demo: setup  ## Open the demo in the Dagster web UI
	@$(BIN)/crypto-bt dev --home data/demo $(ARGS)

dev: setup  ## Open the live home in the Dagster web UI
	@$(BIN)/crypto-bt dev $(ARGS)

test: setup  ## Run the tests (under 10 minutes)
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

check: setup  ## Format, lint, types, import rules, definitions
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/dagster definitions validate

docs: setup  ## Write the generated parts of the documents anew
	@$(BIN)/python -m crypto_bt_tests.documents

screenshots: setup  ## Take the README's pictures anew, of a demo in a browser
	@$(BIN)/python -m crypto_bt_tests.browser.screenshots

bench: setup peers  ## Measure speed, one JSON object a line
	@for file in benchmarks/bench_*.py; do $(BIN)/python $$file || exit 1; done

soak: setup  ## Run the fault campaigns in full, into docs/evidence
	@for file in benchmarks/soak_*.py; do $(BIN)/python $$file $(ARGS) || exit 1; done

staging: setup  ## Run everything with planned faults before going live, and report (HOURS=24)
	@$(BIN)/python benchmarks/staging.py --hours $(HOURS) $(ARGS)

wheelhouse: setup  ## Fetch every library into wheelhouse/, to set up a machine without network
	@$(BIN)/python $(PIP) download --require-hashes -r requirements.lock -d $(WHEELHOUSE)
	@echo "Copy this folder, $(WHEELHOUSE)/ included, to a machine with the same system and Python; make demo sets up there."

lock: setup  ## Pin every library anew in requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header \
		--no-strip-extras --generate-hashes --extra dev --upgrade pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header \
		--no-strip-extras --generate-hashes --upgrade benchmarks/peers/requirements.in -o benchmarks/peers/requirements.lock
