# Needs Go and make, and what every Unix has. The tools are pinned in tools/go.mod and built into .tools/ when they are
# first needed, and again only when their pins or Go change.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

COLLECTOR := build/otelcol-o365messagetrace
SIMULATOR := build/m365sim
CHECK     := build/o365check
TOOLS     := .tools/$(shell go env GOVERSION)
LINT      := $(TOOLS)/golangci-lint

# What the binaries are made of. Folders are listed with the files, so that a deleted file counts as a change.
SOURCES := $(shell find *.go cmd connector extension internal provider receiver simulator \
	-name testdata -prune -o ! -name '*_test.go' ! -name '*.md' -print 2>/dev/null)

.PHONY: help build run demo test check generate lint fmt bench

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1 /p' $(MAKEFILE_LIST) | while read -r target what; do \
		printf '%-18s %s\n' "$$target" "$$what"; \
	done

build: $(COLLECTOR) $(SIMULATOR) $(CHECK) ## build the collector, the simulator and o365check into build/

# ocb leaves a binary alone that is up to date already, hence touch.
$(COLLECTOR): $(TOOLS)/builder builder-config.yaml go.mod go.sum $(SOURCES)
	$(TOOLS)/builder --config builder-config.yaml
	@touch $@

$(SIMULATOR): go.mod go.sum $(SOURCES)
	CGO_ENABLED=0 go build -trimpath -o $@ ./cmd/m365sim
	@touch $@

$(CHECK): go.mod go.sum $(SOURCES)
	CGO_ENABLED=0 go build -trimpath -o $@ ./cmd/o365check
	@touch $@

# Without it, health_check neither knows how receivers are nor accepts the configuration of the examples.
FEATURE_GATES := --feature-gates=+extension.healthcheck.useComponentStatus

run: ## run the collector with your configuration: make run CONFIG=my.yaml
	@test -n "$$CONFIG" || { echo 'make run: which configuration? Say: make run CONFIG=my.yaml' >&2; exit 2; }
	@test -r "$$CONFIG" || { echo "make run: cannot read $$CONFIG" >&2; exit 2; }
	@$(MAKE) --no-print-directory $(COLLECTOR)
	@exec $(COLLECTOR) $(FEATURE_GATES) --config "$$CONFIG"

demo: build ## watch records of a simulated tenant arrive; ^C ends it
	@exec scripts/demo.sh

test: ## run the tests
	CGO_ENABLED=0 go test -timeout 20m $(TESTFLAGS) ./...

CHECKS := check-generated lint check-vet check-fuzz check-chaos check-race check-mappings check-queries build check-examples check-e2e check-browser check-deploy

check: ## all that CI checks: generated files, lint, vet, fuzzing, chaos, race detector, build, examples, end to end, deployment
	@for stage in $(CHECKS); do \
		echo "=== $$stage"; start=$$(date +%s); \
		$(MAKE) --no-print-directory "$$stage" || exit; \
		echo "=== $$stage: $$(($$(date +%s) - start)) s"; \
	done

# What mdatagen makes of events and resource attributes builds records in a way that the components do not use, and does
# not compile where there are no metrics: it goes. No component has a switch for its one event, so documentation.md must not
# promise one.
generate: $(TOOLS)/mdatagen ## generate code and documentation from metadata.yaml, JSON schemas from Config
	cd extension/jobinspector && $(abspath $<) metadata.yaml
	for component in receiver connector/findings; do \
		(cd $$component && $(abspath $<) metadata.yaml && cd internal/metadata && \
			rm -rf testdata generated_config* generated_logs* generated_resource*) && \
		awk '/can be disabled by applying/ { skip = 1 } !skip { print } skip && /^```$$/ { skip = 0; getline }' \
			$$component/documentation.md > $$component/documentation.md.new && \
		mv $$component/documentation.md.new $$component/documentation.md || exit; \
	done
	CGO_ENABLED=0 go test -run TestSchemasAreUpToDate . -update

lint: $(LINT) ## find what golangci-lint objects to, formatting included
	CGO_ENABLED=0 $(LINT) run --allow-parallel-runners ./...
	for module in browser deploy mappings queries standby ../tools/kafka; do (cd test/$$module && CGO_ENABLED=0 $(abspath $(LINT)) run --allow-parallel-runners ./...) || exit; done

fmt: $(LINT) ## format the code
	$(LINT) fmt ./...
	for module in browser deploy mappings queries standby ../tools/kafka; do (cd test/$$module && $(abspath $(LINT)) fmt ./...) || exit; done

# The whole path is measured many times, so that the medians that it reports are steady; the rest needs fewer.
bench: ## run the benchmarks; compare two outputs with: go -C tools tool benchstat
	CGO_ENABLED=0 go test -run '^$$' -bench 'WholePath' -benchtime 16x -timeout 30m ./internal/bench
	CGO_ENABLED=0 go test -run '^$$' -bench 'Memory|Planner|First|Peers' -benchtime 5x -timeout 30m ./internal/bench
	@packages=$$(find . -name '*_test.go' ! -path './internal/bench/*' -exec grep -l '^func Benchmark' {} + | \
		sed 's|/[^/]*$$||' | sort -u); \
	CGO_ENABLED=0 go test -run '^$$' -bench . -benchmem $$packages

.PHONY: bench-path
bench-path: ## show in half a minute what our path costs on both sets of pages
	CGO_ENABLED=0 go test -run '^$$' -bench 'WholePath/plain' -benchtime 2x ./internal/bench | grep -E 'WholePath|FAIL'

FUZZTIME ?= 60s
SEEDS    ?= 100

.PHONY: fuzz chaos soak steady
fuzz: ## run each fuzz target for FUZZTIME, 60s unless set; FUZZ=records only those whose package or name contains it
	scripts/fuzz.sh $(FUZZTIME) $(FUZZ)

chaos: ## read four days of mail through every fault, with SEEDS seeds, 100 unless set
	scripts/chaos.sh $(SEEDS)

soak: $(COLLECTOR) $(SIMULATOR) ## end, pause and cut off the built collector for SOAK, 10m unless set, and look for what is lost
	O365MT_SOAK=$(or $(SOAK),10m) O365MT_COLLECTOR=$(abspath $(COLLECTOR)) O365MT_SIMULATOR=$(abspath $(SIMULATOR)) \
		CGO_ENABLED=0 go test -count=1 -timeout 0 -tags e2e -run TestWhateverAMachineDoes -v ./test/e2e

steady: $(COLLECTOR) $(SIMULATOR) ## read 500 rows a second for STEADY, 2h unless set, and look for what is lost or grows: build/steady.csv
	O365MT_STEADY=$(or $(STEADY),2h) O365MT_COLLECTOR=$(abspath $(COLLECTOR)) O365MT_SIMULATOR=$(abspath $(SIMULATOR)) \
		CGO_ENABLED=0 go test -count=1 -timeout 0 -tags e2e -run TestStaysFlat -v ./test/e2e

.PHONY: bench-growth bench-collector
bench-growth: ## measure how the cost of a row depends on windows, remembered rows and receivers, also with findings and details
	CGO_ENABLED=0 go test -run '^$$' -bench 'Window|Remembered|Receivers|Followed' -benchtime 5x -timeout 60m ./internal/bench

bench-collector: $(COLLECTOR) ## measure the built collector
	O365MT_COLLECTOR=$(abspath $(COLLECTOR)) CGO_ENABLED=0 go test -run '^$$' -bench Collector -benchtime 3x -timeout 30m ./internal/bench

.PHONY: bench-tenants
bench-tenants: ## measure what idle receivers take, at 200 and 500 tenants
	CGO_ENABLED=0 go test -run '^$$' -bench Tenants -benchtime 1x -timeout 30m ./internal/bench

.PHONY: compat
compat: ## test with a newer release of the collector
	scripts/compat.sh v0.165.0/v1.71.0/v0.165.1

.PHONY: bench-findings
bench-findings: ## measure what the findings connector finds, and what a record costs it
	@CGO_ENABLED=0 go run ./internal/detection
	CGO_ENABLED=0 go test -run '^$$' -bench Findings -benchtime 10x ./internal/bench

.PHONY: bench-completeness
bench-completeness: ## compare what ways of reading lose and repeat, in a model
	@go run ./internal/completeness

# All take about half an hour on two cores. For one: make dist PLATFORMS=linux/amd64
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: dist
dist: $(TOOLS)/builder $(TOOLS)/cyclonedx-gomod $(TOOLS)/nfpm ## make the archives, packages and checksums of a release in dist/
	scripts/dist.sh $(TOOLS) $(PLATFORMS)

.PHONY: check-dist
check-dist: $(SIMULATOR) $(TOOLS)/builder $(TOOLS)/cyclonedx-gomod $(TOOLS)/nfpm ## make a release for this machine twice and compare, and try the package for Debian
	scripts/check-dist.sh $(TOOLS)
	scripts/check-deb.sh run dist/*.deb $(SIMULATOR)

# The stages of check that are of no use on their own.
.PHONY: check-generated check-vet check-fuzz check-chaos check-race check-mappings check-queries check-examples check-e2e check-browser check-deploy

# Compares copies, not commits, so that it works before a commit as well.
check-generated:
	@before=$$(mktemp -d); trap 'rm -rf "$$before"' EXIT; \
	cp -R receiver extension connector "$$before"; \
	$(MAKE) --no-print-directory generate && \
	git --no-pager diff --no-index --exit-code "$$before/receiver" receiver && \
	git --no-pager diff --no-index --exit-code "$$before/extension" extension && \
	git --no-pager diff --no-index --exit-code "$$before/connector" connector || \
	{ echo 'Generated files were not up to date. They are now: look at them and add them.' >&2; exit 1; }

check-vet:
	CGO_ENABLED=0 go vet -tags e2e ./...
	for module in browser deploy mappings queries standby ../tools/kafka; do (cd test/$$module && CGO_ENABLED=0 go vet ./...) || exit; done

# Long enough to get beyond what the corpora know already: what they know, check-race and make test run as well.
check-fuzz:
	scripts/fuzz.sh 2s

check-chaos:
	scripts/chaos.sh 20

check-race:
	@cc=$$(go env CC); command -v "$${cc%% *}" >/dev/null || \
	{ echo "The race detector needs a C compiler, and there is no $$cc: install gcc or clang." >&2; exit 1; }
	CGO_ENABLED=1 go test -race -short -timeout 30m $(TESTFLAGS) ./...

# The mappings in examples/mappings and the filters in docs/records.md, on golden records.
check-mappings:
	cd test/mappings && CGO_ENABLED=0 go test -count=1 $(TESTFLAGS) ./...

# Two collectors, and an election by leases of Kubernetes.
# Builds Kubernetes' client, which takes minutes without a cache.
.PHONY: check-standby
check-standby: ## try a leader and a standby with the leader election of contrib
	cd test/standby && CGO_ENABLED=0 go test -count=1 $(TESTFLAGS) ./...

check-queries:
	cd test/queries && CGO_ENABLED=0 go test -count=1 $(TESTFLAGS) ./...

check-examples: $(COLLECTOR)
	scripts/check-examples.sh $(COLLECTOR) $(TOOLS)/builder

# They wait more than they work.
check-e2e: $(COLLECTOR) $(SIMULATOR) $(CHECK)
	O365MT_COLLECTOR=$(abspath $(COLLECTOR)) O365MT_SIMULATOR=$(abspath $(SIMULATOR)) O365MT_CHECK=$(abspath $(CHECK)) \
		CGO_ENABLED=0 go test -count=1 -parallel 4 -tags e2e $(TESTFLAGS) ./test/e2e/...

check-browser: $(COLLECTOR) $(SIMULATOR)
	cd test/browser && CGO_ENABLED=0 go test -count=1 $(TESTFLAGS) ./...
	scripts/check-demo-page.sh

# What is in deploy/.
check-deploy: $(COLLECTOR) $(SIMULATOR)
	cd test/deploy && O365MT_COLLECTOR=$(abspath $(COLLECTOR)) O365MT_SIMULATOR=$(abspath $(SIMULATOR)) \
		CGO_ENABLED=0 go test -count=1 $(TESTFLAGS) ./...

# The tools. Without cgo, so that no C compiler is needed.
$(TOOLS)/builder:         PACKAGE := go.opentelemetry.io/collector/cmd/builder
$(TOOLS)/mdatagen:        PACKAGE := go.opentelemetry.io/collector/cmd/mdatagen
$(TOOLS)/golangci-lint:   PACKAGE := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(TOOLS)/nfpm:            PACKAGE := github.com/goreleaser/nfpm/v2/cmd/nfpm
$(TOOLS)/cyclonedx-gomod: PACKAGE := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
$(TOOLS)/builder $(TOOLS)/mdatagen $(TOOLS)/golangci-lint: tools/go.mod tools/go.sum
	CGO_ENABLED=0 go -C tools build -o $(abspath $@) $(PACKAGE)
	@touch $@
# -trimpath, since the lists of components have its checksum.
$(TOOLS)/nfpm $(TOOLS)/cyclonedx-gomod: tools/dist/go.mod tools/dist/go.sum
	CGO_ENABLED=0 go -C tools/dist build -trimpath -buildvcs=false -o $(abspath $@) $(PACKAGE)
	@touch $@
