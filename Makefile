# Every way in. `make help` lists them; each target does its own set-up inside .venv.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
# Tests start some hundreds of interpreters: in a clean checkout each would compile all of Okra where an image sets this.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo demo-kubernetes controlplane test lint crds format bench lock clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# One stamp a lock file: a demo needs the small set only; tests need all of it.
$(VENV)/.python: 
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "okra needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Run: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.python requirements/demo.txt pyproject.toml
	$(BIN)/python -m pip install --disable-pip-version-check -q --require-hashes -r requirements/demo.txt
	$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.python requirements/dev.txt pyproject.toml
	$(BIN)/python -m pip install --disable-pip-version-check -q --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.demo

setup: $(VENV)/.dev ## Make .venv with everything that development needs

demo: $(VENV)/.demo ## Run the main job against an AWS double: a good version, then a bad one (about a minute)
	$(BIN)/okra demo $(DEMO_ARGS)

demo-kubernetes: $(VENV)/.demo ## The same with `okra controller` on a real Kubernetes control plane (built first; needs Go)
	@$(CONTROLPLANE_BUILD) kubernetes
	$(BIN)/okra demo --kubernetes $(DEMO_ARGS)

# Built from source into a cache outside the checkout: nothing to do takes a moment, all of it eight minutes of two cores.
CONTROLPLANE_BUILD := $(BIN)/python -m tests.controlplane.build

controlplane: $(VENV)/.python ## Build the real control plane that tests need (etcd, kube-apiserver, helm, Argo CD's ApplicationSet controller …; needs Go)
	@$(CONTROLPLANE_BUILD)

# The core and the actor runtime are covered to the last branch; everything runs on both cores of a small machine, in the
# order of tests/conftest.py: xdist's own begins with the files of many tests, and the slowest have few. Outside the core
# the slow ones wait for other processes and leave the cores idle: two workers a core halve the time.
PARALLEL := --dist loadfile --no-loadscope-reorder
WAITING = $(shell $(PYTHON) -c 'import os; print(2 * os.cpu_count())')
COVERED := tests/rollout tests/applications tests/actors/runtime

test: $(VENV)/.dev ## Run every test (PYTEST_ARGS="tests/web -k name" for some)
ifeq ($(PYTEST_ARGS),)
	@$(CONTROLPLANE_BUILD) || { [ "$${CONTROLPLANE:-}" != required ] && \
	  echo "controlplane: going on; the tests on a real control plane will be skipped"; }
	$(BIN)/python -m pytest -q -n auto $(PARALLEL) $(COVERED) --cov=okra.rollout --cov=okra.applications --cov=okra.actors.runtime --cov-branch \
	  --cov-report=term --cov-fail-under=100
	$(BIN)/python -m pytest -q -n $(WAITING) $(PARALLEL) --durations=20 $(foreach folder,$(COVERED),--ignore=$(folder)) tests
else
	$(BIN)/python -m pytest $(PYTEST_ARGS)
endif

lint: $(VENV)/.dev ## ruff, mypy --strict, import-linter, hadolint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile

crds: $(VENV)/.dev ## Rewrite the chart's copies of the kinds, the policies and the settings' schema after a change of a model
	$(BIN)/python -m tests.chart.held

format: $(VENV)/.dev ## Rewrite the sources in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## Measure, as ratios in one run (bench/README.md has the method)
	$(BIN)/python -m bench

lock: ## Rewrite the hashed lock files (needs uv)
	for set in runtime: demo:--extra=demo dev:--extra=demo,--extra=dev; do \
	  uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make lock" --upgrade $$(tr , ' ' <<< "$${set#*:}") \
	    pyproject.toml -o requirements/$${set%%:*}.txt; done
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" --upgrade requirements/build.in -o requirements/build.txt

clean: ## Remove the virtual environment and every cache in the checkout
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
