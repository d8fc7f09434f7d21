# `make` shows the targets. A machine needs Python 3.11 or later, git and make; everything else is set up here.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The bots of others have an environment of their own: what their libraries need binds nothing of ours.
CLIENTS := build/clients
GRAMMY := tests/e2e/clients/grammy
AXE := tests/e2e/page/axe
NPM := $(shell command -v npm 2>/dev/null)
INSTALLED := $(CLIENTS)/.ready $(if $(NPM),$(GRAMMY)/node_modules/.ready)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types unit spark e2e clients docs reference pictures bench preview up destroy smoke format lock clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "make ends with 2 if a target fails; scripts/stack.py, scripts/smoke.py and the others have exit codes (--help)"

setup: $(READY)  ## Install everything into .venv, fetch a JRE if there is none, and Delta's jars

$(READY): requirements.lock pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh scripts/setup.sh
	@touch $@

demo: $(READY)  ## Chat with the bot here; MESSAGES=file.txt answers its lines, MODEL_URL=http://… asks your own model
	@$(BIN)/pipeline demo $(if $(MESSAGES),--messages "$(MESSAGES)") $(if $(MODEL_URL),--model-url "$(MODEL_URL)") \
		$(if $(MODEL),--model "$(MODEL)") $(if $(FRESH),--fresh)

test: lint  ## Everything that CI checks
	@$(MAKE) --no-print-directory -j2 types docs spark  # each of them keeps one core busy
	@$(MAKE) --no-print-directory unit e2e clients

lint: $(READY)  ## Check style and format
	@$(BIN)/ruff check -q . && $(BIN)/ruff format --check -q . && echo "lint: clean"

types: $(READY)  ## Check types
	@$(BIN)/mypy

unit: $(READY)  ## Tests that need no Spark: two to three minutes
	@$(BIN)/python -m pytest -q -n 4 -m "not spark and not e2e and not clients"

spark: $(READY)  ## Tests on a shared Spark session
	@$(BIN)/python -m pytest -q -m spark

e2e: $(READY) $(if $(NPM),$(AXE)/node_modules/.ready)  ## Tests of the real process over HTTP on loopback: minutes
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup --no-loadscope-reorder -m e2e

clients: $(READY) $(INSTALLED)  ## Bots in four libraries of others against the simulated Telegram: a minute
	@$(BIN)/python -m pytest -q -m clients

$(CLIENTS)/.ready: $(READY) requirements-clients.lock
	@$(BIN)/python -m venv --clear $(CLIENTS)
	@$(CLIENTS)/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements-clients.lock
	@touch $@

$(GRAMMY)/node_modules/.ready $(AXE)/node_modules/.ready: %/node_modules/.ready: %/package-lock.json
	@npm ci --prefix $* --ignore-scripts --no-audit --no-fund --silent
	@touch $@

docs: $(READY)  ## Build the documentation as a site in build/site; a broken link fails
	@$(BIN)/python -m sphinx -q -W --keep-going -E -c docs -b html . build/site && echo "docs: build/site/index.html"

reference: $(READY)  ## Write what comes from the code: Pulumi.yaml, tables of settings, map of the code
	@$(BIN)/python -m infra.project_file
	@$(BIN)/python -m scripts.reference

pictures: $(READY)  ## Take the pictures in docs/images again, from the running product; ONLY="chat status" takes some
	@$(BIN)/python -m pip install -q "uv>=0.13,<1"
	@$(BIN)/python -m scripts.pictures $(ONLY)

bench: $(READY)  ## Measure beside two other bots: half an hour, to build/bench.json; ONLY=burst plays those alone
	@$(BIN)/python scripts/bench.py $(if $(ONLY),--only "$(ONLY)") $(ARGS)

# STACK names the stack; YES=1 asks nothing; ARGS="--diff" goes to the engine.
ENGINE = $(BIN)/python scripts/stack.py $@ "$(STACK)" $(if $(YES),--yes) $(if $(ARGS),-- $(ARGS))

preview: $(READY)  ## Show what `up` would change; STACK=dev names the stack
	@$(ENGINE)

up: $(READY)  ## Deploy STACK=dev; YES=1 asks nothing
	@$(ENGINE)

destroy: $(READY)  ## Remove what STACK=dev deployed, except what it protects
	@$(ENGINE)

smoke: $(READY)  ## Check that what STACK=dev deployed works, end to end
	@$(BIN)/python scripts/smoke.py --stack "$(STACK)" $(ARGS)

format: $(READY)  ## Fix style and format
	@$(BIN)/ruff check -q --fix . ; $(BIN)/ruff format -q .

lock: $(READY)  ## Resolve every lock: of pyproject.toml's groups, and of grammY where there is npm
	@$(BIN)/python -m pip install -q "uv>=0.13,<1"
	@$(BIN)/uv pip compile -q pyproject.toml --universal --python-version 3.11 --extra local --extra infra --extra operations --group dev --group docs \
		--generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements.lock
	@for group in jre clients; do \
		$(BIN)/uv pip compile -q --group $$group --universal --python-version 3.11 \
			--generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements-$$group.lock || exit; done
	@! command -v npm >/dev/null || for folder in $(GRAMMY) $(AXE); do npm update --prefix $$folder --package-lock-only --no-audit --no-fund --silent || exit; done

clean:  ## Remove what was built and installed here
	@rm -rf $(VENV) dist build $(GRAMMY)/node_modules $(AXE)/node_modules .mypy_cache .pytest_cache .ruff_cache
