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

.PHONY: help demo test lint types check-fast audit clean

help:
	@echo "make demo        install, then run the whole path on a synthetic set"
	@echo "make test        install what the tests need, then lint, types, tests"
	@echo "make check-fast  the same without the long tests"
	@echo "make audit       ask PyPI for known holes in the pinned versions (needs the internet; no part of make test)"
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

# In an environment of its own. Strict: a version that PyPI has no answer for is no version without holes.
audit: $(VENV)/bin/python
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip --disable-pip-version-check install --quiet 'pip-audit>=2.9'
	$(VENV)-audit/bin/pip-audit --strict --requirement constraints.txt --no-deps --disable-pip --progress-spinner off

clean:
	rm -rf $(VENV) $(VENV)-audit .mypy_cache .pytest_cache .ruff_cache .hypothesis
