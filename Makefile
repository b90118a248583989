# Every target makes the virtual environment it needs. `make help` lists the targets.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m pip install --quiet
DEMO_DIR := .demo

.DEFAULT_GOAL := help
.PHONY: help demo run test check format validate bench notebooks schemas browser clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/runtime  ## release a harmful version and a healthy one, end to end
	$(BIN)/tidegate demo --data-dir $(DEMO_DIR)

run: $(VENV)/runtime  ## service, engine and dashboard on the demo's data, until Ctrl-C
	$(BIN)/tidegate run --data-dir $(DEMO_DIR)

test: $(VENV)/development browser  ## all tests but the long ones
	$(BIN)/python -m pytest -m "not validation" -n 2 --dist loadfile

check: $(VENV)/development  ## lint, format, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/development  ## mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

validate: $(VENV)/development  ## long simulations: minutes
	$(BIN)/python -m pytest -m validation -s

bench: $(VENV)/development  ## benchmarks: JSON in benchmarks/results
	$(BIN)/python benchmarks/run.py

notebooks: $(VENV)/development  ## execute every notebook from a clean kernel
	$(BIN)/python notebooks/execute.py

schemas: $(VENV)/development  ## JSON Schemas and the reference, from the manifest's documents
	$(BIN)/tidegate schema --out platform/tidegate/schemas
	$(BIN)/tidegate schema --markdown > docs/manifest-reference.md

browser:  ## Chromium for the browser tests, where it is missing and can be installed
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null \
	  || command -v google-chrome >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	       && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; } \
	  || echo "no Chromium here: the browser tests will be skipped; install the package chromium"

clean:  ## remove the virtual environment and what the demo left
	rm -rf $(VENV) $(DEMO_DIR) $(DEMO_DIR).before

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/runtime: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable .
	@touch $@

$(VENV)/development: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/runtime
