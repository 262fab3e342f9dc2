# The only entry: each target is what a person would type, and each sets up first what it needs.
# Everything lives in .venv and build/; `make clean` takes both away.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.setup
T ?= tests
PROCESSES ?= $(if $(filter tests,$(T)),3,0)
# Processes that share the tests have to find the same ones: parameters come from sets here and there.
# One that crashes ends the run and says in which test: xdist would start another one, and wait for ever for the rest.
PYTEST := PYTHONHASHSEED=0 $(BIN)/python -m pytest --dist=loadfile --no-loadscope-reorder --max-worker-restart=0 --numprocesses=$(PROCESSES)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt

.PHONY: help setup demo run test test-all lint types proto proto-check fmt check spell accuracy faults clean wheels deb pyz \
	deb-test scale-test bench bench-history capacity

help: $(SETUP)
	@sed -n 's/^## //p' Makefile

## make demo         the whole system against a simulated country (ONCE=1: play the story once and check it)
## make run          a collector and one agent on this machine's real network
## make test         every test (T=path for some), in three processes, for they wait more than they work (PROCESSES=0: in one)
## make test-all     the same, and a missing system program fails
## make check        lint, types, generated code, schema, tests
## make accuracy     every way of blocking and its look-alikes, played in both labs; the confusion matrix (N=20: twenty
##                   times; LAB=loopback or netns: that one; SCENARIO="ID ...": those)
## make faults       kills, power cuts, full disks and broken networks at length, hours of it (ROUNDS=20: that many)
## make sim          the country in virtual time: how soon blocks are seen, and what is wrongly said (QUICK=1: a minute or
##                   two; SEED=7; EVENT="flapping")
## make wheels       the agent and what it needs as wheels, in build/wheels: to install from without an index
## make deb          the agent as a Debian package, for this machine's architecture and Python
## make pyz          the agent as one file, likewise
## make deb-test     as root: package, wheels (pipx) and .pyz on an empty Debian, from nothing to verdicts and away again
## make scale-test   as root: deploy/scale.md typed on three machines (systemd-nspawn), from one collector to three and back
## make bench-history  millions of rows in the archive, and what page and API ask of them (ROWS=, MINUTES=; KEEP=1: leave
##                     them, and go on from there)
## make bench        what agent and collector cost, beside floors and peers (QUICK=1: less sure; PART=: of agent, ingest, exposition,
##                   fleet, sustained, restart, scaling, days, sizes; the first two where it is not said, the others take long)
## make capacity     what 10,000, 100,000 and 1,000,000 agents need, from build/bench.json (WRITE=1: into deploy/ too)
## make fmt          format
## make proto        generate the code of the schema anew
## make clean        remove what all of these made

$(SETUP): pyproject.toml constraints.txt proto/pyproject.toml agent/pyproject.toml collector/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Rabta needs Python 3.11 or newer; set PYTHON=..." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what Rabta needs into $(VENV) (once, a minute or so) ..."
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@$(BIN)/python -m pip install --quiet --editable ./proto --editable ./agent --editable ./collector --group dev --group proto
	@touch $(SETUP)

setup: $(SETUP)

demo: $(SETUP)
	@cd tests && exec ../$(BIN)/python -m lab.demo $(if $(ONCE),--once)

accuracy: $(SETUP)
	@cd tests && exec ../$(BIN)/python -m lab.accuracy --repeats $(or $(N),1) $(if $(LAB),--lab $(LAB)) $(if $(SCENARIO),--scenario $(SCENARIO))

faults: $(SETUP)
	@RABTA_FAULTS_LONG=1 RABTA_FAULTS_ROUNDS=$(ROUNDS) $(BIN)/python -m pytest -s $(wildcard tests/faults tests/fuzz)

sim: $(SETUP)
	@cd tests && exec ../$(BIN)/python -m sim --seed $(or $(SEED),1) $(if $(QUICK),--quick) $(if $(EVENT),--event "$(EVENT)")

bench-history: $(SETUP)
	@cd tests && exec ../$(BIN)/python -m bench.history $(if $(ROWS),--rows $(ROWS)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(KEEP),--keep)

bench: $(SETUP)
	@cd tests && exec ../$(BIN)/python -m bench $(if $(QUICK),--quick) $(if $(MEASUREMENTS),--measurements $(MEASUREMENTS)) \
		$(if $(AGENTS),--agents $(AGENTS)) $(PART)

capacity: $(SETUP)
	@cd tests && exec ../$(BIN)/python -m bench.capacities $(if $(WRITE),--write)

run: $(SETUP)
	@exec $(BIN)/python deploy/run.py

wheels: $(SETUP)
	@rm -rf build/wheels
	@$(BIN)/python -m pip wheel --quiet --wheel-dir build/wheels ./proto "./agent[quic]" pip  # which pipx brings up to date
	@echo "build/wheels: pipx install --pip-args='--no-index --find-links build/wheels' rabta-agent"

deb: wheels
	@$(BIN)/python deploy/package/deb.py

pyz: wheels
	@$(BIN)/python deploy/package/pyz.py

deb-test: deb pyz
	@cd tests && exec unshare --mount ../$(BIN)/python -m lab.walk

scale-test: $(SETUP)
	@cd tests && exec unshare --mount ../$(BIN)/python -m lab.three

test: $(SETUP)
	@$(PYTEST) $(T)

test-all: $(SETUP)
	@RABTA_TEST_ALL=1 $(PYTEST) $(T)

lint: $(SETUP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

spell: $(SETUP)
	@$(BIN)/codespell $$(git ls-files)

types: $(SETUP)
	@$(BIN)/mypy proto/src agent/src collector/src

fmt: $(SETUP)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

proto: $(SETUP)
	@$(BIN)/python proto/generate.py

proto-check: $(SETUP)
	@$(BIN)/python proto/generate.py --check

check: lint spell types proto-check
	@$(MAKE) --no-print-directory $(if $(CI),test-all,test)

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis
