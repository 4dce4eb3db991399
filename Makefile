# Sekisho. `make help` lists what there is. Everything a target needs is installed by `make setup`, which each target runs.
SHELL := /bin/bash
NODE := node_modules/.bin/node
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
export TAP_DISABLE_COVERAGE := 1
KEEP ?= 1
CLUSTER ?= new

.PHONY: help setup setup-node demo shell down test test-unit test-full lint format images bundle bench

help: ## Lists the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo; echo "  make demo KEEP=0           does not wait at the end"
	@echo "  make demo CLUSTER=current  uses the cluster of the current kubeconfig and images from IMAGE_PREFIX"
	@echo "  make test-full SUITE=inject|fleet|…   the stated numbers instead of samples"
	@echo "  make bench NAME=admission|apiserver|scale|reload|rules-compile|rules-lint|rules-fleet|ids-drops|guard-scale"

setup-node:
	@test/setup/npm.sh

setup: setup-node ## Installs what is missing: packages, npm modules
	@test/setup/packages.sh

demo: setup ## Starts a real Kubernetes, installs Sekisho and lives its story
	@$(NODE) test/e2e/demo.ts --keep=$(KEEP) --cluster=$(CLUSTER)

shell: setup-node ## Opens a shell with kubectl ready, on the demo's cluster
	@$(NODE) test/cluster/cli.ts shell --name demo

down: setup-node ## Takes the demo's cluster down
	@$(NODE) test/cluster/cli.ts down --name demo

test: setup ## Runs all tests, on real parts
	@$(NODE) test/run.ts all

test-unit: setup-node ## Runs lint and the tests that need no real part, in seconds
	@$(NODE) test/run.ts unit

test-full: setup ## Runs one suite with the stated numbers: SUITE=…
	@SEKISHO_TEST_FULL=1 $(NODE) test/run.ts suite $(SUITE)

lint: setup ## Types, format, directions of imports, shell scripts, Dockerfiles
	@$(NODE) test/run.ts lint

format: setup-node ## Writes the format
	@biome check --write .

images: setup ## Builds the three images into the cache
	@$(NODE) test/images/build.ts all

bundle: setup-node ## Bundles the program into dist/app
	@$(NODE) test/images/bundle.ts

bench: setup ## Runs one benchmark: NAME=…
	@$(NODE) bench/$(NAME).ts
