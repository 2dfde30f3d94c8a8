# Two targets are for everybody: `make test` and `make build`. The rest is what
# `.ci/run` and they are made of.

# What the tests talk to: a broker, a metrics server, an Alertmanager, two time series databases
# (one takes the InfluxDB v2 write, one answers InfluxQL), a mail server, foreign Modbus peers and a
# browser.
PEERS = mosquitto mosquitto-clients prometheus prometheus-alertmanager victoria-metrics influxdb python3-pymodbus python3-serial-asyncio python3-aiosmtpd mbpoll chromium fonts-noto-cjk

# staticcheck runs from its own module file, so that the product's stays short.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS = -s -w -X main.version=$(VERSION)

.PHONY: test peers build lint bench cross fuzz

# With CI=true a missing peer fails its test, and a pass remembered from before
# the peer was there does not count.
test: peers ## install what the tests talk to, then run them all
	CI=true go test -race ./...

peers:
	@missing=$$(dpkg-query -W -f '$${db:Status-Status} $${Package}\n' $(PEERS) 2>/dev/null | grep -c '^installed'); \
	if [ "$$missing" != "$(words $(PEERS))" ]; then \
		$(SUDO) apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive $(SUDO) -E apt-get install -y -qq --no-install-recommends $(PEERS); \
	fi

build: ## the one binary, without cgo
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o intact ./cmd/intact

lint:
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change:"; gofmt -l .; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...
	go mod tidy -diff

bench: ## the hot path, the codecs and the way from a register to a webhook
	go test -run '^$$' -bench . -benchmem ./...

fuzz: ## every fuzz target for a while
	@set -e; for pkg in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(or $(FUZZTIME),30s) $$pkg; \
		done; done

cross: ## the boxes it runs on
	CGO_ENABLED=0 GOOS=linux GOARCH=amd64 go build -trimpath -ldflags '$(LDFLAGS)' -o /dev/null ./cmd/intact
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -trimpath -ldflags '$(LDFLAGS)' -o /dev/null ./cmd/intact
	CGO_ENABLED=0 GOOS=linux GOARCH=arm GOARM=7 go build -trimpath -ldflags '$(LDFLAGS)' -o /dev/null ./cmd/intact
