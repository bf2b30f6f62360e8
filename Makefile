# icepop: one-line calls of the command line, after setting up what they need.

PYTHON ?= python3
BOARD ?= icebreaker
OUT ?= out
# Cycles an inference that the plan must reach with the least area; empty: as few as fit the board.
INTERVAL ?= 100
# Extra package index, for example https://download.pytorch.org/whl/cpu for a torch without CUDA.
TORCH_INDEX ?=
PORT ?= /dev/ttyUSB1

BIN := .venv/bin
MODEL := $(OUT)/model.onnx
DATA := $(OUT)/test.npz
PLAN := $(OUT)/plan.json
interval = $(if $(INTERVAL),--interval $(INTERVAL))

.PHONY: venv dev links sim test nightly formal lint mypy bitstream flash run clean

venv: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "icepop needs Python 3.11 or newer; set PYTHON")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

$(MODEL): | .venv/installed
	$(BIN)/icepop train --data digits -o $(MODEL) --save-test $(DATA)

$(PLAN): $(MODEL)
	$(BIN)/icepop compile $(MODEL) --board $(BOARD) $(interval) -o $(OUT)

sim: $(PLAN)
	$(BIN)/icepop sim $(MODEL) $(DATA) --plan $(PLAN) --backend amaranth --limit 5
	$(BIN)/icepop sim $(MODEL) $(DATA) --plan $(PLAN) --backend verilator

bitstream: $(PLAN)
	$(BIN)/icepop bitstream $(MODEL) --plan $(PLAN) --board $(BOARD) --data $(DATA) -o $(OUT)

flash:
	$(BIN)/icepop flash $(OUT)

run:
	$(BIN)/icepop run $(MODEL) $(DATA) --port $(PORT)

# The rooms under the names that mypy and editors look for.
links: .venv/installed
	mkdir -p typings/icepop
	ln -sfn ../../compiler ../../trainer ../../hdl ../../boards ../../sim typings/icepop/

dev: links
	$(BIN)/pre-commit install

mypy: links
	$(BIN)/mypy -p icepop.compiler -p icepop.hdl -p icepop.trainer -p icepop.boards -p icepop.sim

lint: mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

test: lint
	$(BIN)/pytest -n auto -m "not nightly and not formal"

nightly: .venv/installed
	$(BIN)/pytest -n auto -m nightly

formal: .venv/installed
	$(BIN)/pytest -n auto -m formal

clean:
	rm -rf $(OUT) build dist *.egg-info
