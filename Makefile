# Two commands work from a fresh clone: `make demo` and `make test`. They need Python >= 3.11, pip and make.
PYTHON ?= python3
# The newest libraries may need a newer Python: use the newest supported version that is installed.
PYTHON_NEWEST ?= $(shell for python in python3.13 python3.12 $(PYTHON); do \
	$$python -c 'import ensurepip' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

# Real data for tests and benchmarks, read in place. If it is missing, those tests are skipped, with a reason.
REAL_DATA := $(wildcard ../shared/data)
ifneq ($(REAL_DATA),)
export PDMR_REAL_DATA ?= $(abspath $(REAL_DATA))
endif

# Tests run in two processes, and a process that has finished takes over tests of the other.
PARALLEL := -n 2 --dist worksteal

.PHONY: help demo test lint types check-fast docs test-oldest test-newest fuzz audit clean

help:
	@echo "make demo        install, then run the whole pipeline on synthetic data"
	@echo "make test        install the test dependencies, then run lint, type checks and tests"
	@echo "make check-fast  the same without the slow tests"
	@echo "make docs        build the documentation site into site/; fails on any warning"
	@echo "make test-oldest, make test-newest"
	@echo "                 run the fast tests with the oldest supported or the newest library versions"
	@echo "make fuzz        run the readers on 100,000 broken files (options: FUZZ='--examples 1000 --seed 7')"
	@echo "make audit       ask PyPI for known vulnerabilities of the pinned versions (needs internet; not part of make test)"
	@echo "make clean       remove the environments and caches"

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("pdmr-classic needs Python >= 3.11, found " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install --quiet -c constraints.txt -e .
	@touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install --quiet -c constraints.txt -e '.[lint,test]'
	@touch $@ $(VENV)/.core

demo: $(VENV)/.core
	$(BIN)/pdmr-classic demo

lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.test
	$(BIN)/mypy

test: lint types
	$(BIN)/pytest $(PARALLEL)

check-fast: lint types
	$(BIN)/pytest -m 'not slow' $(PARALLEL)

$(VENV)/.docs: $(VENV)/.core
	$(PIP) install --quiet -c constraints.txt -e '.[docs]'
	@touch $@

# The variable turns off an advertisement.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Tests with other library versions, each in a separate environment.
$(VENV)-oldest/.test: pyproject.toml constraints-oldest.txt
	$(PYTHON) -m venv --clear $(VENV)-oldest
	$(VENV)-oldest/bin/python -m pip --disable-pip-version-check install --quiet -c constraints-oldest.txt -e '.[test]'
	@touch $@

# Rebuilt each time without constraints, because the newest versions change.
$(VENV)-newest/.test: .FORCE
	$(PYTHON_NEWEST) -m venv --clear $(VENV)-newest
	$(VENV)-newest/bin/python -m pip --disable-pip-version-check install --quiet -e '.[test]'
	@touch $@

.FORCE:

test-oldest test-newest: test-%: $(VENV)-%/.test
	$(VENV)-$*/bin/python -m pip --disable-pip-version-check freeze --exclude-editable > $(VENV)-$*/versions.txt
	$(VENV)-$*/bin/pytest -m 'not slow' $(PARALLEL)

fuzz: $(VENV)/.test
	PYTHONPATH=tests nice -n 15 $(BIN)/python tests/io/fuzzing.py $(FUZZ)

# In a separate environment. Strict: a version that PyPI does not know counts as a failure.
audit: $(VENV)/bin/python
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip --disable-pip-version-check install --quiet 'pip-audit>=2.9'
	$(VENV)-audit/bin/pip-audit --strict --requirement constraints.txt --no-deps --disable-pip --progress-spinner off

clean:
	rm -rf site $(VENV) $(VENV)-audit $(VENV)-oldest $(VENV)-newest .mypy_cache .pytest_cache .ruff_cache .hypothesis
