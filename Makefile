# OmniNode. `make` lists the targets; everything needs only Go, `make pipeline` also Docker.
SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

NODES ?= nodes
SEEDS ?= 1..1000
CASES ?=
CASE  ?=
SHORT ?=
SEED  ?=
BREAK ?=
FUZZ  ?= 5s

# The race detector needs cgo. Where it is missing the tests run without and say so.
RACE := $(shell test "$$(go env CGO_ENABLED)" = 1 && echo -race)
LINT := go tool -modfile=tools/go.mod golangci-lint
image = $(shell sed -n 's/.*$(1)Image *= "\(.*\)"/\1/p' ci/versions.go)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / {printf "  \033[1m%-11s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: e2e
e2e: build ## run the shop's scenarios on embedded backends (seconds, no Docker)
	@bin/omninode e2e --on embedded $(if $(CASES),--cases $(CASES))

.PHONY: test
test: verify unit e2e ## everything that needs only Go: generated files, unit and conformance tests, scenarios

.PHONY: unit
unit: ## unit and conformance tests, with the race detector where cgo is available
	@test -n "$(RACE)" || echo "note: no C compiler found, running without the race detector"
	@go test $(RACE) -timeout 10m ./... | { grep --line-buffered -v 'no test files' || true; }
	@go -C ci test ./image ./report
	@go -C ci/airgap test ./...

.PHONY: sim
sim: build ## the fleet's handlers through faults on one goroutine (SEEDS=1..1000)
	@bin/omninode sim --seed $(SEEDS)

.PHONY: pipeline
pipeline: build ## the whole pipeline on real Vault, Consul, Kafka and Postgres, through Dagger (BREAK=vault|consul|kafka|postgres|handler must fail)
	@bin/omninode e2e --on real $(if $(CASES),--cases $(CASES)) $(if $(BREAK),--break $(BREAK))

.PHONY: conformance
conformance: conformance-vault conformance-engine ## the suites of Vault, Consul and the engine on real servers, in containers on 127.0.0.1 (needs Docker on Linux)

# The tests that are left out bring servers of their own. Tests mostly wait, so more of them run at once than there are cores.
.PHONY: conformance-engine
conformance-engine:
	@go run ./e2e/servers/with go test -count=1 $(RACE) -timeout 5m -parallel 8 -skip '^(TestSeeds|TestDerivedRights|TestVault)' ./onex ./internal/kafka ./internal/postgres

.PHONY: conformance-vault
conformance-vault:
	@export VAULT_DEV_ROOT_TOKEN_ID=$$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n'); port=$$((20000 + RANDOM % 10000)); \
	vault='' consul=''; trap 'docker rm -f $$vault $$consul >/dev/null' EXIT; \
	: "the network is the host's, because Consul checks the servers of the tests"; \
	vault=$$(docker run --rm -d --network host -e SKIP_SETCAP=1 -e VAULT_DEV_ROOT_TOKEN_ID $(call image,vault) server -dev -dev-listen-address=127.0.0.1:$$port); \
	consul=$$(docker run --rm -d --network host $(call image,consul) agent -dev -bind 127.0.0.1 -client 127.0.0.1 -http-port=$$((port + 2)) \
	  -server-port=$$((port + 3)) -serf-lan-port=$$((port + 4)) -dns-port=-1 -grpc-port=-1 -grpc-tls-port=-1); \
	export TEST_VAULT_TOKEN=$$VAULT_DEV_ROOT_TOKEN_ID TEST_VAULT_ADDR=http://127.0.0.1:$$port TEST_CONSUL_ADDR=127.0.0.1:$$((port + 2)); \
	timeout 60 sh -c "until docker exec $$vault vault status -address=$$TEST_VAULT_ADDR && docker exec $$consul consul catalog nodes -http-addr=$$TEST_CONSUL_ADDR; do sleep 1; done" >/dev/null 2>&1 \
	  || { echo "the servers are not ready after 60s:"; docker logs -n 20 $$vault; docker logs -n 20 $$consul; exit 1; } 2>&1; \
	go test -count=1 $(RACE) -timeout 5m ./internal/vault ./internal/consul; \
	go test -count=1 $(RACE) -timeout 5m -run Vault ./internal/provision ./onex

.PHONY: generate
generate: build ## regenerate the nodes from their contracts
	@bin/omninode generate --nodes $(NODES)

.PHONY: verify
verify: build ## prove that the contracts are valid and the generated files are up to date
	@bin/omninode validate $(NODES)
	@bin/omninode generate --nodes $(NODES) --check

# What contracts are compared with: the last release, else the commit before this one.
BASE ?= $(shell git describe --tags --abbrev=0 HEAD~1 2>/dev/null || git rev-parse --verify --quiet HEAD~1)

.PHONY: compat
compat: build ## refuse contracts that break what BASE (the last tag, else the commit before) promised
	@if [ -z "$(BASE)" ]; then echo "compat: no earlier state to compare with: no git, a first commit or a shallow clone"; \
	else echo "compat: compared with $(BASE)"; bin/omninode diff "$(BASE)" --nodes $(NODES) $(if $(GITHUB_ACTIONS),--format github); fi

.PHONY: build
build: ## build bin/omninode (about a minute the first time)
	@( while sleep 5 >/dev/null 2>&1; do echo "... build bin/omninode $${SECONDS}s"; done ) & tick=$$!; trap "kill $$tick" EXIT; \
	  go build -o bin/omninode ./cmd/omninode

.PHONY: lint
lint: ## format check and linters, including the direction of dependencies, also of generated code
	@$(LINT) run ./...
	@OMNINODE_LINT=1 go test -count=1 -run TestScaffoldsLint ./codegen

.PHONY: bench
bench: build ## measure the figures of docs/FIGURES.md (CASE=generate,scale,peers,image,node,e2e,dagger,airgap,P1,P2,P3,P4,P5,P6,idle,pipeline)
	@go run ./e2e/bench $(if $(CASE),-case $(CASE))

.PHONY: faults
faults: ## put nodes under faults on real Kafka and Postgres (CASE=R1,R3,…,twins SHORT=1 SEED=n; needs Docker on Linux)
	@go run ./e2e/faults $(if $(CASE),-case $(CASE)) $(if $(SHORT),-short) $(if $(SEED),-seed $(SEED))

.PHONY: fuzz
fuzz: ## fuzz every fuzz target for FUZZ (5s) each
	@grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u | while read -r dir; do \
	  grep -ho '^func Fuzz[A-Za-z0-9_]*' "$$dir"/*_test.go | awk '{print $$2}' | while read -r f; do \
	    echo "== $$dir $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzzminimizetime 10x -fuzztime $(FUZZ) "$$dir"; done; done

.PHONY: asyncapi
asyncapi: ## let the official parser of AsyncAPI judge what is exported (needs Node.js; fetches it from npm)
	@npm install --silent --no-audit --no-fund --ignore-scripts --prefix .omninode/asyncapi @asyncapi/parser@3.6.3
	@go test -count=1 -run TestOfficialParser -v ./catalogue/export | grep -v '^=== '

.PHONY: doctor
doctor: build ## check this machine and say what each missing thing costs
	@bin/omninode doctor

.PHONY: clean
clean: ## remove built files, reports and embedded data
	@rm -rf bin out .omninode

.PHONY: mutate
mutate: ## delete, rename and change every leaf of the example contracts: each mutant must be noticed
	@go test ./codegen -count=1 -timeout 30m -run '^TestMutants$$' -v -mutants | grep -v '^=== \|^    --- '
