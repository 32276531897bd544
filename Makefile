# Two commands for a fresh machine: `make demo` and `make test`. Both make .venv and install what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

FUZZ_EXAMPLES ?= 5000
# What browser tests take from npm. Without npm they skip, and say so.
NPM := tests/people/node_modules

.PHONY: bench demo fuzz test lint types check clean

demo: $(VENV)/demo.installed
	$(BIN)/captcha-gate demo

test: $(VENV)/test.installed $(NPM)
	$(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

fuzz: $(VENV)/test.installed
	FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(BIN)/python -m pytest -n 2 tests/fuzz $(PYTEST_ARGS)

bench: $(VENV)/bench.installed
	PYTHONPATH=tests $(BIN)/python -m benchmarks $(BENCH)

lint: $(VENV)/lint.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/lint.installed $(VENV)/test.installed
	$(BIN)/mypy

check: lint types test

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

$(VENV)/demo.installed: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[demo,fast,redis]"
	@touch $@

$(VENV)/test.installed: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[demo,fast,redis]" --group test
	@touch $@

$(NPM): tests/people/package.json
	-! command -v npm >/dev/null || npm install --prefix $(@D) --no-package-lock --no-audit --no-fund --loglevel=error
	@[ ! -d $@ ] || touch $@

$(VENV)/bench.installed: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[demo,fast,redis]" --group bench
	@touch $@

$(VENV)/lint.installed: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[demo,fast,redis]" --group lint
	@touch $@

clean:
	rm -rf $(VENV) $(NPM) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
