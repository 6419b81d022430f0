# `make` lists the targets. Each makes what it needs; a second run installs nothing.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
CORE := .venv-core
BENCH := .venv-bench

# What reaches the kernels; files, commands and data sets are the same without a compiler.
PLAIN := tests/kernels tests/nn tests/training tests/data/test_augment.py tests/test_worked_step.py
# What an extra that is missing could break: whatever reads, writes, prints or is started; not the kernels, nor benchmarks.
INSTALLED := tests/test_*.py tests/data tests/explain tests/training
# What runs inside the compiler only: the first run sees it.
UNSEEN := numnet/kernels/jit.py,numnet/kernels/team.py,numnet/kernels/threads.py,numnet/kernels/vector.py

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

train: $(VENV)/train ## train the tutorial's network on the bundled MNIST
	$(RUN) -m numnet.train --save tutorial.npz

test: test-compiled test-plain test-core ## everything: compiled, as plain Python under coverage, and with the core alone

# On two cores: most tests wait for commands that have one core at work. With more workers each would find fewer cores.
test-compiled: $(VENV)/test
	$(RUN) -m pytest -m "not frameworks" --numprocesses 2 --dist worksteal

test-plain: $(VENV)/test ## the kernels as plain Python, so that coverage sees inside them
	NUMBA_DISABLE_JIT=1 $(RUN) -m coverage run -m pytest -q -m "not slow" --ignore-glob "*_properties.py" $(PLAIN)
	$(RUN) -m coverage report --include 'numnet/kernels/*,numnet/nn/*' --omit $(UNSEEN) --fail-under 99

test-core: $(CORE)/test ## with NumPy, Numba, Pillow and pytest alone
	$(CORE)/bin/python -m pytest -q -m "not slow" --ignore-glob '*_properties.py' $(INSTALLED)

test-frameworks: $(VENV)/test $(BENCH)/bench ## the rivals of the record of accuracy, in their own environment
	$(RUN) -m pytest -m frameworks

test-quick: $(VENV)/test ## what a change breaks first
	$(RUN) -m pytest -q -m "not slow"

lint: $(VENV)/test ## style and types
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

figures: $(VENV)/train ## write every figure of the README anew, in some minutes
	$(RUN) docs/figures.py

bench-install: $(BENCH)/bench ## the frameworks to compare with, some GB

bench: $(BENCH)/bench ## measure what is lacking, JOB=step,race RIVALS=jax_scan for a part, and write docs/benchmark.md
	$(BENCH)/bin/python -m benchmarks.run $(if $(JOB),--jobs $(JOB)) $(if $(RIVALS),--rivals $(RIVALS))
	$(BENCH)/bin/python -m benchmarks.report
	$(BENCH)/bin/python docs/figures.py benchmark

bench-quick: $(BENCH)/bench ## a look at five rivals, under 8 minutes
	rm -rf build/quick
	$(BENCH)/bin/python -m benchmarks.run --quick --results build/quick $(if $(RIVALS),--rivals $(RIVALS))
	$(BENCH)/bin/python -m benchmarks.report --of build/quick

bench-check: $(BENCH)/bench ## hold this code against the committed results
	$(BENCH)/bin/python -m benchmarks.check

accuracy: $(BENCH)/bench ## train what is lacking of the record of accuracy, PART=strong,rivals for a part, FASHION=DIR OWN=DIR for what needs a folder, and write docs/accuracy.md
	$(BENCH)/bin/python -m benchmarks.accuracy $(if $(PART),--only $(PART)) $(if $(FASHION),--fashion '$(FASHION)') $(if $(OWN),--own '$(OWN)')

clean: ## remove everything that a target made
	rm -rf $(VENV) $(CORE) $(BENCH) build dist *.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A file in the environment says what is installed; it is made anew when the project's description changes.
$(VENV)/train: EXTRAS = cli
$(VENV)/test: EXTRAS = cli,test
$(VENV)/train $(VENV)/test: setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "numnet needs Python 3.11 or newer, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	touch $@

$(CORE)/test: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(CORE)
	$(CORE)/bin/python -m pip install --quiet --disable-pip-version-check --editable . 'pytest>=8,<10'
	touch $@

$(BENCH)/bench: benchmarks/requirements.txt benchmarks/constraints.txt setup.cfg
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/requirements.txt --constraint benchmarks/constraints.txt
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[cli]'
	touch $@

.PHONY: help train test test-compiled test-plain test-core test-frameworks test-quick lint figures bench-install bench bench-quick bench-check accuracy clean
