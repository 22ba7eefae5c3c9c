# Thin: each target is one or two commands that can be typed as well.

BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format lint docs lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv with all that tests and checks need
	@tools/setup dev

demo: ## see it work: a server, the official SDK, a batch job over real media
	@tools/setup demo
	@$(BIN)/python examples/demo.py

test: ## run the fast tests
	@tools/setup dev
	$(BIN)/pytest -n 2 -m "not slow"

check: lint ## run all that CI runs
	$(BIN)/pytest -n 2

lint: ## check format, style, types and layers
	@tools/setup dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: ## check that links and examples in the documentation hold
	@tools/setup dev
	$(BIN)/pytest tests/house

format: ## put the code into the common format
	@tools/setup dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## write requirements/*.txt anew (needs uv; add UPGRADE=--upgrade for newer versions)
	tools/lock $(UPGRADE)

clean: ## remove the environment, caches and what the demo made
	rm -rf .venv .*_cache .hypothesis .coverage* build dist demo-out
