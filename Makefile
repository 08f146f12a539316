# Everything that is done here more than once. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

# Settings, given as `make demo NODES=2` or by the environment:
NODES ?= 1        # cluster nodes of the dev cluster
PROFILE ?=        # kind of dev cluster: default, or k3s for one of the parts of k3s
CONTEXT ?=        # use this kubectl context instead of the dev cluster
REGISTRY ?=       # with CONTEXT: where images are pushed to and pulled from
SERVER_IP ?=      # with CONTEXT: address of this machine that pods reach
ADVISORIES ?=     # for make audit: PyPI's advisories in the OSV format
IMAGE ?=          # for make sbom: the node's image, as NAME@sha256:…
ARGS ?=           # arguments passed on: make kubectl ARGS="get pods -A"
NODES := $(strip $(NODES))
PROFILE := $(or $(strip $(PROFILE)),$(DEVCLUSTER_PROFILE))
CONTEXT := $(strip $(CONTEXT))
REGISTRY := $(strip $(REGISTRY))
SERVER_IP := $(strip $(SERVER_IP))
export NODES CONTEXT REGISTRY SERVER_IP
export DEVCLUSTER_PROFILE := $(PROFILE)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP_QUIET := --quiet --disable-pip-version-check

.PHONY: help
help:  ## this list
	@awk -F':.*## ' '/^##@ / {print "\n" substr($$0, 5)} \
	  /^[a-z0-9-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\nSettings, given as make demo NODES=2 or by the environment\n'
	@awk '/^[A-Z_]+ \?= .*#/ {name=$$1; sub(/^[^#]*# /, ""); printf "  %-25s %s\n", name "=", $$0}' $(MAKEFILE_LIST)

##@ Try it

.PHONY: demo demo-down demo-vantage6 demo-vantage6-down
demo: $(READY)  ## the whole story on a real cluster: from nothing to an average
	$(BIN)/python -m demo up
demo-down: $(READY)  ## take away what `make demo` made; the cluster stays
	$(BIN)/python -m demo down

demo-vantage6: $(READY)  ## a real vantage6 server, two organizations, one average, also encrypted
	$(BIN)/python -m demo vantage6
demo-vantage6-down: $(READY)  ## take down what `make demo-vantage6` made
	$(BIN)/python -m demo vantage6-down

.PHONY: dashboard
dashboard: .venv-dashboard/.ready  ## the cluster in a browser, read-only, on this machine only
	eval "$$($(PYTHON) -m devcluster env)" && .venv-dashboard/bin/python demo/dashboard.py

##@ Dev cluster

.PHONY: cluster cluster-status cluster-down kubectl images
cluster:  ## make the dev cluster, or bring it back (NODES=2 for two cluster nodes)
	$(PYTHON) -m devcluster up --nodes $(NODES)
cluster-status:  ## what runs of the dev cluster
	$(PYTHON) -m devcluster status
cluster-down:  ## remove the dev cluster; only the build cache stays
	$(PYTHON) -m devcluster down
kubectl:  ## kubectl on the dev cluster: make kubectl ARGS="get pods -A"
	@$(PYTHON) -m devcluster kubectl -- $(ARGS)
images:  ## build the project's images and push them to the cluster's registry
	$(PYTHON) -m devcluster images

##@ Test

# Runs, and what differs on k3s: late policies, the gate, volumes for claims.
K3S_SAMPLE := $(addprefix tests/,devcluster/test_policy_start.py devcluster/test_profile_features.py \
  cluster/test_main_path.py cluster/test_late_walls.py cluster/test_walls_self_test.py \
  cluster/vantage6/command/test_v6_command_claims.py)
# Processes of pytest-xdist; a file's tests stay together, because they share stations and servers.
PARALLEL := -n auto --dist loadfile
# Two for the cluster, however many processors: the tests wait for Kubernetes most of their time.
BESIDE := -n 2 --dist loadgroup
.PHONY: check test test-unit test-contract test-cluster test-k3s
check: $(READY)  ## lint, types, import layers, plain words
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	for folder in dummy_socketio_server dummy_proxy avg_alg; do \
	  (cd $$folder && MYPYPATH=. ../$(BIN)/mypy --config-file ../pyproject.toml *.py); done
	$(BIN)/lint-imports
	$(BIN)/python -m tests.plain_words
test: check test-unit test-contract test-cluster $(if $(CONTEXT),,test-k3s)  ## everything, on a real cluster that it brings up
test-unit: $(READY)  ## unit tests; need nothing but Python
	$(BIN)/pytest tests/unit tests/devcluster tests/test_architecture.py -m "not cluster" $(PARALLEL) $(ARGS)
test-contract: $(READY)  ## node, dummy server and emitter over real sockets, with a fake cluster
	$(BIN)/pytest tests/contract $(PARALLEL) --no-loadscope-reorder $(ARGS)
test-cluster: $(READY)  ## on the real cluster (brought up if it is not there)
	if [ -z "$$CONTEXT" ]; then $(PYTHON) -m devcluster up --nodes $(NODES); fi
	$(PYTHON) -m devcluster images
	$(PYTHON) -m devcluster images v6_federated_average v6_test_algorithm v6_evil_algorithm v6_whitelist_proxy
	$(PYTHON) -m devcluster build cosign gvisor helm3
	$(BIN)/pytest tests/cluster tests/devcluster -m "cluster and not default_class$(if $(CONTEXT), and not dev_cluster)" $(BESIDE) $(ARGS)
test-k3s: export DEVCLUSTER_PROFILE := k3s
test-k3s: export DEVCLUSTER_INDEX :=
test-k3s: $(READY)  ## a sample of the cluster tests on a dev cluster of the parts of k3s
	$(PYTHON) -m devcluster up
	$(PYTHON) -m devcluster images
	$(PYTHON) -m devcluster images v6_test_algorithm
	$(BIN)/pytest $(K3S_SAMPLE) -m cluster $(ARGS)
##@ Measure and break (long)

.PHONY: bench bench-vantage6 faults
bench: $(READY)  ## time, requests and memory against a bare client: 15 minutes, on an idle machine
	if [ -z "$$CONTEXT" ]; then $(PYTHON) -m devcluster up --nodes $(NODES); fi
	$(PYTHON) -m devcluster images
	$(PYTHON) -m devcluster images v6_bench_algorithm
	$(BIN)/python -m bench $(ARGS)
bench-vantage6: $(READY)  ## with a real vantage6 server and client: 15 minutes, on an idle machine
	if [ -z "$$CONTEXT" ]; then $(PYTHON) -m devcluster up --nodes $(NODES); fi
	$(PYTHON) -m devcluster images v6_node_poc v6_federated_average v6_test_algorithm
	$(BIN)/python -m bench.vantage6 $(ARGS)
faults: $(READY)  ## the fault matrix, 16 to 25 minutes on a dev cluster of two nodes (ARGS=--help)
	$(PYTHON) -m devcluster up --nodes 2
	$(PYTHON) -m devcluster images
	$(BIN)/python -m tests.faults $(ARGS)
##@ Maintain

.PHONY: wheel sbom licences audit
# The time in wheel and bill of materials: that of the commit, so that each build gives the same bytes.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 1577836800)
NODE_VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"$$/\1/p' node_poc/__init__.py)
wheel sbom: export SOURCE_DATE_EPOCH := $(SOURCE_DATE_EPOCH)
wheel: $(READY)  ## build the project's wheel into dist
	rm -f dist/*.whl
	$(BIN)/python -m hatchling build -t wheel -d dist
sbom: wheel  ## write dist/sbom.cdx.json: packages, licences and hashes (IMAGE=NAME@sha256:…)
	$(BIN)/python -m supply sbom --version $(NODE_VERSION) --wheel dist/*.whl --image "$(IMAGE)" --out dist/sbom.cdx.json
licences: $(READY)  ## list the licences of the node's packages; fails for others than the allowed
	$(BIN)/python -m supply licences
audit: $(READY)  ## compare the node's packages with known advisories (ADVISORIES=file, folder or zip of OSV)
	$(BIN)/python -m supply audit "$(ADVISORIES)" $(ARGS)

.PHONY: kubeconfs docs format lock
# Versions that a lock has already stay, unless requirements or constraints.txt say otherwise.
LOCK = $(BIN)/uv pip compile --quiet --no-config --system-certs --universal --python-version 3.11 \
  --generate-hashes --annotation-style line --custom-compile-command "make lock" $(ARGS)
lock: $(READY)  ## remake the lock files, with the hashes of the packages (ARGS=--upgrade: newer ones for algorithms)
	$(LOCK) -c constraints.txt requirements-dev.txt -o requirements-dev.lock
	$(LOCK) -c constraints.txt node_poc/requirements.txt -o node_poc/requirements.lock
	$(LOCK) requirements-dashboard.txt -o requirements-dashboard.lock
	for folder in fed_avg_alg tests/algorithm; do \
	  $(LOCK) --group $$folder/pyproject.toml:build -o $$folder/requirements-build.lock; \
	  $(LOCK) $$folder/pyproject.toml -o $$folder/requirements.lock; done
kubeconfs: $(READY)  ## remake the files in node_poc/kubeconfs that are made from others
	$(BIN)/python -m node_poc render config-map > node_poc/kubeconfs/node_config_map.yaml
	$(BIN)/python -m node_poc render policies > node_poc/kubeconfs/network_policies.yaml
	$(BIN)/python -m node_poc render job-policy > node_poc/kubeconfs/job_policy.yaml
docs: $(READY)  ## remake the tables of docs/configuration.md from the code
	$(BIN)/python docs/configuration_tables.py
format: $(READY)  ## format the Python code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(READY): requirements-dev.lock
	$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer with venv is needed: apt-get install python3-venv" >&2; exit 3; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install $(PIP_QUIET) --require-hashes --only-binary :all: -r requirements-dev.lock
	touch $@

.venv-dashboard/.ready: requirements-dashboard.lock
	$(PYTHON) -m venv .venv-dashboard
	.venv-dashboard/bin/pip install $(PIP_QUIET) --require-hashes -r requirements-dashboard.lock
	touch $@
