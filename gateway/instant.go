package gateway

import (
	"fmt"
	"time"
)

// Instant is a moment in whole milliseconds since the Unix epoch, UTC.
//
// Everything the gateway stores, compares or adds up uses it: a time that went
// through the journal and came back is the same number, so a restart can
// neither shorten nor lengthen an outage. The zero Instant means "not set".
type Instant int64

// InstantOf returns t cut to the millisecond.
func InstantOf(t time.Time) Instant { return Instant(t.UnixMilli()) }

// IsZero reports whether i was never set.
func (i Instant) IsZero() bool { return i == 0 }

// Time returns i in UTC.
func (i Instant) Time() time.Time { return time.UnixMilli(int64(i)).UTC() }

// In returns i in the zone loc, for people to read.
func (i Instant) In(loc *time.Location) time.Time { return time.UnixMilli(int64(i)).In(loc) }

// Add returns the moment d after i.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d/time.Millisecond) }

// Sub returns the time from j to i.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i-j) * time.Millisecond }

// String returns i as RFC 3339 in UTC with milliseconds, or "-" if not set.
func (i Instant) String() string {
	if i.IsZero() {
		return "-"
	}
	return i.Time().Format("2006-01-02T15:04:05.000Z07:00")
}

// MarshalJSON writes RFC 3339 in UTC with milliseconds, or null if not set.
func (i Instant) MarshalJSON() ([]byte, error) {
	if i.IsZero() {
		return []byte("null"), nil
	}
	return []byte(`"` + i.String() + `"`), nil
}

// UnmarshalJSON reads what MarshalJSON writes, in any zone.
func (i *Instant) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*i = 0
		return nil
	}
	t, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(b))
	if err != nil {
		return fmt.Errorf("time %s: want RFC 3339 such as 2026-03-10T09:12:00+08:00", b)
	}
	*i = InstantOf(t)
	return nil
}
