// Package notify tells people and programs of alerts until they have heard.
//
// A notice is made by the Router in the step that changes an alert and written
// in the same transaction; a Sender, one for each receiver, delivers it after
// the commit and goes on trying across restarts. What it promises: nothing is
// sent that is not on record, nothing on record is forgotten for a day, the
// notices of one alert arrive in order, and one receiver that hangs delays
// nobody else. A notice may arrive twice if the gateway dies between sending
// and noting it; both carry the same key.
package notify

import (
	"context"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
)

// Notice is one message to one receiver.
type Notice struct {
	Key      string // the same event to the same receiver has the same key: sending twice is harmless
	Receiver string
	Alert    alerts.ID
	Event    string // raised, level, returned, acknowledged, withdrawn or escalated
	Body     []byte // a Message as JSON
	Made     gateway.Instant
	Attempts int
	Due      gateway.Instant // not to be sent before; zero for at once
}

// Outcome is what came of one attempt to send a notice.
type Outcome struct {
	Key  string
	At   gateway.Instant
	Err  string          // "" when the receiver has taken it
	Next gateway.Instant // when to try again; zero to give it up (dead letter)
}

// Notifier sends one notice to the outside world. A nil error means that the
// receiver has taken it, and a *Caveat that it did, but that something is not as
// it should be. An error may be a *Refusal. It ends by itself within a time limit
// of its own; one that holds connections is an io.Closer, too.
type Notifier interface {
	Notify(ctx context.Context, n Notice) error
}

// Digester is a Notifier for people, who are told in so many messages and no
// more.
type Digester interface {
	Notifier
	// Room returns how many messages may go out now, and if none, how long until
	// one may. Urgent ones may use what is kept for them.
	Room(urgent bool) (n int, wait time.Duration)
	// Digest tells of several notices in one message. Its errors are those of
	// Notify.
	Digest(ctx context.Context, notices []Notice) error
}

// Outbox keeps the notices that are not yet sent.
type Outbox interface {
	// Due returns the notices for receiver that are due by now, oldest first,
	// at most limit, and when the next one falls due if there is none. A notice
	// is not due while an earlier one of the same alert waits to be tried
	// again.
	Due(ctx context.Context, receiver string, now gateway.Instant, limit int) ([]Notice, gateway.Instant, error)
	// Settle records what came of an attempt. A key that is unknown or settled
	// already is no error.
	Settle(ctx context.Context, o Outcome) error
}
