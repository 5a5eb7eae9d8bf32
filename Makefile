# Everything sets itself up in .venv: all that must be there is Python 3.11 or newer and make.
#   make demo            the whole main job on this machine, without configuration   (ARGS="--once --lang fa")
#   make test            set-up, then the gate: format, lint, types, import contracts, tests
#   make check           the gate alone, stopping at the first complaint
#   make bench           the figures
#   make screenshots     the pictures of the README, from a real run (needs Chromium)

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
ARGS ?=

BIN := $(VENV)/bin
RUNTIME := $(VENV)/.ready
DEVELOPMENT := $(VENV)/.ready-for-development
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test check format lint types imports tests bench screenshots clean
.DEFAULT_GOAL := demo

define make_venv
	@command -v $(PYTHON) >/dev/null || { echo "there is no $(PYTHON) here; name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Otklik needs Python 3.11 or newer; name one: make PYTHON=python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "setting up $(VENV) (once, a minute or two)"; $(PYTHON) -m venv $(VENV); } \
		|| { rm -rf $(VENV); echo "$(PYTHON) cannot make a venv; on Debian: apt install python3-venv" >&2; exit 1; }
endef

$(RUNTIME): pyproject.toml constraints.txt
	$(make_venv)
	@$(PIP) --editable .
	@touch $@

$(DEVELOPMENT): pyproject.toml constraints.txt
	$(make_venv)
	@$(PIP) --editable '.[dev]'
	@touch $(RUNTIME) $@

demo: $(RUNTIME)
	@$(BIN)/otklik demo $(ARGS)

# -k: one broken part of the gate hides no other. -j: types are checked while tests wait.
test: $(DEVELOPMENT)
	@$(MAKE) --no-print-directory -k -j 2 check

check: format lint types imports tests

format: $(DEVELOPMENT)
	$(BIN)/ruff format --check .

lint: $(DEVELOPMENT)
	$(BIN)/ruff check .

types: $(DEVELOPMENT)
	$(BIN)/mypy

imports: $(DEVELOPMENT)
	$(BIN)/lint-imports

# The tests start hundreds of processes: where Python keeps no bytecode, each compiles the program anew.
tests: $(DEVELOPMENT)
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/pytest -n $(WORKERS) --dist worksteal $(ARGS)

bench: $(RUNTIME)
	@set -e; for figure in benchmarks/emails.py benchmarks/import.py benchmarks/segments.py; do echo "== $$figure"; $(BIN)/python $$figure $(ARGS); done

screenshots: $(DEVELOPMENT)
	$(BIN)/python docs/pictures/make.py

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
