# make up      all set-up, then a running cluster and what to do next
# make test    all set-up it needs, then the tests
# More verbs are in CONTRIBUTING.md. vm/setup.sh is the set-up; a second time it only looks.

LAB    := .venv/bin/lab
PYTEST := .venv/bin/python -P -m pytest --numprocesses 2 --dist loadfile
SETUP  := PYTHON='$(PYTHON)' sh vm/setup.sh
MAKEFLAGS += --no-print-directory

.PHONY: up setup check test live live-vagrant labs bench

up:
	@$(SETUP) requirements.lock
	@$(LAB) up
	@printf '\nPut lab and kubectl on the PATH of this shell:\n  eval "$$($(LAB) env)"\n'

setup:
	@$(SETUP) requirements-dev.lock

check: setup
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy
	.venv/bin/lint-imports

test: setup
	@$(PYTEST)

live: setup
	@$(PYTEST) -m live

live-vagrant: setup
	@tests/live/vagrant/run.sh

labs: setup
	@SEEDS=5 .venv/bin/python -P -m pytest tests/content tests/live/test_labs.py

bench: setup
	@.venv/bin/python tests/bench/bench.py $(PARTS)
