package modbus

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// kept is how many exchanges are remembered for each unit: the last 50 frames.
const kept = 25

// Exchange is one request and what was heard upon it, as evidence of what a
// device has really answered.
type Exchange struct {
	At     gateway.Instant // when it ended
	Took   time.Duration
	Sent   []byte // the whole frame
	Heard  []byte // the frame of the answer, or whatever came instead
	Result string // "good", or the reason of the bad quality
}

// exchange is an Exchange whose bytes are used again.
type exchange struct {
	at          gateway.Instant
	took        time.Duration
	sent, heard []byte
	quality     gateway.Quality
}

// evidence is a ring of the last exchanges with a unit. It never holds more than
// kept times the longest two frames.
type evidence struct {
	ring [kept]exchange
	next int
}

// add remembers an exchange in place of the oldest one.
func (e *evidence) add(x exchange) {
	slot := &e.ring[e.next]
	e.next = (e.next + 1) % kept
	x.sent, x.heard = append(slot.sent[:0], x.sent...), append(slot.heard[:0], x.heard...)
	*slot = x
}

// find returns a copy of the latest exchange that asked for r and ended with q.
func (e *evidence) find(r *Request, q gateway.Quality) (Exchange, bool) {
	for i := range kept {
		x := &e.ring[(e.next+2*kept-1-i)%kept]
		if x.quality == q && x.asks(r) {
			return x.clone(), true
		}
	}
	return Exchange{}, false
}

// asks reports whether x asked for r, in either framing.
func (x *exchange) asks(r *Request) bool {
	const read = 5 // function code, address and count
	var pdu []byte
	switch len(x.sent) {
	case headerSize + read: // MBAP
		pdu = x.sent[headerSize:]
	case 1 + read + 2: // RTU: unit id before, CRC behind
		pdu = x.sent[1 : 1+read]
	default:
		return false
	}
	return pdu[0] == byte(r.Table) && binary.BigEndian.Uint16(pdu[1:]) == r.Start && binary.BigEndian.Uint16(pdu[3:]) == r.Count
}

func (x *exchange) clone() Exchange {
	return Exchange{x.at, x.took, bytes.Clone(x.sent), bytes.Clone(x.heard), x.quality.String()}
}

// list returns copies of the exchanges, the oldest first.
func (e *evidence) list() []Exchange {
	var all []Exchange
	for i := range kept {
		x := &e.ring[(e.next+i)%kept]
		if len(x.sent) > 0 {
			all = append(all, x.clone())
		}
	}
	return all
}

// Exchanges returns the last exchanges with a unit, the oldest first: at most
// 25. It may be called at any time.
func (b *Bus) Exchanges(unit int) []Exchange {
	c := &b.counters
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range b.units {
		if int(u.id) == unit {
			return c.units[u.number].evidence.list()
		}
	}
	return nil
}
