PY := .venv/bin/python
PROTOS := $(wildcard proto/osms/v1/*.proto)
.DEFAULT_GOAL := help
.PHONY: help install proto proto-check lint types lock

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sort | sed -E 's/:.*## /\t/' | expand -t 18

install: .venv/.installed ## Make the environment and install the project with everything it needs

.venv/.installed: requirements.lock pyproject.toml
	python3 -m venv .venv
	$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(PY) -m pip install -q --disable-pip-version-check --no-deps -e .
	touch $@

proto: install ## Generate code from the contract
	$(PY) -m grpc_tools.protoc -Iproto --python_out=proto --grpc_python_out=proto \
	  --plugin=protoc-gen-mypy=.venv/bin/protoc-gen-mypy --mypy_out=proto \
	  --plugin=protoc-gen-mypy_grpc=.venv/bin/protoc-gen-mypy_grpc --mypy_grpc_out=proto $(PROTOS)

proto-check: proto ## Fail if generated code is stale, the contract is unclean, or it breaks the last one on main
	git diff --exit-code -- proto
	.venv/bin/buf lint
	.venv/bin/buf breaking --against '.git#ref=HEAD~1'

lint: install ## Check style and format
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: install ## Check types
	.venv/bin/mypy

lock: ## Resolve the newest versions that the constraints allow (needs uv)
	uv pip compile --universal --python-version 3.11 --all-extras --group dev --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --upgrade pyproject.toml -o requirements.lock
