# Everything that a person or a build server runs. Each target sets up what it needs,
# inside this folder, and does nothing twice. Needs python3, make and git, and a Python
# 3.13 that uv can find or fetch.

UV_VERSION := 0.13.9
PYTHON_VERSION := 3.13

UV := .uv/tool/bin/uv
RUN := $(UV) run --no-sync
SAM := $(UV) run --no-sync --project tools/sam sam

# sam and the layer's own Makefile look for uv and for Python on the PATH.
export PATH := $(CURDIR)/.uv/tool/bin:$(PATH)
# Tests and the demo begin many processes: none should compile what another has.
unexport PYTHONDONTWRITEBYTECODE
export UV_CACHE_DIR ?= $(CURDIR)/.uv/cache
export SAM_CLI_TELEMETRY := 0
export __SAM_CLI_APP_DIR := $(CURDIR)/.uv/sam
# Linting a template needs a region, nothing ever connects to it.
CHECK_REGION := eu-west-1

SOURCES := $(wildcard benchmarks cli clients examples functions layers localcloud tests)
PROJECTS := pyproject.toml uv.lock $(wildcard */pyproject.toml */*/pyproject.toml)
# Folders too, so that a file that went away is noticed.
SHIPPED := template.yaml $(shell find layers functions statemachines \
  -name __pycache__ -prune -o -print)
# One worker a core; neighbours stay together, for some wait for each other.
PYTEST := pytest --numprocesses=auto --dist=worksteal
LAYER_LIMIT_MB := 250
EXAMPLES ?= 1000
SEED ?= 1
SERVICES ?= 100

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## Say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' Makefile \
	  | awk -F'|' '{printf "%-13s %s\n", $$1, $$2}'

.PHONY: demo
demo: .venv/synced ## Play rollouts, good and bad, under live traffic on this machine
	@$(RUN) python -m localcloud.demo

.PHONY: test
test: .venv/synced ## Run the tests, all but those that need `make build`
	@$(RUN) $(PYTEST) -m "not artifacts"

.PHONY: simulate
simulate: .venv/synced ## Play EXAMPLES=1000 random examples of the models, from SEED=1
	@$(RUN) python -m tests.simulation --examples $(EXAMPLES) --seed $(SEED)

.PHONY: faults
faults: .venv/synced ## Let every AWS call of a rollout meet every fault (a quarter of an hour)
	@$(RUN) python -m tests.simulation.faults

.PHONY: bench
bench: .venv/synced ## Roll out one service, then SERVICES=100 by one push, with API rates
	@$(RUN) python -m benchmarks --services $(SERVICES)

.PHONY: check
check: lint build ## Everything that must hold before a change is merged
	AWS_DEFAULT_REGION=$(CHECK_REGION) $(SAM) validate --lint
	$(RUN) cfn-lint --regions $(CHECK_REGION) -- template.yaml
	$(RUN) $(PYTEST)

.PHONY: lint
lint: .venv/synced ## Ruff and mypy
	$(RUN) ruff check $(SOURCES)
	$(RUN) ruff format --check $(SOURCES)
	$(RUN) mypy

.PHONY: format
format: .venv/synced ## Let ruff format, and fix what it can
	$(RUN) ruff check --fix-only $(SOURCES)
	$(RUN) ruff format $(SOURCES)

.PHONY: build
build: .aws-sam/build/template.yaml ## Build what is deployed, with `sam build`

.PHONY: manifest
manifest: .venv/synced ## Write the manual and the schemas of manifests anew
	@$(RUN) python -m slipway_cli.manifest_documents

.PHONY: clean
clean: ## Remove everything that was made here
	rm -rf .uv .venv tools/sam/.venv .aws-sam build
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------------- what they need

# From another folder, so that pyenv's python3 does not obey our .python-version, which
# may name a version that only uv can bring.
.uv/tool/$(UV_VERSION):
	@rm -rf .uv/tool
	@cd / && if python3 -c 'import ensurepip, venv' 2>/dev/null; then \
	  python3 -m venv "$(CURDIR)/.uv/tool" \
	  && "$(CURDIR)/.uv/tool/bin/python" -m pip --disable-pip-version-check \
	    install --quiet --no-cache-dir "uv==$(UV_VERSION)"; \
	elif python3 -m pip --version >/dev/null 2>&1; then \
	  python3 -m pip --disable-pip-version-check install --quiet --no-cache-dir \
	    --target "$(CURDIR)/.uv/tool" "uv==$(UV_VERSION)"; \
	else \
	  echo "python3 has neither ensurepip nor pip, so uv cannot be set up:" \
	    "install python3-venv, then try again." >&2; exit 1; \
	fi
	@touch $@

.uv/interpreter: .uv/tool/$(UV_VERSION)
	@find="$(UV) python find --no-project $(PYTHON_VERSION)"; own="$(CURDIR)/.uv/python"; \
	$$find >$@ 2>/dev/null || { \
	  $(UV) python install --quiet --no-bin --install-dir "$$own" $(PYTHON_VERSION) \
	    2>/dev/null && UV_PYTHON_INSTALL_DIR="$$own" $$find >$@ 2>/dev/null; \
	} || { \
	  echo "Slipway needs Python $(PYTHON_VERSION), which uv can neither find nor fetch" \
	    "on this machine: install it, then try again." >&2; exit 1; \
	}

.venv/synced: .uv/interpreter $(PROJECTS)
	@$(UV) sync --locked --quiet --python "$$(cat .uv/interpreter)"
	@touch $@

tools/sam/.venv/synced: .uv/interpreter tools/sam/pyproject.toml tools/sam/uv.lock
	@$(UV) sync --locked --quiet --project tools/sam --python "$$(cat .uv/interpreter)"
	@touch $@

.aws-sam/build/template.yaml: tools/sam/.venv/synced .venv/synced $(SHIPPED) uv.lock
	$(SAM) build
	@size=$$(du -sm .aws-sam/build/CoreLayer | cut -f1); \
	echo "The unpacked layer has $$size MB; Lambda takes up to $(LAYER_LIMIT_MB) MB."; \
	test "$$size" -lt $(LAYER_LIMIT_MB)
	@touch $@
