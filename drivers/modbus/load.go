package modbus

import "time"

// What is assumed of what cannot be known before the first answer.
const (
	// DeviceDelay is how long a device on a serial line takes to begin its answer.
	DeviceDelay = 20 * time.Millisecond
	// RoundTrip is how long a request and its answer take over TCP.
	RoundTrip = 10 * time.Millisecond
)

// A read on Modbus TCP: the header, then function, address and count; and what
// its answer has besides the data.
const (
	mbapRequest  = headerSize + 5
	mbapOverhead = headerSize + 2
)

// Load is what the requests of a bus cost while all is well.
type Load struct {
	Requests []Cost // by unit, the fastest first
	// Share is how much of its time the line is busy. Over 1, it cannot keep up.
	Share float64
	// Pass is how long it takes to ask for everything once.
	Pass time.Duration
}

// Cost is what one planned request costs.
type Cost struct {
	Unit int
	Request
	Bytes int           // both ways
	Time  time.Duration // on the wire, with the silence before it and the device's delay
}

// Load returns what the bus will cost. It is meant for a bus that does not run.
func (b *Bus) Load() Load {
	var l Load
	for _, u := range b.units {
		for _, blk := range u.blocks {
			c := b.config.cost(&blk.Request, u.port.pause)
			c.Unit = int(u.id)
			l.Requests = append(l.Requests, c)
			l.Pass += c.Time
			l.Share += float64(c.Time) / float64(c.Period)
		}
	}
	return l
}

// cost returns what a request costs on the line of c, between two requests of
// which the device demands a pause.
func (c *Config) cost(r *Request, pause time.Duration) Cost {
	size := 2 * int(r.Count)
	if r.Table.Single() {
		size = (int(r.Count) + 7) / 8
	}
	cost := Cost{Request: *r}
	if c.Transport == TCP {
		cost.Bytes = mbapRequest + mbapOverhead + size
		cost.Time = RoundTrip + pause
		return cost
	}
	serial := c.Serial.complete()
	cost.Bytes = rtuRequest + rtuOverhead + size
	// Silence is kept before the request and ends the answer of the device.
	cost.Time = time.Duration(cost.Bytes)*serial.char() + max(serial.silence(), pause) + DeviceDelay
	if c.Transport == RTUOverTCP {
		cost.Time += RoundTrip
	}
	return cost
}
