# Every target makes the environment it needs; `make` alone lists the targets.
#
# PYTHON chooses the interpreter that the environment is made with (3.11 or newer), JOBS the
# number of test processes.

PYTHON ?= python3
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test check coverage docs reproduce benchmark latest clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.ready ## install, audit three real classifiers, write their reports to demo/
	@$(BIN)/trueup demo --out demo
	@echo "Open a report in a browser:"
	@for page in demo/*.html; do echo "  file://$(CURDIR)/$$page"; done

test: check docs ## install, then lint, types, generated files, docs, all tests but the slow ones
	@tools/machine.sh chromium
	@tools/machine.sh java
	$(BIN)/python -m pytest -m "not slow" -n $(JOBS) --dist loadfile -rs

check: $(VENV)/.ready-test ## lint, types, generated files, change fragments
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	@tools/machine.sh types
	$(BIN)/python tools/index.py --check
	$(BIN)/python tools/changes.py --check

docs: $(VENV)/.ready-test ## build the documentation into docs/_build; warnings are errors
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

coverage: $(VENV)/.ready-test ## the long test of the error bars; writes tests/coverage/RESULTS.md
	$(BIN)/python -m pytest -m slow -n $(JOBS) tests/coverage

reproduce: $(VENV)/.ready-torch ## measure published claims again; writes reproductions/ledger.json and RESULTS.md
	$(BIN)/trueup reproduce --all --jobs $(JOBS)

benchmark: $(VENV)/.ready-test ## speed and memory beside other packages
	@test -f benchmarks/run.sh || { echo "benchmarks/run.sh is not here"; exit 1; }
	bash benchmarks/run.sh

latest: ## install core and report with the newest versions into an empty environment, and try them
	tools/latest.sh "$(PYTHON)"

clean: ## remove the environment and everything that was built
	rm -rf $(VENV) demo docs/_build build dist .pytest_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	tools/machine.sh venv "$(PYTHON)" $(VENV)

# The package is installed editable, so the stamps depend on its metadata alone.
$(VENV)/.ready: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) --upgrade pip
	$(INSTALL) --build-constraint constraints.txt --editable '.[report]'
	@touch $@

$(VENV)/.ready-test: $(VENV)/.ready
	$(INSTALL) --group test --group docs
	@touch $@

$(VENV)/.ready-torch: $(VENV)/.ready
	$(INSTALL) --group reproduce
	@touch $@
