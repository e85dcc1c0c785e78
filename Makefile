# make locked: what CI installs, every file checked against its hash in requirements.lock.
# make run: the dashboard, and the demo sweep where there is none yet.   make test: all tests.
PORT ?= 8501
CACHE ?= cache
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -c constraints.txt
HASHED := $(BIN)/python -m pip --disable-pip-version-check install --require-hashes --only-binary :all:
REQUIREMENTS := $(wildcard requirements*.txt requirements/*.txt) constraints.txt

.PHONY: locked run demo test check bench clean

run: $(VENV)/.installed
	@exec $(BIN)/python -m dashboard --demo --port $(PORT) --cache $(CACHE)

demo: $(VENV)/.installed
	$(BIN)/python -m analysis demo --cache $(CACHE)

# Three processes: while a browser's page is waited for, two leave a core idle.
test: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m analysis bench

# setuptools comes first: it builds the one package that has no wheel, and nothing else is fetched for it.
locked: | $(VENV)/bin/python
	$(HASHED) -r requirements-build.lock
	$(HASHED) --no-build-isolation --no-binary pyftpdlib -r requirements.lock
	@touch $(VENV)/.installed $(VENV)/.installed-dev

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Lethe needs Python 3.11 or later; make PYTHON=python3.11 run")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt constraints.txt | $(VENV)/bin/python
	$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: $(REQUIREMENTS) | $(VENV)/bin/python
	$(PIP) -r requirements-dev.txt
	@touch $@ $(VENV)/.installed
