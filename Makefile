# What people run here. `make` alone lists it.

GO ?= go
# The linters run at pinned versions outside go.mod: their graphs are not ours.
LINT        := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
REDOCLY     := npx --yes @redocly/cli@2.77.0
SBOM        := $(GO) run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
VULNCHECK   := $(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0
# The race detector, but not in the cipher beneath bcrypt, which is most of what the tests
# compute: it makes that eleven times as slow, and there is no goroutine in it to watch.
RACE        := -race -gcflags=golang.org/x/crypto/blowfish=-race=false
FUZZTIME    ?= 30s
FUZZSLICE   ?= 30s
SOAK_ROUNDS ?= 100

.PHONY: help
help:
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile

.PHONY: build
build: ## the binary, ./usher
	CGO_ENABLED=0 $(GO) build -trimpath -o usher ./cmd/usher

.PHONY: test
test: needs format ## everything that must pass before a change lands
	$(GO) vet ./...
	$(GO) mod tidy -diff
	@GO='$(GO)' RACE='$(RACE)' scripts/beside 'nice -n 19 scripts/fuzz $(FUZZSLICE)' '$(GO) test $(RACE) -shuffle=on ./...'

# The race detector needs a C compiler, the end-to-end tests bash, curl, a
# PostgreSQL, the proxies that stand in front of several nodes, a browser, and what
# the examples and other people's clients are written for.
.PHONY: needs
needs:
	@scripts/needs gcc bash curl postgresql haproxy nginx prometheus chromium nodejs npm \
		python3-fastapi python3-uvicorn python3-jwt python3-cryptography python3-requests-oauthlib \
		examples/express cmd/usher/testdata/clients

.PHONY: format
format:
	@files=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$files" || { echo "not gofmt-ed: $$files"; exit 1; }

.PHONY: lint
lint: ## the linters of .golangci.yml and redocly.yaml (minutes the first time)
	@scripts/needs npm
	$(LINT) run
	$(REDOCLY) lint docs/openapi.yaml

.PHONY: vulncheck
vulncheck: ## known vulnerabilities in what is linked (asks vuln.go.dev)
	$(VULNCHECK) ./...

.PHONY: sbom
sbom: ## what the binary is made of, as CycloneDX in usher.cdx.json
	$(SBOM) app -json -licenses -main cmd/usher -output usher.cdx.json .

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (30s), from where the last time ended
	@GO='$(GO)' RACE='$(RACE)' scripts/fuzz $(FUZZTIME) "$$($(GO) env GOCACHE)/fuzz/$$($(GO) list -m)"

.PHONY: bench
bench: ## usher under load beside the least a server could do; writes docs/performance.md (half an hour)
	@scripts/needs postgresql nodejs npm python3-fastapi python3-uvicorn python3-multipart python3-jwt python3-bcrypt bench/peers/node
	$(GO) run ./bench -record

.PHONY: microbench
microbench: ## the Go benchmarks, with allocations
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: soak
soak: ## the long proofs: SOAK_ROUNDS (100) kills under load, and the like
	USHER_SOAK_ROUNDS=$(SOAK_ROUNDS) $(GO) test $(RACE) -count=1 -timeout 90m -run 'Soak|Kill|Failover|Nodes|Rolling|NoFault' ./...

.PHONY: cover
cover: ## coverage by package
	$(GO) test -cover ./...
