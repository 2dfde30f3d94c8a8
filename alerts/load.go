package alerts

import (
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// A flood begins when people are told of more than floodBegins alerts in ten
// minutes and is over when they are told of less than floodEnds: EEMUA 191, for
// one desk.
const (
	floodBegins = 10
	floodEnds   = 5
)

// Load is what alerts ask of the people at one desk, by the figures of EEMUA 191
// and ISA-18.2. It is counted anew whenever the gateway starts.
type Load struct {
	Told       [rules.LifeSafety + 1]uint64 // alerts that people were told are active, by severity
	TenMinutes int                          // of them, in the last ten minutes, counted in whole minutes
	Hour       int                          // and in the last hour
	Flood      bool
	InFlood    time.Duration
	Acked      uint64 // acknowledgements
	AckTime    time.Duration
}

// load keeps Load up to date, in the space of an hour's minutes.
type load struct {
	Load
	minutes [60]int // told in each minute of the last hour, by minute of the hour
	last    gateway.Instant
}

// pass lets time pass until now.
func (l *load) pass(now gateway.Instant) {
	if l.last.IsZero() {
		l.last = now
	}
	if now <= l.last {
		return
	}
	if l.Flood {
		l.InFlood += now.Sub(l.last)
	}
	from, to := minuteOf(l.last), minuteOf(now)
	l.last = now
	if from == to {
		return
	}
	for m := max(from+1, to-int64(len(l.minutes))+1); m <= to; m++ {
		l.minutes[m%int64(len(l.minutes))] = 0
	}
	l.sum()
}

// skip lets the clock leap by d without time passing.
func (l *load) skip(now gateway.Instant, d time.Duration) {
	if !l.last.IsZero() {
		l.last = l.last.Add(d)
	}
	l.minutes = [60]int{} // which minute was how long ago is not known any more
	l.pass(now)
	l.sum()
}

// tell counts an alert of which people are told now.
func (l *load) tell(s rules.Severity, now gateway.Instant) {
	l.pass(now)
	l.Told[s]++
	l.minutes[minuteOf(now)%int64(len(l.minutes))]++
	l.sum()
}

// sum adds up the minutes, and sees whether that is a flood.
func (l *load) sum() {
	l.TenMinutes, l.Hour = 0, 0
	now := minuteOf(l.last)
	for ago := range int64(len(l.minutes)) {
		n := l.minutes[(now+int64(len(l.minutes))-ago)%int64(len(l.minutes))]
		l.Hour += n
		if ago < 10 {
			l.TenMinutes += n
		}
	}
	switch {
	case l.TenMinutes > floodBegins:
		l.Flood = true
	case l.TenMinutes < floodEnds:
		l.Flood = false
	}
}

func minuteOf(at gateway.Instant) int64 { return int64(at) / time.Minute.Milliseconds() }

// Load returns what the alerts ask of people.
func (b *Book) Load() Load { return b.load.Load }
