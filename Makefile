PY := .venv/bin/python
OSMS := .venv/bin/osms
PROTOS := $(wildcard proto/osms/v1/*.proto)
PEOPLE ?= 20000
SEED ?= 1
KILLS ?= 100
.DEFAULT_GOAL := help
.PHONY: help install demo run test test-node crash fuzz audit lint types proto proto-check bench profile h2load month long lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | sed -E 's/:.*## /\t/' | expand -t 14

install: .venv/.installed ## Make the environment and install the project with everything it needs

.venv/.installed: requirements.lock pyproject.toml
	python3 -m venv .venv
	$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(PY) -m pip install -q --disable-pip-version-check --no-deps -e .
	touch $@

demo: install ## Generate people and two years of files, load them, ask, compare every answer
	$(PY) -m osms_seeds.demo --people $(PEOPLE) --seed $(SEED)

run: install ## The same set-up, then keep serving
	$(PY) -m osms_seeds.demo --people $(PEOPLE) --seed $(SEED) --keep-serving

test: install ## Run every test that needs only Python
	$(PY) -m pytest -n 2 --dist loadfile

test-node: install ## Run the test of a foreign client, @grpc/grpc-js (needs node and npm)
	cd tests/foreign/node && npm ci --silent
	$(PY) -m pytest tests/foreign/node

crash: install ## Kill gateway, loader and database KILLS times under load (CRASH_SEED repeats a run)
	CRASH_KILLS=$(KILLS) $(PY) -m pytest tests/crash

fuzz: INPUTS ?= 100000
fuzz: install ## Feed INPUTS broken inputs to every reader, and to a gateway over its socket
	INPUTS="$(INPUTS)" SEED="$(SEED)" $(PY) -m tests.fuzz

audit: .venv/audit/.installed ## Fail if a pinned dependency has a known flaw, or none could be looked up
	.venv/audit/bin/pip-audit --strict --require-hashes --disable-pip -r requirements.lock

.venv/audit/.installed: .venv/.installed # an environment of its own: the project does not need it
	python3 -m venv .venv/audit
	.venv/audit/bin/pip install -q --disable-pip-version-check pip-audit==2.10.1
	touch $@

long: install ## Search longer for counterexamples
	$(PY) -m pytest --hypothesis-profile=long tests/unit/rules tests/storage \
	  tests/integration/test_concurrency_model.py

lint: install ## Check style and format
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: install ## Check types
	.venv/bin/mypy

proto: install ## Generate code from the contract
	$(PY) -m grpc_tools.protoc -Iproto --python_out=proto --grpc_python_out=proto \
	  --plugin=protoc-gen-mypy=.venv/bin/protoc-gen-mypy --mypy_out=proto \
	  --plugin=protoc-gen-mypy_grpc=.venv/bin/protoc-gen-mypy_grpc --mypy_grpc_out=proto $(PROTOS)

proto-check: proto ## Fail if generated code is stale, the contract unclean, or the last commit on main broken
	git diff --exit-code -- proto
	.venv/bin/buf lint
	.venv/bin/buf breaking --against ".git#ref=$$(git rev-parse --verify -q HEAD~1 || git rev-parse HEAD)"

bench: SCALE ?= 0.2
bench: install h2load ## Measure beside controls; writes bench.json (a part: ONLY=ingest,rss ENGINES=sqlite)
	OSMS_BENCH_ONLY="$(ONLY)" OSMS_BENCH_ENGINES="$(ENGINES)" OSMS_BENCH_SCALE="$(SCALE)" \
	  $(PY) -m tests.benchmarks

profile: install h2load ## Show what a lookup costs, stage by stage (a part: ENGINES=sqlite)
	OSMS_BENCH_ENGINES="$(ENGINES)" $(PY) -m tests.benchmarks.profile

h2load: # the load that bounds nothing, and nghttpx; root installs them, others are told how
	@command -v h2load >/dev/null && PATH="$$PATH:/usr/sbin" command -v nghttpx >/dev/null || if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; \
	then apt-get update -qq && apt-get install -qq -y --no-install-recommends nghttp2-client \
	nghttp2-proxy; \
	else echo "missing: apt-get install nghttp2-client nghttp2-proxy" >&2; exit 1; fi

month: SCALE ?= 0.1
month: install ## Run a national month on PostgreSQL at SCALE (1: 9,000,000 payments), and extrapolate
	$(PY) -m tests.benchmarks.month $(SCALE)

lock: ## Resolve the newest versions that the constraints allow (needs uv)
	uv pip compile --universal --python-version 3.11 --all-extras --group dev --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --upgrade pyproject.toml -o requirements.lock

clean: ## Remove the environment and what the demo made
	rm -rf .venv demo bench.json
