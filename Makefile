# make demo   set up, train on simulated recordings, diagnose unseen ones
# make test   set up, and everything that CI runs
# make docs   the documentation as a site
VENV ?= .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.installed $(VENV)/.installed-test
INPUTS := pyproject.toml constraints.txt scripts/install.sh

.PHONY: demo test lint types unit docs clean

demo: $(VENV)/.installed
	$(BIN)/medclip demo --out runs/demo --overwrite

test: lint types unit

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-test
	$(BIN)/mypy

unit: $(VENV)/.installed-test
	HF_HUB_OFFLINE=1 MEDCLIP_CACHE=$$(mktemp -d) $(BIN)/python -m pytest

$(VENV)/.installed: $(INPUTS)
	scripts/install.sh $(VENV)
	touch $@

$(VENV)/.installed-test: $(INPUTS)
	scripts/install.sh $(VENV) test
	touch $@ $(VENV)/.installed

docs: $(INPUTS)
	scripts/install.sh $(VENV) docs
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) runs build dist
