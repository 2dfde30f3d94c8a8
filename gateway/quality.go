package gateway

import (
	"fmt"
	"slices"
)

// Quality says whether a value can be trusted, and if not, why.
//
// A sample of bad quality carries no value at all: nothing may show, store or
// evaluate it as a number. The zero Quality is NotSeen, so a sample nobody
// filled in is bad rather than a good 0.
type Quality uint8

// The qualities. Good and Uncertain carry a value, all others do not.
const (
	NotSeen         Quality = iota // no sample has come yet
	Good                           // measured and plausible
	Uncertain                      // measured, but the device doubts it
	BadTimeout                     // no answer within the time limit
	BadRefused                     // the connection was refused or cannot be dialled
	BadClosed                      // the line dropped in the middle of an exchange
	BadFrame                       // an answer that does not follow the protocol, or belongs to someone else
	BadShort                       // an answer with fewer data than were asked for
	BadException                   // the device answered with a Modbus exception
	BadDecode                      // the bytes cannot be read as the declared type
	BadPayload                     // an MQTT message that is not JSON or lacks the path
	BadNotAvailable                // the device's own "not available" code (na)
	BadOutOfRange                  // outside the range declared by the profile
	BadStale                       // nothing new for longer than the point's maximum age
	BadOffline                     // the device or its broker says it is off line
	BadImplausible                 // a whole answer that cannot be true by what else is known
	BadUndefined                   // a formula that has no result, such as a quotient by 0
	BadStuck                       // a sensor that answers the same number for longer than what it measures can stay the same
)

var qualityNames = [...]string{
	NotSeen: "not_seen", Good: "good", Uncertain: "uncertain",
	BadTimeout: "timeout", BadRefused: "refused", BadClosed: "closed", BadFrame: "frame",
	BadShort: "short", BadException: "exception", BadDecode: "decode", BadPayload: "payload",
	BadNotAvailable: "not_available", BadOutOfRange: "out_of_range", BadStale: "stale",
	BadOffline: "offline", BadImplausible: "implausible", BadUndefined: "undefined", BadStuck: "stuck",
}

// HasValue reports whether a sample of this quality carries a value.
func (q Quality) HasValue() bool { return q == Good || q == Uncertain }

// Status returns "good", "uncertain" or "bad".
func (q Quality) Status() string {
	switch q {
	case Good:
		return "good"
	case Uncertain:
		return "uncertain"
	default:
		return "bad"
	}
}

// Reason returns why a value is not good, such as "timeout", or "" if it is.
func (q Quality) Reason() string {
	if q.HasValue() {
		return ""
	}
	return q.String()
}

// String returns the one word that names q, such as "good" or "timeout".
func (q Quality) String() string {
	if int(q) < len(qualityNames) {
		return qualityNames[q]
	}
	return fmt.Sprintf("quality(%d)", uint8(q))
}

// ParseQuality returns the quality that String names s.
func ParseQuality(s string) (Quality, bool) {
	i := slices.Index(qualityNames[:], s)
	return Quality(max(i, 0)), i >= 0
}
