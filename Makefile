# Everstream's chores. `make run` and `make test` need nothing but Rust and Node: they set up what is missing, and say in
# a sentence what they may not install.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

NPM := npm --prefix web --no-fund --no-audit --loglevel=error
CARGO_TARGET_DIR ?= target
DEBUG_BINARY := $(abspath $(CARGO_TARGET_DIR))/debug/everstream
BENCH ?= fan-out saturated idle-memory chat growth-subscribers relay demo appends growth-streams resume storm startup \
  decode
RELEASE_BINARY := $(abspath $(CARGO_TARGET_DIR))/release/everstream
PGO_BINARY := $(abspath $(CARGO_TARGET_DIR))/pgo/release/everstream
CONFORMANCE_BINARY := $(abspath $(CARGO_TARGET_DIR))/conformance/everstream
DURABLE_STREAMS := tests/durable-streams
WEB_SOURCES := $(shell git ls-files --cached --others --exclude-standard web 2>/dev/null)

##@ For everybody

.PHONY: run
run: binary ## Serve the demo on http://127.0.0.1:8000 (ARGS="--listen 127.0.0.1:9000" for more)
	$(DEBUG_BINARY) serve $(ARGS)

.PHONY: test
test: test-rust test-web test-example test-e2e test-sdk test-durable-streams fuzz-smoke ## Run every test, setting up what they need

.PHONY: release
release: need-build page ## Build the optimised binary, target/release/everstream
	cargo build --locked --release --package everstream
	@echo "built $(RELEASE_BINARY)"

.PHONY: release-pgo
release-pgo: need-build page ## Build what to ship, target/pgo/release/everstream: optimised by what it does under load, in 15 minutes
	scripts/need.sh profdata
	scripts/pgo.sh $(CARGO_TARGET_DIR)/pgo
	@echo "built $(PGO_BINARY)"

.PHONY: demo-llm
demo-llm: binary need-browser ## Show the whole way on a real language model, and check it
	examples/local-llm/show.sh $(DEBUG_BINARY)

##@ For those who change it

.PHONY: check
check: check-rust tidy deny check-web ## Format, lints, documents, house rules, types: all but the tests

.PHONY: check-rust
check-rust: need-build page
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items --quiet

.PHONY: tidy
tidy: need-build ## Check the house rules: edges, sizes, words
	cargo xtask tidy

.PHONY: deny
deny: need-build ## Check licences, sources and second copies of dependencies
	scripts/deny.sh

.PHONY: check-web
check-web: web/node_modules/.package-lock.json
	$(NPM) run lint
	$(NPM) run typecheck

.PHONY: test-rust
test-rust: binary ## Run the tests of the crates
	scripts/nextest.sh --locked --workspace

.PHONY: test-web
test-web: web/node_modules/.package-lock.json ## Run the page's unit tests
	$(NPM) run test

.PHONY: test-e2e
test-e2e: binary need-browser web/node_modules/.package-lock.json ## Run the page against the server in Chromium
	EVERSTREAM_BINARY=$(DEBUG_BINARY) $(NPM) run e2e

.PHONY: test-sdk
test-sdk: binary ## Run the official OpenAI SDK and the Python client of Durable Streams against the server
	EVERSTREAM_BINARY=$(DEBUG_BINARY) $$(scripts/python.sh) -m pytest tests/sdk

.PHONY: test-durable-streams
test-durable-streams: binary $(DURABLE_STREAMS)/node_modules/.package-lock.json ## Run the TypeScript client of Durable Streams, its transports and tools against the server
	EVERSTREAM_BINARY=$(DEBUG_BINARY) npm --prefix $(DURABLE_STREAMS) --loglevel=error run client

.PHONY: conformance
conformance: need-build page $(DURABLE_STREAMS)/node_modules/.package-lock.json ## Run the suite of Durable Streams for servers: at each durability, and after a crash
	cargo build --locked --profile conformance --package everstream
	npm --prefix $(DURABLE_STREAMS) --loglevel=error run conformance -- $(CONFORMANCE_BINARY) $(ARGS)

.PHONY: client-conformance
client-conformance: need-checkout binary $(DURABLE_STREAMS)/node_modules/.package-lock.json ## Run the cases of Durable Streams for clients (CHECKOUT=<a checkout of its repository>, ADAPTER=<a client's program in it>)
	npm --prefix $(DURABLE_STREAMS) --loglevel=error run client-conformance -- $(DEBUG_BINARY) $(abspath $(CHECKOUT)) $(abspath $(ADAPTER))

.PHONY: proxy-conformance
proxy-conformance: need-checkout binary $(DURABLE_STREAMS)/node_modules/.package-lock.json ## Run the suite of the proxy protocol (CHECKOUT=<a checkout of its repository>)
	npm --prefix $(DURABLE_STREAMS) --loglevel=error run proxy-conformance -- $(DEBUG_BINARY) $(abspath $(CHECKOUT))

.PHONY: test-example
test-example: need-build ## Run the tests of examples/local-llm, which need no model
	node --test examples/local-llm/

.PHONY: fuzz-smoke
fuzz-smoke: need-build ## Fuzz the decoder and the append path for 10 s each
	@scripts/need.sh cxx
	scripts/fuzz.sh 10

SEEDS ?= 1000
.PHONY: crash-sim
crash-sim: need-build ## Crash the disk engine in drawn runs (SEEDS=100 of them, FROM=0; SEED=123 for one)
	cargo build --locked --release --package everstream-crash
	$(dir $(RELEASE_BINARY))crash-sim $(if $(SEED),$(SEED),$(or $(FROM),0) $(or $(SEEDS),100))

# What is measured: PGO=1 for what ships.
MEASURED := $(if $(PGO),$(PGO_BINARY),$(RELEASE_BINARY))
MEASURED_BUILD := $(if $(PGO),release-pgo,release)

.PHONY: bench
bench: $(MEASURED_BUILD) ## Run every benchmark on the optimised binary (BENCH=fan-out for one, ARGS=--record to keep the results, PGO=1 for what ships)
	cargo build --locked --release --package everstream-benches
	for name in $(BENCH); do $(dir $(RELEASE_BINARY))bench $$name --server $(MEASURED) $(ARGS); done

.PHONY: bench-beside
bench-beside: $(MEASURED_BUILD) ## Compare with Electric's durable-streams in one run, 4 minutes (ARGS="--parts tail" for one part)
	cargo build --locked --release --package everstream-benches
	$(dir $(RELEASE_BINARY))bench beside --server $(MEASURED) \
	  --durable-streams $$(scripts/peer.sh durable-streams) $(ARGS)

.PHONY: bench-plots
bench-plots: need-build ## Draw the recorded results (make bench ARGS=--record) into docs/benchmarks, and write its tables
	cargo build --locked --release --package everstream-benches
	$(dir $(RELEASE_BINARY))bench plot

OUT ?= flamegraph.svg
.PHONY: flamegraph
flamegraph: $(MEASURED_BUILD) ## Draw where the server spends its CPU in a benchmark (BENCH=relay ARGS="--answers 500" OUT=relay.svg)
	cargo build --locked --release --package everstream-benches
	scripts/flamegraph.sh $(MEASURED) $(OUT) $(firstword $(BENCH)) $(ARGS)

.PHONY: function-order
function-order: release release-pgo ## Note which functions run, so that the next build lays them side by side (needs valgrind)
	cargo build --locked --release --package everstream-benches
	scripts/function-order.sh $(dir $(RELEASE_BINARY))bench $(RELEASE_BINARY) $(PGO_BINARY)

.PHONY: instructions
instructions: $(MEASURED_BUILD) ## Count the instructions and cache misses of an event, by function (BENCH=relay or chat; needs valgrind)
	cargo build --locked --release --package everstream-benches
	scripts/instructions.sh $(MEASURED) $(dir $(RELEASE_BINARY))bench $(firstword $(filter relay chat,$(BENCH))) $(ARGS)

.PHONY: bench-smoke
bench-smoke: need-build page ## Run every benchmark small and short: what must hold, no figures
	cargo build --locked --profile conformance --package everstream
	cargo build --locked --profile conformance --package everstream-benches
	$(dir $(CONFORMANCE_BINARY))bench smoke --server $(CONFORMANCE_BINARY)

PEERS ?= durable-streams litellm nchan nginx node-durable-streams pushpin ursula
.PHONY: bench-peers
bench-peers: need-build ## Install the servers that benchmarks compare with (PEERS="nchan pushpin" for some)
	for name in $(PEERS); do scripts/peer.sh $$name; done

.PHONY: clean
clean: ## Remove everything that was built
	cargo clean
	rm -rf web/node_modules web/page/dist $(DURABLE_STREAMS)/node_modules examples/local-llm/node_modules examples/local-llm/.cache

##@ Parts of the above

.PHONY: binary
binary: need-build page ## Build the debug binary, page included
	cargo build --locked --package everstream

.PHONY: page
page: web/page/dist/index.html ## Build the page that the server shows

web/node_modules/.package-lock.json: web/package.json web/page/package.json web/package-lock.json
	@scripts/need.sh node
	$(NPM) ci
	@touch $@

$(DURABLE_STREAMS)/node_modules/.package-lock.json: $(DURABLE_STREAMS)/package.json $(DURABLE_STREAMS)/package-lock.json
	@scripts/need.sh node
	npm --prefix $(DURABLE_STREAMS) --no-fund --no-audit --loglevel=error ci
	@touch $@

web/page/dist/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	$(NPM) run build
	@touch $@

.PHONY: need-build
need-build:
	@scripts/need.sh cargo node cc git

.PHONY: need-browser
need-browser:
	@scripts/need.sh chromium

.PHONY: need-checkout
need-checkout:
	@test -n "$(CHECKOUT)" || { echo 'The cases are in no registry: say CHECKOUT=<checkout of github.com/durable-streams/durable-streams>' >&2; exit 2; }

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z0-9-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
