# make app     makes the environment .venv, installs requirements.txt, serves the application
# make test    adds what the tests need (Chromium too); runs linters, type checker and tests
# make clean   removes the environment
#
# ARGS="..."           is handed on: make app ARGS="--port 8000", make test ARGS="-k pictures"
#                      (ARGS="-n auto --dist loadfile" runs tests in a process a core, on a quiet machine)
# PYTHON=python3.12    is the Python that a new environment is made with

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin

.PHONY: app test clean

app:
	@PYTHON="$(PYTHON)" bash tools/environment.sh requirements.txt
	$(BIN)/python app.py $(ARGS)

test:
	@PYTHON="$(PYTHON)" bash tools/environment.sh requirements-dev.txt chromium
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(ARGS)

clean:
	rm -rf .venv
