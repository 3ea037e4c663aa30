# Each target is one line that works typed by hand too (with .venv/bin on the path).
PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: study test lab
study: $(BIN)/.installed ; $(BIN)/mint-study run synthetic
test: $(BIN)/.installed ; $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/nbstripout --verify --keep-id --extra-keys "metadata.language_info.version metadata.papermill cell.metadata.papermill" notebooks/*.ipynb && $(BIN)/python -m pytest -n 2 --dist worksteal
lab: $(BIN)/.installed ; $(BIN)/jupyter lab notebooks

$(BIN)/.installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable .[dev]
	touch $@
