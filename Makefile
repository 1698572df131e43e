# Everything a contributor or a first-time user needs. `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
MATRIX ?= matrices/default.yaml
CASES ?= *
# Cells that try every case with themselves: an old one and a recent one, so that every case is made
# in one of them.
OWN ?= *torch1.4.0*,*torch2.13.0*
# Of matrices/eras.yaml: three small releases, and one that default.yaml has as well.
ERAS ?= *torch1.5.1*,*torch1.8.1*,*torch1.9.0*,*torch2.13.0*
# Cases to run there; empty for those that known answers are about.
ERAS_CASES ?=

# A machine may forbid bytecode; without it every start compiles everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup run check format test test-integration test-own-cell test-e2e test-eras test-held-out engine test-docker wheels schema clean

help: ## Show this list
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | \
		awk -F ':.*## ' '{printf "  \033[1m%-18s\033[0m %s\n", $$1, $$2}'

setup: $(BIN)/.ready ## Make .venv with ckptmatrix and its development tools

$(BIN)/.ready: pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer found; install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

run: setup ## Run the default matrix (MATRIX=… for another)
	@$(BIN)/ckptmatrix run $(MATRIX)

check: setup ## Lint, types, import contracts, spelling, Python 3.6 syntax of the cell program
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell README.md CHANGELOG.md docs runner matrices tests
	$(BIN)/vermin --no-tips --violations -t=3.6- runner/ckptcell

format: setup ## Format, and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: setup ## Unit tests: no Docker, no torch, no network; under two minutes
	$(BIN)/pytest tests/unit -n auto -q

test-integration: setup ## Conformance of venv; the cell program on every Python and in real torches
	@PYTHONPATH=tests $(BIN)/python -c 'from cell_jobs import interpreters as i; \
		print("the cell program is executed on Python", ", ".join(i()))'
	CKPTMATRIX_TEST_ENVS="$$($(BIN)/python tests/torch_environments.py $(MATRIX))" && \
		export CKPTMATRIX_TEST_ENVS CKPTMATRIX_TEST_MATRIX=$(MATRIX) CKPTMATRIX_TEST_CELLS='$(OWN)' && \
		$(BIN)/pytest tests/conformance tests/integration -k 'not docker' -q -rfE --timeout=900

test-own-cell: setup ## Cases in cells of their own: CASES='resume_*', MATRIX=… for other cells
	CKPTMATRIX_TEST_MATRIX=$(MATRIX) CKPTMATRIX_TEST_CASES='$(CASES)' \
		$(BIN)/pytest tests/integration/test_own_cell.py -q -rfE

test-e2e: setup ## The default matrix from end to end with known answers; trouble and interruption
	$(BIN)/pytest tests/e2e -k 'not debian and not eras and not held_out' -q -rfE --timeout=1800

test-eras: setup ## Known answers of releases between those of the default matrix (ERAS='*' ERAS_CASES='*' for all)
	CKPTMATRIX_TEST_ERAS='$(ERAS)' CKPTMATRIX_TEST_ERAS_CASES='$(ERAS_CASES)' \
		$(BIN)/pytest tests/e2e/test_eras_matrix.py -q -rfE

test-held-out: setup ## What diagnoses and predictions are worth where they were not written from (14 GB)
	CKPTMATRIX_TEST_HELD_OUT=1 $(BIN)/pytest tests/e2e/test_held_out_matrix.py -q -rfE

engine: ## Install and start a Docker engine with buildx, and make the Debian bases (needs root)
	@.ci/engine
	@images/make-bases

test-docker: setup ## Containers: conformance, builds, sandbox, debian.yaml with known answers; needs an engine
	CKPTMATRIX_REQUIRE_DOCKER=1 $(BIN)/pytest tests/conformance tests/integration tests/e2e \
		-k 'docker or debian or verdicts' -q -rfEs --timeout=1800

wheels: setup ## Refresh the table of published torch wheels
	$(BIN)/ckptmatrix wheels refresh

schema: setup ## Write the JSON Schema of matrix files from the code
	$(BIN)/ckptmatrix schema > matrices/schema/matrix.v1.json

clean: ## Remove .venv and caches; runs under reports/ stay
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
