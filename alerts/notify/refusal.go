package notify

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Refusal is an answer of a receiver that did not take a notice.
type Refusal struct {
	Status int           // of HTTP
	Body   string        // its beginning, or the words of the vendor
	After  time.Duration // not to be tried before, at most an hour; 0 if the receiver does not say

	Vendor    string       // who answered, such as "DingTalk"; "" for a webhook
	Code      int          // the vendor's own, 0 if there is none
	Throttled bool         // it takes no more for now
	Mend      gateway.Text // what to do about it; zero if we do not know
}

// Error returns what was answered and what to do about it.
func (r *Refusal) Error() string {
	if r.Mend.IsZero() {
		return r.Said()
	}
	return r.Said() + " (" + r.Mend.EN + ")"
}

// Said returns what was answered.
func (r *Refusal) Said() string {
	if r.Status == 0 && r.Code == 0 {
		return r.Body
	}
	what := cmp.Or(r.Vendor, "receiver") + " answered"
	if r.Code != 0 {
		what += fmt.Sprintf(" with code %d", r.Code)
	} else {
		what += strings.TrimRight(fmt.Sprintf(" %d %s", r.Status, http.StatusText(r.Status)), " ")
	}
	if r.Status/100 == 3 {
		what += ", redirects are not followed"
	}
	if r.Body != "" {
		what += ": " + r.Body
	}
	return what
}

// Caveat says that a message was taken, but that there is something to see to: a
// mailbox that does not exist, a robot of a pool that does not work.
type Caveat struct{ Err error }

// Error says what it is.
func (c *Caveat) Error() string { return c.Err.Error() }
