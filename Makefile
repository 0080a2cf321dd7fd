# Nightshift: what a newcomer calls is `make demo` and `make test`; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONPATH := $(CURDIR)
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow check format lint types imports spelling catalogue reference schema docs package audit record-ledger lock \
	infra bicep-types bench-start bench-latency bench-limits bench-replay bench-drain bench-forwarder bench-sweep \
	bench-scale cost clean

help: ## list what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

setup: $(VENV)/.done node_modules/.done ## create the virtual environment, install everything

$(VENV)/.done: requirements.txt requirements-dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Nightshift needs Python 3.11 or newer: make PYTHON=python3.11 setup")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

node_modules/.done: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

demo: setup ## four platform events, from the feed to a verified remediation
	$(BIN)/python -m sandbox.demo --report demo-report.json

test: setup ## the whole test suite
	$(BIN)/python -m pytest -q -n 3 --dist loadfile

test-slow: setup ## the state machine at nightly size
	NIGHTSHIFT_MACHINE_RUNS=3000 $(BIN)/python -m pytest -q tests/property

check: lint types imports spelling catalogue-current pages-current docs roles-current infra ## exactly what CI checks
lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
format: setup ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --quiet .
types: setup
	$(BIN)/mypy
imports: setup
	$(BIN)/lint-imports
spelling: setup
	$(BIN)/codespell
catalogue: setup ## write docs/CATALOGUE.md from the remediations' examples
	$(BIN)/python -m cli.catalogue > docs/CATALOGUE.md
	$(BIN)/python -m cli.posture > docs/POSTURE.md
.PHONY: catalogue-current
catalogue-current: setup
	$(BIN)/python -m cli.catalogue | diff -u docs/CATALOGUE.md -
	$(BIN)/python -m cli.posture | diff -u docs/POSTURE.md -
infra: setup .cache/checkov/.done ## scan the Bicep files and the pipelines with checkov; the tests hold them against the grammar and the types
	$(BIN)/python scripts/scan_templates.py .cache/checkov/bin/checkov
	LOG_LEVEL=ERROR .cache/checkov/bin/checkov --file .github/workflows/*.yml azure-pipelines.yml \
		--framework github_actions azure_pipelines --skip-download --compact --quiet
.cache/checkov/.done: requirements-infra.txt
	$(PYTHON) -m venv --clear .cache/checkov
	.cache/checkov/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-infra.txt
	@touch $@
bicep-types: setup ## write infra/bicep/types.json from the vendor's libraries, after a type came in
	$(BIN)/python scripts/bicep_types.py
roles: setup ## write the roles that Bicep deploys from the role table
	$(BIN)/python -m cli.roles > infra/bicep/modules/roles.json
.PHONY: roles roles-current
roles-current: setup
	$(BIN)/python -m cli.roles | diff -u infra/bicep/modules/roles.json -
reference: setup ## write docs/REFERENCE.md from the models of rules
	$(BIN)/python -m cli.reference > docs/REFERENCE.md
.PHONY: pages-current
pages-current: setup # what a script wrote into docs/ is what it would write now
	$(BIN)/python -m cli.reference | diff -u docs/REFERENCE.md -
	$(BIN)/python bench/scale.py --check
	$(BIN)/python bench/cost.py --check
schema: setup ## write rules/schema.json from the models
	$(BIN)/python -m cli.rules --write-schema
docs: setup ## build the documentation into site/; fails on a dead link or anchor
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
package: setup ## build the deployment zip in dist/, and say what is in it
	$(BIN)/python scripts/package.py
record-ledger: setup ## a ledger in mid-storm, for later releases to finish; once for each release
	$(BIN)/python -m tests.upgrade.record
audit: setup ## known weaknesses of the locked packages; asks the package index
	$(BIN)/pip-audit --requirement requirements.txt --require-hashes --disable-pip --strict --progress-spinner off
	$(BIN)/pip-audit --requirement requirements-dev.txt --require-hashes --disable-pip --strict --progress-spinner off
	$(BIN)/pip-audit --requirement requirements-infra.txt --require-hashes --disable-pip --strict --progress-spinner off
lock: setup ## write requirements*.txt from requirements*.in
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header requirements.in -o requirements.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header requirements-dev.in -o requirements-dev.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --override requirements-infra.override requirements-infra.in -o requirements-infra.txt
bench-start: setup ## cold start, as ratios
	$(BIN)/python bench/start.py
bench-latency: setup ## event to first effect on the fast path
	$(BIN)/python bench/latency.py
bench-limits: setup ## what counting adds to opening a plan, as ratios
	$(BIN)/python bench/limits.py
bench-replay: setup ## replaying 100,000 recorded events
	$(BIN)/python bench/replay.py
bench-forwarder: setup ## what the forwarder costs its machine, beside the limits
	$(BIN)/python bench/forwarder.py
bench-scale: setup ## what bounds events a second and machines watched, and which split helps
	$(BIN)/python bench/scale.py
cost: setup ## what it costs a month, with the arithmetic
	$(BIN)/python bench/cost.py
bench-drain: setup ## a drain beside kubectl's, and 500 nodes at once
	$(BIN)/python bench/drain.py
bench-sweep: setup ## an idle sweep of 100,000 machines, beside Cloud Custodian
	$(BIN)/python -m bench.sweep
clean: ## remove what setup and the tests made
	rm -rf $(VENV) .cache node_modules site dist .sandbox .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
