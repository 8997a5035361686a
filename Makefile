# Every verb explains itself: `make help`. The work is done by scripts/ and by the programs in .venv/bin.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

BOOTSTRAP := @scripts/bootstrap.sh
STEP := @scripts/step.sh
BIN := .venv/bin
PYTEST := $(BIN)/pytest -q --durations=5 --durations-min=5
# More words for the program behind a verb: make check ARGS="-x -k spool", make up ARGS="--port 9443"
ARGS ?=
# Seconds that tests may take, then the run is interrupted and counts as failed. On two cores real peers take some
# 40 minutes; a busy machine gets more. Tests wait for peers and timers more than they compute: several run at once.
PEERS_LIMIT ?= 4100
UNITS_LIMIT ?= 2400

##@ Use

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@printf '\nPlace of all state: OOB_STATE, default ~/.local/share/outofband. Start here: docs/howto/install.md\n'

.PHONY: up
up: ## Install what is missing, start control plane, agent and demo VM, say how to attach
	$(BOOTSTRAP) run
	@$(BIN)/oob up $(ARGS)

.PHONY: down
down: ## Stop everything that `make up` started; all state stays
	@if [ -x $(BIN)/oob ]; then $(BIN)/oob down $(ARGS); else echo "Nothing is installed here, so nothing to stop."; fi

##@ Work on it

.PHONY: check
check: ## Lint, types, import floors, unit and property tests, the portal's too (about 13 minutes on two cores)
	$(BOOTSTRAP) check
	$(STEP) "Lint (ruff)" $(BIN)/ruff check --quiet .
	$(STEP) "Format (ruff)" $(BIN)/ruff format --quiet --check .
	$(STEP) "Types (mypy --strict)" $(BIN)/mypy
	$(STEP) "Floors and towers (import-linter)" $(BIN)/lint-imports --no-logo
	$(STEP) "Portal: types (tsc)" scripts/npm.sh run --silent check
	$(STEP) "Portal: lint (biome)" scripts/npm.sh run --silent lint
	$(STEP) "Portal: tests (vitest)" scripts/npm.sh run --silent test
	$(STEP) "Unit and property tests" scripts/tests.sh $(UNITS_LIMIT) 4 "not peers and not soak" "tests/unit tests/property" $(ARGS)

.PHONY: test
test: ## check, then the tests on real peers: QEMU, PostgreSQL, Chromium, several processes (most of an hour on two cores)
	$(BOOTSTRAP) test
	@$(MAKE) --no-print-directory check
	$(STEP) "Real peers" scripts/tests.sh $(PEERS_LIMIT) 2 "peers and not soak" tests $(ARGS)

.PHONY: soak
soak: ## Long kills, loads, bad lines, fuzzed parsers (an hour or more; prints figures)
	$(BOOTSTRAP) test
	@scripts/apart.sh atheris
	$(STEP) "Soak" $(PYTEST) -s -m soak -o timeout=0 tests $(ARGS)

.PHONY: bench
bench: ## Benchmarks side by side with their peers, in one run
	$(BOOTSTRAP) bench
	$(STEP) "Benchmarks: consoles" bench/run $(ARGS)
	$(STEP) "Benchmarks: requests" bench/api/run $(ARGS)
	$(STEP) "Benchmarks: tokens" bench/identity/run $(ARGS)
	$(STEP) "Benchmarks: the failure detector" $(BIN)/python -m bench.detector

.PHONY: lock
lock: ## Write requirements/*.txt anew from pyproject.toml (ARGS=--upgrade for newest versions)
	@scripts/lock.sh $(ARGS)

##@ Tidy

.PHONY: clean
clean: ## Remove .venv, node_modules, caches and built files; VMs and their state stay
	@scripts/clean.sh
