# jujuetcd: build, try and test. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.version=$(VERSION)
GO ?= go
# One set of flags for programs and tests: what one has compiled, the other need not.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath
CONTROLLER_GEN := sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
ETCD_MINOR ?= 3.6

##@ Use

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z][a-z0-9-]*:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build charm-host etcd ## bring up etcd on an embedded Juju, grow it to five under writes and shrink it again (KEEP=1 leaves it running)
	@$(GO) run ./test/demo $(if $(KEEP),--keep)

.PHONY: build
build: ## build bin/jujuetcd, bin/jujuetcd-agent and bin/jujusim
	@mkdir -p bin
	@[ -e bin/jujuetcd ] || echo "Building jujuetcd, its agent and jujusim. Where Go has built none of their modules yet that takes some minutes." >&2
	@$(GO) build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

.PHONY: charm
charm: ## pack dist/etcd.charm, and one charm for each architecture
	@$(GO) run ./deploy/charm/pack -out dist

.PHONY: charm-host
charm-host: ## pack only this machine's charm, and the small charms that demo and tests use
	@[ -e dist/etcd.charm ] || echo "Packing the charm, and those that demo and tests use." >&2
	@$(GO) run ./deploy/charm/pack -out dist -arch host >/dev/null
	@$(GO) run ./test/charms/pack -out dist >/dev/null

.PHONY: etcd
etcd: ## build the real etcd that demo and tests run, once, into the user's cache
	@[ -d "$${XDG_CACHE_HOME:-$$HOME/.cache}/jujuetcd/etcd" ] || echo "Building the real etcd $(ETCD_MINOR), once: a minute or two." >&2
	@$(GO) run ./test/etcd/build $(ETCD_MINOR) >/dev/null

##@ Check

# In the order in which a fault is cheapest to find.
GATE := tools vet lint test-unit fuzz test-race test-integration test-e2e-if-possible
# How many inputs each fuzz target tries.
FUZZ_RUNS ?= 5000

.PHONY: test
test: ## all tests and checks: lint, unit, fuzz, race, integration with real etcd, and as root those on machines; prints the seconds of each
	@test/timed.sh $(GATE)

.PHONY: test-full
test-full: ## the same, with guards taken out one at a time, longer fuzzing, and many more worlds of the simulation: hours
	@FUZZ_RUNS=300000 JUJUETCD_MATRIX=full test/timed.sh $(GATE) test-mutation test-worlds

.PHONY: tools
tools: ## install what the tests need from the system
	@test/install-tools.sh

.PHONY: vet
vet: ## gofmt, go vet, and generated files up to date
	@bad=$$(gofmt -l cmd pkg sim test deploy); [ -z "$$bad" ] || { echo "gofmt: these files differ:" $$bad >&2; exit 1; }
	@$(GO) vet ./...
	@test/generated.sh $(CONTROLLER_GEN)

.PHONY: lint
lint: ## the linters of .golangci.yml, each of which says there why (the first time it builds them, two minutes)
	@$(GO) run $(GOLANGCI_LINT) run

.PHONY: test-unit
test-unit: etcd ## unit tests and the simulation
	$(GO) test -timeout 30m -skip TestEveryGuardMutationIsCaught ./...

.PHONY: fuzz
fuzz: ## every fuzz target with FUZZ_RUNS inputs (5000)
	@test/fuzz.sh $(FUZZ_RUNS)

.PHONY: test-mutation
test-mutation: etcd ## take guards out of the source, one at a time: some test must miss each
	$(GO) test -timeout 40m -count=1 -p 1 -run TestEveryGuardMutationIsCaught $$(grep -rlE '^func TestEveryGuardMutationIsCaught' --include='*_test.go' pkg | xargs -n1 dirname | sort -u | sed 's,^,./,')

.PHONY: test-worlds
test-worlds: etcd
	$(GO) test -timeout 3h -count=1 ./test/simulation -chaos-worlds=500 -every-kill

# Tests of one goroutine with much data: nothing can race there, and the detector takes them minutes. test-unit has them.
ONE_GOROUTINE := TestSieve|TestEveryRecordedKeyIsReadOrIgnored|TestNoElectionTimeoutIsEver|TestABombIs|TestDamagedArchives|TestWhatLeadsOutOfAnArchive|TestEveryFormTells

.PHONY: test-race
test-race: etcd ## the same packages under the race detector
	@# A program under the detector sleeps a second before it ends, and a script of the CLI runs a hundred.
	GORACE=atexit_sleep_ms=0 CGO_ENABLED=1 $(GO) test -timeout 30m -race -skip '^(TestEveryGuardMutationIsCaught|$(ONE_GOROUTINE))' ./pkg/... ./sim/...

.PHONY: test-integration
test-integration: tools build charm-host etcd ## the whole product against jujusim and real etcd
	$(GO) test -tags integration -count=1 -parallel 3 -timeout 45m -v ./test/integration/...

# Said last, so that nobody takes their silence for success.
.PHONY: test-e2e-if-possible
test-e2e-if-possible:
	@if why=$$(test/machines-possible.sh); then $(MAKE) --no-print-directory test-e2e; \
	else echo "THE END-TO-END TESTS DID NOT RUN: $$why."; fi

.PHONY: test-e2e
test-e2e: charm-host etcd ## the whole product on machines with real systemd and snapd; as root
	@test/install-tools.sh machines
	$(GO) test -tags e2e -count=1 -timeout 15m -v ./test/e2e/

.PHONY: bench
bench: etcd ## benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

##@ Change

.PHONY: generate
generate: ## deep copies and CRD schemas
	$(GO) run $(CONTROLLER_GEN) object crd paths=./pkg/apis/... output:crd:dir=config/crd

.PHONY: dashboard-picture
dashboard-picture: tools etcd ## draw docs/explanation/dashboard.png anew (needs chromium)
	$(GO) run ./test/dashboard -out docs/explanation/dashboard.png

.PHONY: verify
verify: ## fail if generated files or go.mod are not up to date
	@test/generated.sh $(CONTROLLER_GEN)

.PHONY: clean
clean: ## remove what was built here
	rm -rf bin dist
