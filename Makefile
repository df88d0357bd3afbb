# Targets for people: make help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory --no-builtin-rules

STATICCHECK := v0.8.2
GOVULNCHECK := v1.9.0

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# The front ends. The console's is packed by what packs the terminal's.
WEBS := terminal/web console/web
WEB_SOURCES := $(shell find $(WEBS) \( -name node_modules -o -name dist \) -prune -o -type f -print 2>/dev/null)
STAMP := node_modules/.snapback

.PHONY: help
help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/make \1|\2/' | column -t -s '|'

.PHONY: build
build: web ## the program: bin/snapback
	@CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/snapback ./cmd/snapback

.PHONY: web
web: $(WEBS:=/$(STAMP)-built) ## the front ends, if their sources have changed
	@:

%/$(STAMP)-installed: %/package.json %/package-lock.json
	@scripts/setup node
	@cd $* && npm ci --no-audit --no-fund --loglevel=error >&2
	@touch $@

# Without what a build leaves, the stamp means nothing.
.SECONDEXPANSION:
%/$(STAMP)-built: %/$(STAMP)-installed $(WEB_SOURCES) $$(if $$(wildcard $$*/dist/*),,lost)
	@cd $* && npm run --silent build >&2
	@touch $@

.SECONDARY: $(WEBS:=/$(STAMP)-installed)

.PHONY: lost
lost:

.PHONY: demo
demo: ## a night on this machine, without any account (ARGS=--auto plays it by itself, ARGS=--swarm on a Swarm)
	@scripts/setup engine postgres node busybox
	@$(MAKE) build
	@CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/snapback-demo ./cmd/snapback-demo
	@bin/snapback-demo $(ARGS)

.PHONY: test
# Packages run three at a time at least, since tests wait as much as they work, and in this order: begun last, those that wait for minutes
# would wait alone.
test: ## all tests, against a real engine, Postgres and browser
	@scripts/setup cc engine postgres pooler node chromium busybox tmux compose ssh promtool prometheus proxies
	@$(MAKE) web
	@go test -race -p $$(($$(nproc) > 3 ? $$(nproc) : 3)) -timeout 40m ./cmd/snapback ./snapshot/restore ./terminal ./...

.PHONY: crash
crash: ## the tests that kill the bot, its database and its engine (SNAPBACK_CRASHES=100: that many random moments)
	@scripts/setup cc engine postgres node
	@$(MAKE) web
	@SNAPBACK_CRASHES=$${SNAPBACK_CRASHES:-15} go test -race -count=1 -timeout 60m -run "^($$(sed -n 's/^func \(Test[[:alnum:]]*\)(t .*/\1/p' cmd/snapback/crash*_test.go | paste -sd '|'))\$$" $(ARGS) ./cmd/snapback

.PHONY: swarm
swarm: ## the tests of a Swarm with a manager and workers, an engine for each, and the demo's nights on one, some eighteen minutes (ARGS='-run Global': those only)
	@scripts/setup cc engine postgres node busybox
	@$(MAKE) web
	@SNAPBACK_SWARM=1 go test -race -count=1 -p 1 -parallel 1 -timeout 60m -run 'Nodes|NightOn' $(ARGS) ./snapshot/swarm ./internal/demo

.PHONY: proxies
proxies: ## a terminal's session that idles for 150 s behind Caddy, nginx, HAProxy and Apache, some four minutes
	@scripts/setup cc engine postgres node proxies
	@$(MAKE) web
	@SNAPBACK_PROXIES=150s go test -race -count=1 -parallel 4 -timeout 10m -run TestBehindRealProxies ./terminal

.PHONY: engines
engines: ## the tests with every supported engine, an hour; writes docs/engines.md (ARGS="26.1 29": those only)
	@scripts/setup cc engine postgres node chromium busybox tmux compose
	@$(MAKE) web
	@scripts/engines $(ARGS)

.PHONY: newest
newest: ## what talks to the engine, and one night, with the newest engine
	@scripts/setup cc node
	@$(MAKE) web
	@scripts/engine-matrix test 29 -race -timeout 12m ./snapshot/docker
	@scripts/engine-matrix test 29 -race -timeout 5m -run '^TestNight$$' ./cmd/snapback

.PHONY: lint
lint: web ## formatting, vet, staticcheck, types, known vulnerabilities
	@unformatted=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go' | while read -r f; do [ ! -f "$$f" ] || echo "$$f"; done)); \
	  [ -z "$$unformatted" ] || { echo "gofmt -w is needed for:" $$unformatted >&2; exit 1; }
	@go vet ./...
	@go run honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK) ./...
	@for web in $(WEBS); do (cd $$web && npm run --silent check) || exit 1; done
	@scripts/audit $(GOVULNCHECK)

.PHONY: bench
bench: ## benchmarks, some half an hour; the figures are kept in bin/bench.out (ARGS='-bench Terminal': those of the terminal; SNAPBACK_SOAK=30m: deploys for that long)
	@scripts/setup engine postgres node chromium busybox
	@$(MAKE) web
	@mkdir -p bin
	@go test -run '^$$' -bench . -timeout 60m $(ARGS) ./... | grep --line-buffered -v 'no test files' | tee -a bin/bench.out

.PHONY: e2e
e2e: ## the tests with a browser
	@scripts/setup cc engine postgres node chromium busybox
	@$(MAKE) web
	@go test -race -timeout 15m -run 'Browser|Phone' $(ARGS) ./...

.PHONY: image
image: ## a container image of the bot: snapback:VERSION
	@docker build --build-arg VERSION=$(VERSION) --build-arg BUILDPLATFORM=$$(docker version --format '{{.Server.Os}}/{{.Server.Arch}}') $(ARGS) -t snapback:$(VERSION) .

.PHONY: release
release: ## archives, Debian packages, lists of modules and checksums: bin/release (RELEASE=1.4.0; RELEASE_ARCH=amd64: for that machine alone)
	@scripts/setup node
	@scripts/release $(RELEASE)

.PHONY: release-test
release-test: ## a release built twice, and its Debian package and its archive installed, upgraded and purged in a tree of its own
	@scripts/release-test

.PHONY: downgrade
downgrade: ## the program of the release before, on the schema of this one, back and forth, and beside this one
	@scripts/setup cc engine postgres node
	@$(MAKE) web
	@scripts/downgrade

.PHONY: clean
clean: ## remove what was built
	@rm -rf bin $(WEBS:=/node_modules)
	@find $(WEBS:=/dist) -mindepth 1 ! -name .keep -delete 2>/dev/null || true
