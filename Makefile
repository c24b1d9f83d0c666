# make demo      trains SCE and MMC on the embedded digits and attacks both
# make test      the tests; make test-all adds the slow ones
# make smoke     every experiment of the papers on tiny data, and the original's command lines end to end
# Every target makes .venv from requirements.lock first, if it is not there.

PYTHON ?= python3.11
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: demo test test-all smoke lint docs lock clean

demo: $(STAMP)
	$(PY) -m mmc_tf.experiments.demo

test: $(STAMP) lint
	$(PY) -m pytest -n 2 --dist worksteal

test-all: $(STAMP) lint
	$(PY) -m pytest -n 2 --dist worksteal -m "slow or not slow"

smoke: $(STAMP)
	$(PY) -m pytest -n 2 --dist worksteal -m slow tests/experiments/test_smoke.py tests/scripts/test_original_evaluation.py

lint: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

docs: $(STAMP)
	$(PY) -m flags

lock:
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet pip-tools
	$(VENV)/bin/pip-compile --quiet --allow-unsafe --generate-hashes --extra dev --strip-extras --no-emit-index-url \
	    --no-header --no-annotate --output-file requirements.lock setup.py

$(STAMP): requirements.lock setup.py
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(STAMP)

clean:
	rm -rf $(VENV) runs results
