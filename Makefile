.PHONY: help setup demo test check fuzz bench torture soak sample pictures clean
.DEFAULT_GOAL := help

PYTHON ?= python3
# Some of the suite waits for sockets: one worker more than there are cores keeps them busy.
WORKERS ?= $(shell $(PYTHON) -c "import os; print(1 + (os.cpu_count() or 1))")
ROUNDS ?= 1000
MINUTES ?= 10
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

help: ## list the words
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "feedtape needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $(READY)

setup: $(READY) ## install feedtape and its tools into .venv

demo: setup ## record the simulated exchange, verify the tape, replay it, compare
	$(BIN)/python recordings/demo.py

test: setup ## run the tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: setup ## all that CI runs: format, lint, types, import contracts, tests
	$(BIN)/ruff format --check cli tests recordings
	$(BIN)/ruff check cli tests recordings
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

SECONDS ?= 60

fuzz: setup ## fuzz each target in tests/fuzz for SECONDS (60)
	$(BIN)/python -m pip install --quiet --group fuzz
	@for target in $$($(BIN)/python tests/fuzz/run.py); do \
	  echo "== $$target"; found=$$(mktemp -d); \
	  $(BIN)/python tests/fuzz/run.py $$target -max_total_time=$(SECONDS) -artifact_prefix=$$target- $$found || exit 1; \
	  rm -r $$found; \
	done

bench: setup ## measure replay, recording, size and screens against their floors
	$(BIN)/python tests/bench.py
	$(BIN)/python tests/bench_screen.py

torture: setup ## damage tapes in every way, ROUNDS=1000 times
	$(BIN)/python tests/torture.py --rounds $(ROUNDS)

soak: setup ## record a fast and faulty simulator for MINUTES=10
	$(BIN)/python tests/soak.py --minutes $(MINUTES)

sample: setup ## make the sample tape in recordings/ anew from the simulator
	$(BIN)/python recordings/demo.py --sample

pictures: setup ## make the README's pictures anew from the simulator
	$(BIN)/python recordings/pictures.py

clean: ## remove what the other words made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
