# Needs make and Python 3.11, 3.12 or 3.13; everything else comes from uv.lock into .venv.
# `make demo` and `make test` are each enough on their own; `make` alone lists the rest.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo test check bench serve test-pythons clean environment
MAKEFLAGS += --no-print-directory

export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv
unexport VIRTUAL_ENV

PYTHONS := 3.11 3.12 3.13
supported := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for p in python3 $(addprefix python,$(PYTHONS)) python; do \
	p=$$(command -v $$p) && $$p -c '$(supported)' 2>/dev/null && echo $$p && break; done)

# A uv on PATH is used when it is recent enough (tool.uv.required-version); otherwise the pinned one is
# installed from the package index into .uv.
uv_pin := $(shell sed -n 's/^ *"uv==\([0-9.]*\)",*/\1/p' pyproject.toml)
uv_stamp := $(if $(shell uv cache dir 2>/dev/null),,.uv/$(uv_pin))
UV := $(if $(uv_stamp),.uv/bin/uv,uv)

bin := .venv/bin
# One more than there are cores: many tests wait for a while, for a process or for a vendor that is slow on purpose.
jobs ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

help:  ## list the commands
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'

demo: environment  ## run the main job on the fictional company, from its vendor API to a signed brief
	@$(bin)/sophia demo

test: environment  ## run the tests (only="tests/metrics -k arr" narrows them down)
	@$(bin)/python -m pytest -n $(jobs) --dist loadfile --no-loadscope-reorder $(if $(SOPHIA_CI_STRICT),-p tests.plugins.strict_skips) $(only)

checks := check-lint check-format check-types check-layers check-notebooks check-lock check-workflows check-secrets
.PHONY: $(checks)
check: $(checks)  ## lint, format, types, layers, notebooks, lock file, workflows, secrets

check-lint: environment
	$(bin)/ruff check .

check-format: environment
	$(bin)/ruff format --check .

check-types: environment
	$(bin)/mypy

check-layers: environment
	$(bin)/lint-imports

check-notebooks: environment
	$(bin)/marimo check --strict $(wildcard notebooks apps)

check-lock: environment
	$(UV) lock --check
	$(UV) sync --check --locked --all-extras

check-workflows: environment
	$(bin)/zizmor --offline --quiet .github

check-secrets: environment
	$(bin)/pre-commit run --all-files secrets

bench: environment  ## measure speed and memory against rivals and targets
	@failed=; for file in tests/benchmarks/bench_*.py; do $(bin)/python $$file || failed="$$failed $$file"; done; \
	if [ -n "$$failed" ]; then echo "Failed:$$failed" >&2; exit 1; fi

serve: environment  ## publish the apps and the API on the demo company, on loopback
	@$(bin)/sophia serve --demo

test-pythons: environment  ## run the tests on each supported Python that this machine has
	@failed=; for version in $(PYTHONS); do found=; \
	for python in python$$version "$$HOME"/.pyenv/versions/$$version.*/bin/python; do \
		if $$python -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$$version')" 2>/dev/null; \
		then found=$$python; break; fi; done; \
	if [ -z "$$found" ]; then echo "Python $$version: absent, not tested"; continue; fi; \
	echo "Python $$version: $$found"; \
	export UV_PROJECT_ENVIRONMENT=.venvs/$$version; \
	$(UV) sync --quiet --locked --all-extras --python "$$found" \
	&& .venvs/$$version/bin/python -m pytest -q -n $(jobs) --dist loadfile --no-loadscope-reorder $(only) || failed="$$failed $$version"; done; \
	if [ -n "$$failed" ]; then echo "Failed on Python$$failed" >&2; exit 1; fi

clean:  ## remove caches, builds and the demo company's generated data and evidence
	rm -rf data/demo proofs/demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name .venv -prune -o -name .venvs -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

environment: $(uv_stamp)
	@if [ -z "$(PYTHON)" ]; then \
		echo "Sophia Kit needs Python 3.11, 3.12 or 3.13; found: $$(python3 --version 2>/dev/null || echo none)." >&2; \
		echo "Install one (Debian and Ubuntu: apt-get install python3 python3-venv; macOS: brew install python@3.13)" >&2; \
		echo "or name it: make demo PYTHON=/path/to/python3.12" >&2; exit 1; fi
	@if [ -x .venv/bin/python ]; then $(UV) sync --quiet --locked --all-extras; \
	else echo "Setting up .venv from uv.lock with $(PYTHON); once, it takes a minute or two."; \
		$(UV) sync --locked --all-extras --compile-bytecode --python "$(PYTHON)"; fi
	@$(bin)/python -m compileall -q src

.uv/%:
	@if [ -z "$(PYTHON)" ]; then $(MAKE) environment uv_stamp=; fi
	@rm -rf .uv; $(PYTHON) -m venv .uv || { rm -rf .uv; \
		echo "Python can't make a virtual environment (Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Installing uv $(uv_pin) into .uv, once."
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(uv_pin)
	@touch $@
