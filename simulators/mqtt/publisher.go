package mqtt

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Publisher publishes the states of simulated devices at a fixed interval.
type Publisher struct {
	// Publish sends one message, for instance Broker.Publish.
	Publish func(topic string, payload []byte, retained bool) error
	// Every is the time between two messages of a topic; default 1s.
	Every time.Duration
	// Retained makes the broker keep the last message of each topic.
	Retained bool
	// Devices give what is to be published, by topic. One that returns nil
	// keeps silent, as a dead device does.
	Devices map[string]func(now time.Time) map[string]any
}

// Run publishes at once and then at every interval until ctx ends. It returns
// an error if a state cannot be written as JSON or the message cannot be sent.
func (p *Publisher) Run(ctx context.Context) error {
	every := p.Every
	if every <= 0 {
		every = time.Second
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	topics := slices.Sorted(maps.Keys(p.Devices))
	for {
		if err := p.round(topics, time.Now()); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// round publishes the state of every device once.
func (p *Publisher) round(topics []string, now time.Time) error {
	for _, topic := range topics {
		state := p.Devices[topic](now)
		if state == nil {
			continue
		}
		payload, err := json.Marshal(state)
		if err != nil {
			return fmt.Errorf("state for %s: %w", topic, err)
		}
		if err := p.Publish(topic, payload, p.Retained); err != nil {
			return fmt.Errorf("publish to %s: %w", topic, err)
		}
	}
	return nil
}
