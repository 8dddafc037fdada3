# `make run` and `make test` set up everything they need: system packages, a virtual environment, libraries.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: run test lint format bench bench-full transcript pictures fuzz chaos soak clean

run: $(VENV)/.run  ## Start the daemon on the demo directory.
	@$(BIN)/python tools/run_demo.py

test: $(VENV)/.dev  ## Run the tests, with branch coverage.
	$(BIN)/python -m pytest --cov --cov-report=term

lint: $(VENV)/.dev  ## Style, types and the arrows of the design.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tools bench docs chaos fuzz
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## Lay out the code, and mend what can be mended.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev  ## Measure, as ratios to floors of the same run: build/bench.json.
	@tools/system_packages.sh bench $(PYTHON)
	$(BIN)/python -m bench.run

bench-full: $(VENV)/.dev  ## The same with 10 million contacts too, into docs/performance.md.
	@tools/system_packages.sh bench $(PYTHON)
	$(BIN)/python -m bench.run --full --publish docs

transcript: $(VENV)/.dev  ## Play docs/transcript.md again: a real LDAP server, killed and started again.
	$(BIN)/python docs/make_transcript.py

pictures: $(VENV)/.dev  ## Draw docs/pictures/*.png again: what people see on their telephones.
	$(BIN)/python docs/pictures.py

fuzz: $(VENV)/.dev  ## Look for inputs that break a promise: every target for 60 s.
	$(PIP) --editable '.[fuzz]'
	$(BIN)/python fuzz/run.py

chaos: $(VENV)/.dev  ## Put every promise to the test, with real servers that fail; docs/promises.md.
	$(BIN)/python -m chaos.run

soak: $(VENV)/.dev  ## Hours of questions and syncs: do memory, files and threads stay? (MINUTES=120)
	$(BIN)/python -m chaos.soak --minutes $(or $(MINUTES),120)

clean:  ## Remove everything that was made.
	rm -rf $(VENV) var build dist .coverage* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(VENV)/.made: tools/system_packages.sh
	@tools/system_packages.sh venv $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml constraints.txt
	@tools/system_packages.sh test $(PYTHON)
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.run
