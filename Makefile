# Targets for developers; `make help` lists them. Each one sets up what it needs.

.DEFAULT_GOAL := help
.PHONY: help setup demo test chaos soak bench bench-peers bench-nab bench-forecast profile check lint format schemas lock clean

BIN := .venv/bin
CODE := schemas sensors_sim streams deploy tests

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name text; do \
		printf '  make %-14s %s\n' "$$name" "$$text"; done

setup: ## install what is missing (Python packages; services through apt where there is no Docker)
	@bash deploy/setup/setup.sh

demo: setup ## the whole road live: a simulated city, alerts as lines; Ctrl-C or DEMO_SECONDS=n ends it
	@$(BIN)/urbanbrain up $(if $(DEMO_SECONDS),--seconds $(DEMO_SECONDS))

test: setup ## all tests on real services; UB_TEST_STACK=docker|native|external, ARGS="-k name"
	@bash deploy/setup/browser.sh
	@$(BIN)/python -m pytest --numprocesses auto --dist loadscope $(ARGS)

chaos: setup ## break everything under load, again and again; CHAOS_SEED=n, CHAOS_ROUNDS=3, ARGS="-k postgres"
	@bash tests/chaos/setup.sh
	@$(BIN)/python -m pytest -m chaos tests/chaos $(ARGS)

soak: setup ## a long run that watches memory; SOAK_MINUTES=30
	@$(BIN)/python -m pytest -m soak tests/chaos $(ARGS)

bench: setup ## measure all parts next to baselines, in 15 minutes; ONLY=fleet,floor, ARGS="--runs 1"
	@$(BIN)/python -m tests.bench.run $(if $(ONLY),--only $(ONLY)) $(ARGS)

bench-peers: setup ## the fleet's job in Bytewax, Pathway and Quix Streams too (installed in .venv-peers); ARGS="--runs 1"
	@bash deploy/setup/peers.sh
	@$(BIN)/python -m tests.bench.run --peers $(ARGS)

bench-nab: setup ## score the anomaly detector with the Numenta benchmark; NAB_DIR=folder, ARGS="--by-file --live"
	@$(BIN)/python -m tests.bench.nab.run $(ARGS)

bench-forecast: setup ## score the forecast of saturation on simulated days; ARGS="--scenario bike-dump --seed 11"
	@$(BIN)/python -m tests.bench.forecast.run $(ARGS)

profile: setup ## where the time of the fleet stage goes; ARGS="--restless --vehicles 100000"
	@$(BIN)/python -m tests.bench.profiling $(ARGS)

check: setup ## what CI asks: lint, format, strict types, import contracts
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

lint: setup ## repair what ruff can repair, and name the rest
	$(BIN)/ruff check --fix $(CODE)

format: setup ## format the code
	$(BIN)/ruff format $(CODE)

schemas: setup ## write schemas/json anew from the wire types
	$(BIN)/python -m schemas.generate

lock: setup ## resolve the dependencies anew; ARGS=--upgrade takes the newest
	@bash deploy/setup/lock.sh $(ARGS)

clean: ## remove what was built, the virtual environment included
	rm -rf .venv .venv-peers build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
