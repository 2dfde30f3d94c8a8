package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Heartbeat is a second place that hears regularly that the gateway does its duty,
// and raises the alarm itself when it does not: nobody can tell of their own death.
type Heartbeat struct {
	URL     string        `yaml:"url,secret"` // where to post; it often holds a token
	URLFile string        `yaml:"url_file,file"`
	Every   time.Duration `yaml:"every"`   // default 1min
	Expect  Expect        `yaml:"expect"`  // what its answer must hold
	Timeout time.Duration `yaml:"timeout"` // of one attempt; default 10s
}

// The bounds of the time between two beats.
const (
	leastBeat   = 10 * time.Second
	usualBeat   = time.Minute
	longestBeat = 24 * time.Hour
	againBeat   = 4 // a beat that was not taken is sent again after this part of the time
)

func (h *Heartbeat) validate(report gateway.Report) {
	switch {
	case h.URL == "" && h.URLFile == "":
		report("", "the heartbeat goes nowhere", "put the address into a file and name that as url_file, or say url: ${NAME}")
	case h.URL != "" && !isHTTP(h.URL):
		report("url", "this is no address that can be posted to", "http or https, such as https://hc-ping.com/…")
	}
	checkSecret(report, "url", h.URL, h.URLFile)
	if h.Every != 0 && (h.Every < leastBeat || h.Every > longestBeat) {
		report("every", fmt.Sprintf("%v between two beats is out of bounds", h.Every), "from 10s to 24h, such as 1min; the other side should wait for three of them")
	}
	h.Expect.validate(report)
	checkTimeout(report, h.Timeout)
}

// Pulse sends the heartbeat of a gateway.
type Pulse struct {
	url    string
	every  time.Duration
	expect Expect
	client *http.Client
	site   *gateway.Site
	alive  func() error
	log    *slog.Logger
}

// NewPulse returns the Pulse of a heartbeat that Validate found in order. Alive
// says why the gateway does not do its duty, nil if it does. The error is that of
// the secret file.
func NewPulse(h Heartbeat, o Options, alive func() error, log *slog.Logger) (*Pulse, error) {
	url, err := readSecret("address of the heartbeat", h.URL, h.URLFile)
	if err != nil {
		return nil, err
	}
	every := h.Every
	if every == 0 {
		every = usualBeat
	}
	return &Pulse{url: url, every: every, expect: h.Expect, client: newClient(h.Timeout, o.Dial), site: o.Site, alive: alive, log: log}, nil
}

// Run sends a beat at once and then regularly until ctx ends, as long as the
// gateway does its duty. While it does not, there is none: what the other side
// then misses is the alarm.
func (p *Pulse) Run(ctx context.Context) error {
	defer p.client.CloseIdleConnections()
	timer := time.NewTimer(0)
	defer timer.Stop()
	said := "" // what was logged last
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		next, fault := p.every, ""
		if err := p.alive(); err != nil {
			next, fault = p.every/againBeat, "the gateway does not do its duty: "+err.Error()
		} else if err := p.beat(ctx); err != nil {
			next, fault = p.every/againBeat, err.Error()
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case fault != "" && said == "":
			p.log.Warn("no heartbeat", "err", fault)
		case fault == "" && said != "":
			p.log.Info("heartbeat is back", "was", said)
		}
		said = fault
		timer.Reset(next)
	}
}

// beat posts one beat.
func (p *Pulse) beat(ctx context.Context) error {
	body, err := json.Marshal(struct {
		Site  string  `json:"site"`
		At    string  `json:"at"`
		Every float64 `json:"every"` // seconds
	}{p.site.ID, *stamp(p.site, gateway.InstantOf(time.Now())), p.every.Seconds()})
	if err != nil {
		return err
	}
	a, err := post(ctx, p.client, p.url, nil, body)
	if err != nil {
		return err
	}
	if a.status/100 != 2 {
		return &Refusal{Status: a.status, Body: beginning(a.body)}
	}
	return p.expect.check(a)
}
