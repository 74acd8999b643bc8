# Firstparty: `make help` lists what there is. Every target does the set-up it needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
STATE ?= state/demo
CA ?= local

.PHONY: help setup demo test lint fmt bench

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 10

setup: ## install everything needed to run and test
	@tools/setup.sh

demo: ## the whole product on loopback (STATE=DIR, CA=local|pebble, ONCE=1)
	@tools/setup.sh run
	@$(BIN)/firstparty demo --state "$(STATE)" --ca "$(CA)" $(if $(ONCE),--once)

test: setup lint ## lint, then all tests
	@$(BIN)/python -m pytest $(ARGS)

lint: setup ## formatting, style, types, layers
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fmt: setup ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup ## every benchmark, beside its peers
	@set -e; for each in benchmarks/[a-z]*.py; do $(BIN)/python $$each; done
