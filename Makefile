.DEFAULT_GOAL := help
SHELL := bash

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# What the program does not use of OpenCV it does not link, so that those shared libraries, some 150, need neither be there nor
# be loaded at each start: every function lies in a section of its own, and lld drops the sections nobody needs. GNU's linkers
# choose the libraries before they drop anything.
export CGO_CFLAGS ?= -O2 -g -ffunction-sections
export CGO_CXXFLAGS ?= -O2 -g -ffunction-sections
LINK := -fuse-ld=lld -Wl,--gc-sections -Wl,--as-needed
GO_FLAGS := -trimpath -ldflags "-s -w -X main.version=$(VERSION) -extldflags '$(LINK)'"
LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# Tests that need ONNX Runtime find it here.
export VIGIL_ONNXRUNTIME ?= $(wildcard $(CURDIR)/bin/libonnxruntime.so.1)

.PHONY: help build deps test-deps page demo drill test test-short test-browser lint fuzz bench bench-accuracy chaos soak models onnxruntime peers media nats-server clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

build: deps ## Build bin/vigil
	go build $(GO_FLAGS) -o bin/vigil ./cmd/vigil

deps: ## Install the Debian packages that the build needs, if any is missing
	@deploy/debian-packages build

test-deps: ## Install the Debian packages that the tests need, if any is missing
	@deploy/debian-packages test

page: ## Build the console's page, web/dist, of its sources (needs npm)
	cd web && npm ci --no-audit --no-fund && npm run build

demo: build ## Show the whole job: a camera, a stranger, the alert, the clip
	bin/vigil demo

drill: build ## Prove on this machine that a stranger raises an alert
	bin/vigil drill

test: test-deps ## Run all tests with the race detector
	go vet ./...
	go vet -tags nocv ./...
	go test -race ./...

test-short: test-deps ## Run the tests without browsers and other processes
	go test -short ./...

test-browser: test-deps build page ## Test the console in Chromium, against a real vigil serve (needs npm)
	git diff --exit-code --stat -- web/dist web/src/schema.d.ts || { echo "web/dist is not what its sources make: commit what make page builds" >&2; exit 1; }
	go build -o bin ./internal/mediatest/play ./internal/mediatest/portrait
	cd web && npm test

lint: deps ## Run the linters
	go run $(LINT) run ./...

fuzz: test-deps ## Fuzz every parser for FUZZTIME (20s) each
	deploy/fuzz $(or $(FUZZTIME),20s)

bench: build nats-server ## Measure CPU, memory and latency beside FFmpeg and a Python script
	@deploy/debian-packages bench
	go run ./bench

bench-accuracy: deps ## Measure how right the answers are, on VIGIL_FACES_DIR and VIGIL_VIDEO_DIR
	go run ./bench/accuracy

soak: build ## Hurt four cameras for an hour (SOAK_FOR), and see that nothing grows
	go run ./bench/soak -for $(or $(SOAK_FOR),1h)

chaos: build nats-server ## Kill and hurt every process 100 times (CHAOS_KILLS), and see that no alert is lost
	go run ./bench/chaos -kills $(or $(CHAOS_KILLS),100)

models: build ## Fetch the default networks into ./models
	bin/vigil models fetch --dir models

onnxruntime: ## Bring ONNX Runtime's library into bin, beside the program (needs npm)
	deploy/onnxruntime bin

peers: ## Bring publishers for the interoperability tests that are not in Debian into bin/peers (needs npm)
	deploy/peers bin/peers

media: ## Draw and encode the synthetic scenes again (needs ffmpeg with libx264)
	go generate ./internal/mediatest

nats-server: ## Build bin/nats-server, for roles in processes of their own
	go build -trimpath -o bin/nats-server github.com/nats-io/nats-server/v2

clean: ## Remove what was built
	rm -rf bin
