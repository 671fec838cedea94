# Two commands from a fresh clone: `make demo` and `make test`. They need Python >= 3.11, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

# Real data for tests and benchmarks, read in place where it exists; without it those tests skip, with a reason.
REAL_DATA := $(wildcard ../shared/data)
ifneq ($(REAL_DATA),)
export PDMR_REAL_DATA ?= $(abspath $(REAL_DATA))
endif

.PHONY: help demo test lint types check-fast clean

help:
	@echo "make demo        install, then run the whole path on a synthetic set"
	@echo "make test        install what the tests need, then lint, types, tests"
	@echo "make check-fast  the same without the long tests"
	@echo "make clean       remove the environment and caches"

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("pdmr-classic needs Python >= 3.11, found " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install --quiet -c constraints.txt -e .
	@touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install --quiet -c constraints.txt -e '.[test]'
	@touch $@ $(VENV)/.core

demo: $(VENV)/.core
	$(BIN)/pdmr-classic demo

lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.test
	$(BIN)/mypy

test: lint types
	$(BIN)/pytest

check-fast: lint types
	$(BIN)/pytest -m 'not slow'

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
