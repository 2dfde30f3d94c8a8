package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Receivers tries whether messages arrive.
type Receivers interface {
	// IDs returns the receivers in the order of the site file, and behind them the
	// people of the roster.
	IDs() []string
	// Try sends a message marked 演练 or TEST through every channel of a receiver.
	// The errors are ErrNoReceiver and ErrTriedJustNow.
	Try(ctx context.Context, id string) ([]Trial, error)
}

// Trial is what came of a test message through one channel.
type Trial struct {
	Channel string
	Took    time.Duration
	Taken   bool
	Answer  string       // what the other side said; "" if nothing is wrong
	Mend    gateway.Text // what to do about it
}

// What a try refuses.
var (
	ErrNoReceiver   = errors.New("there is no such receiver")
	ErrTriedJustNow = errors.New("the receiver was tried a moment ago")
)

// trialJSON is a Trial as the API tells it.
type trialJSON struct {
	Channel string       `json:"channel"`
	Taken   bool         `json:"taken"`
	Seconds float64      `json:"seconds"`
	Answer  string       `json:"answer"`
	Mend    gateway.Text `json:"mend"`
}

// listReceivers answers whom a message can be tried with.
func (s *server) listReceivers(*http.Request) (any, error) {
	type receiver struct {
		ID string `json:"id"`
	}
	items := []receiver{}
	for _, id := range s.o.Receivers.IDs() {
		items = append(items, receiver{id})
	}
	return struct {
		Items []receiver `json:"items"`
		Next  *string    `json:"next"`
	}{items, nil}, nil
}

// tryReceiver answers with what each channel of a receiver said to a test message.
// That one of them did not take it is an answer and no error.
func (s *server) tryReceiver(r *http.Request) (any, error) {
	trials, err := s.o.Receivers.Try(r.Context(), r.PathValue("id"))
	switch {
	case errors.Is(err, ErrNoReceiver):
		return nil, newProblem(http.StatusNotFound, "receiver_not_found", "there is no receiver with this id", "GET /api/v1/receivers lists them; the / in people/ID is written %2F")
	case errors.Is(err, ErrTriedJustNow):
		return nil, newProblem(http.StatusTooManyRequests, "tried_just_now", "the receiver was sent a test message a moment ago", "vendors block who sends too many: wait half a minute")
	case err != nil:
		return nil, err
	}
	items := []trialJSON{}
	for _, t := range trials {
		items = append(items, trialJSON{t.Channel, t.Taken, t.Took.Seconds(), t.Answer, t.Mend})
	}
	return struct {
		Items []trialJSON `json:"items"`
	}{items}, nil
}
