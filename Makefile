# `make help` lists the commands; CI calls the same ones.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
PROFILE ?= reviews
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
GUARANTEES = $$(grep -rl 'injected(' tests --include='test_*.py')

# Python compiles what is imported when it first is; most of what is installed never is.
$(READY): requirements/dev.txt requirements/torch.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Evertune needs Python 3.11 or newer; call make with PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-compile --no-deps --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --no-compile -r requirements/torch.txt
	$(BIN)/pip install --quiet --no-compile --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: env
env: $(READY) ## Make the Python environment in .venv

.PHONY: run
run: $(READY) ## Run a profile from source to promoted model (PROFILE=reviews|full|zh|lm|mlm|translate|summarize|qa|chat)
	@$(BIN)/evertune run --profile $(PROFILE)

.PHONY: predict
predict: $(READY) ## Use the promoted model (TEXT="...", PROFILE=...)
	@$(BIN)/evertune predict --profile $(PROFILE) -- "$(TEXT)"

.PHONY: reproduce
reproduce: $(READY) ## Clone the registry, `dvc pull` the newest revision, prove every byte
	@$(BIN)/evertune datasets reproduce --profile $(PROFILE)

.PHONY: compile
compile: $(READY) ## Compile the pipelines to Kubeflow YAML in build/ (IMAGES=build/images.json for digests)
	@$(BIN)/evertune compile --profile $(PROFILE) $(if $(IMAGES),--images $(IMAGES))

.PHONY: images
images: $(READY) ## Build the container images (ONLY="train evaluate")
	@$(BIN)/python docker/build.py $(if $(ONLY),--only $(ONLY))

.PHONY: push
push: $(READY) ## Push the images and record their digests (REGISTRY=host:5000/)
	@$(if $(REGISTRY),,$(error give REGISTRY=host:5000/))$(BIN)/python docker/build.py --push $(REGISTRY) $(if $(ONLY),--only $(ONLY))

.PHONY: sbom
sbom: $(READY) ## Write what each image holds to build/sbom/<image>.json (CycloneDX), its size to the docs
	@$(BIN)/python docker/describe.py

.PHONY: run-containers
run-containers: $(READY) ## Run the Kubeflow pipeline of a profile, each step in its container
	@$(BIN)/evertune run-containers --profile $(PROFILE) $(if $(IMAGES),--images $(IMAGES))

.PHONY: stop
stop: $(READY) ## Stop the embedded object store
	@$(BIN)/evertune store stop

.PHONY: check
check: $(READY) ## Static checks: format, lint, types, imports, pins, shell, YAML, secrets
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/yamllint --strict params.yaml dvc.yaml k8s
	$(BIN)/hadolint docker/Dockerfile
	$(BIN)/shellcheck .ci/run .ci/docker-engine requirements/compile docker/stand-in-base
	$(BIN)/gitleaks git --no-banner --redact --log-level warn .
	requirements/compile --check

MANIFESTS := .venv-manifests
$(MANIFESTS)/.ready: requirements/manifests.txt
	$(PYTHON) -m venv $(MANIFESTS)
	$(MANIFESTS)/bin/pip install --quiet --no-compile --no-deps --require-hashes -r requirements/manifests.txt
	@touch $@

.PHONY: check-manifests
check-manifests: $(MANIFESTS)/.ready ## Build and check k8s/: schemas, our rules, checkov, trivy, known-bad manifests
	$(MANIFESTS)/bin/python k8s/validate.py

.PHONY: test
test: $(READY) ## The whole test suite with coverage (ARGS="..." for pytest)
	$(BIN)/coverage erase
	$(BIN)/python -m pytest -n logical --dist loadfile --no-loadscope-reorder --cov --cov-report=term -m "not containers" $(ARGS)

.PHONY: test-containers
test-containers: $(READY) ## The tests that need a Docker engine and the images (make images)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m containers $(ARGS)

.PHONY: test-fast
test-fast: $(READY) ## The tests that take seconds
	$(BIN)/python -m pytest -m "not slow and not e2e and not containers" $(ARGS)

.PHONY: format
format: $(READY) ## Format the code and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: requirements
requirements: $(READY) ## Compile requirements/*.txt from the groups in pyproject.toml
	requirements/compile

.PHONY: docs
docs: $(READY) ## Write the generated reference pages
	$(BIN)/python docs/generate.py

.PHONY: guarantees
guarantees: $(READY) ## Write docs/reference/guarantees.md from a long run of the tests that inject faults
	@mkdir -p build && rm -f build/injections.jsonl
	EVERTUNE_SOAK=1 EVERTUNE_GUARANTEES=build/injections.jsonl $(BIN)/python -m pytest -q -m "not e2e" $(GUARANTEES)
	$(BIN)/python docs/guarantees.py build/injections.jsonl

.PHONY: benchmark
benchmark: $(READY) ## Training speed beside Hugging Face Trainer, and start-up
	$(BIN)/python benchmarks/train_throughput.py
	$(BIN)/python benchmarks/startup.py

.PHONY: clean
clean: ## Remove build products; data and models in .evertune/ stay
	rm -rf build dist .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
