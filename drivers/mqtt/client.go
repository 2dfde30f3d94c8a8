// Package mqtt listens to the devices that publish JSON on one MQTT broker and
// turns their messages into samples.
//
// It owns the connection to the broker: it dials, subscribes anew on every
// connection, finds out which subscriptions were refused, and comes back by
// itself after any failure. It promises that
//
//   - a message larger than 256 KiB is refused before memory is set aside for
//     it, and a queue bounded in messages and bytes holds all others; whatever
//     is refused or pushed out is counted;
//   - a QoS 1 message is acknowledged only when the gateway has taken its
//     samples and written what they changed;
//   - a slow emit never stops the pings that keep the connection alive;
//   - what cannot be read is a sample of bad quality. A path that a valid
//     payload lacks gives no sample, as devices may send only what changed;
//   - the samples of a retained message are Uncertain: it may be of any age.
//
// When the connection is lost the last values are left alone and go stale by
// their age, while the link points say at once that nothing can be heard.
//
// The package publishes nothing and keeps nothing across a restart. Unless the
// site says otherwise sessions are clean: a gateway that was away must not be
// handed hours of old messages as if they were news.
package mqtt

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Config is one broker and what is listened to there.
type Config struct {
	Broker   string // mqtt://host:1883 or mqtts://host:8883; tcp and ssl mean the same
	ClientID string // unique on the broker: two clients of one id throw each other out
	Username string
	Password string
	// QoS is 0 or 1. With 2 a message could not come twice, which does no harm
	// to samples.
	QoS byte
	// Persistent asks the broker to keep the session: what is published while the
	// gateway is away comes when it is back. Its devices had better say when.
	Persistent bool
	KeepAlive  time.Duration    // time between two pings on a quiet line; default 30s
	TLS        *tls.Config      // for mqtts; nil for the system's authorities
	Link       gateway.PointRef // of the line itself; NoPoint for none
	// Ignore counts unknown devices and lists none of them.
	Ignore  bool
	Devices []Device
}

// Device is one source of one facility.
type Device struct {
	Topic  string // topic filter, in which {device} stands for Name
	Name   string
	Points []Point
	Link   gateway.PointRef // NoPoint for none
	// Expect is how often a message comes at the latest: without one for three
	// times as long, the device is not reached. 0 for devices that send on
	// events only.
	Expect time.Duration
	Stamp  *Stamp // when its messages say that they were made; nil if they do not
	Birth  *Sign  // of being there; nil for none
	Death  *Sign  // of being gone; nil for none
	// Unread is how many values that are no point of it may be listed.
	Unread int
}

// Options are what a Client needs from its surroundings. The zero value logs to
// the default logger and dials the network.
type Options struct {
	Log  *slog.Logger
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Settled returns once everything emitted so far has been taken and what it
	// changed is written, or an error if that will never be. Nil if emit itself
	// sees to it.
	Settled func(ctx context.Context) error
}

// Stats are counters since Run began. Every message received is counted in one
// of Decoded, BadPayload, Unknown, Dropped and Repeated, or is still Queued; one
// that was too large is counted in Oversize besides.
type Stats struct {
	Connected  bool
	Granted    int    // subscriptions in force
	Refused    int    // subscriptions the broker does not let us have
	Reconnects uint64 // connections made after the first one
	Renewed    uint64 // subscriptions made again because nothing came
	// Rival is whether connections end so soon and so often that another client
	// must be using our client id.
	Rival      bool
	Received   uint64
	Decoded    uint64 // valid JSON, whatever its values were worth
	BadPayload uint64 // not JSON, or too large to be taken
	Unknown    uint64 // on topics of no configured device
	Dropped    uint64 // pushed out of the full queue by newer ones
	Repeated   uint64 // sent again by the broker though they had been taken
	Oversize   uint64
	Retained   uint64
	Misdated   uint64 // with a time that cannot be read, or is off by more than allowed
	Outdated   uint64 // with values too old to count
	Queued     int

	Held    []Held // unknown devices, those heard last first
	Evicted uint64 // taken off that list for want of room
	Unread  []Unread
}

// The bounds of the queue. Brokers have far fewer QoS 1 messages under way than
// that, so in practice only QoS 0 messages are ever dropped.
const (
	queueMessages = 16_384
	queueBytes    = 16 << 20
)

// maxStrangers bounds how many unknown devices and topics of oversize messages
// are logged by name.
const maxStrangers = 1000

// Client listens to one broker. Run may be called once.
type Client struct {
	config  Config
	log     *slog.Logger
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	settled func(ctx context.Context) error
	address string // host:port
	secure  bool
	devices []*device
	watches []*watch // owned by the delivering goroutine once it runs

	queue  queue
	wake   chan struct{} // something is queued, or the line has changed
	dues   dues
	silent chan []string        // subscriptions to be renewed
	line   atomic.Pointer[line] // nil until the first attempt to connect ended

	mu     sync.Mutex // guards what follows
	topics *switchboard
	named  map[string]bool // strangers already logged
	recent recent

	strangers strangers

	denied map[string]bool // filters already logged as refused; owned by the connecting goroutine

	// Owned by the delivering goroutine.
	started gateway.Instant
	seen    *line // what the link points were last told from
	reach   reach // of the line
	samples []gateway.Sample
	owed    []receipt

	sessions, received, decoded, badPayload atomic.Uint64
	unknown, dropped, oversize, retained    atomic.Uint64
	renewed, repeated, misdated, outdated   atomic.Uint64
	rival                                   atomic.Int64 // when one was last suspected, as gateway.Instant
}

// New checks c and prepares everything but the connection. The error names all
// mistakes.
func New(c Config, o Options) (*Client, error) {
	address, secure, errs := splitBroker(c.Broker)
	if c.ClientID == "" {
		errs = append(errs, errors.New("client id is missing"))
	}
	if c.QoS > 1 {
		errs = append(errs, fmt.Errorf("qos %d: want 0 or 1", c.QoS))
	}
	c.KeepAlive = cmp.Or(c.KeepAlive, 30*time.Second)
	if c.KeepAlive < time.Second || c.KeepAlive > 65535*time.Second {
		errs = append(errs, fmt.Errorf("keep alive %s: want 1s to 18h", c.KeepAlive))
	}
	m := &Client{
		config: c, log: cmp.Or(o.Log, slog.Default()), dial: o.Dial, settled: o.Settled,
		address: address, secure: secure,
		queue: queue{maxCount: max(queueMessages, 2*len(c.Devices)), maxBytes: queueBytes},
		wake:  make(chan struct{}, 1), dues: dues{wake: make(chan struct{}, 1)},
		silent: make(chan []string, 1), recent: recent{seed: maphash.MakeSeed()},
		named: make(map[string]bool), denied: make(map[string]bool),
	}
	if m.dial == nil {
		m.dial = (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext
	}
	m.strangers.held = make(map[string]*Held)
	if m.settled == nil {
		m.settled = func(context.Context) error { return nil }
	}
	for _, d := range c.Devices {
		decoder, err := NewDecoder(d.Points)
		if err != nil {
			errs = append(errs, fmt.Errorf("topic %q: %w", d.Topic, err))
		}
		stamp, err := newStamp(d.Stamp)
		if err != nil {
			errs = append(errs, fmt.Errorf("topic %q: %w", d.Topic, err))
		}
		m.devices = append(m.devices, &device{Device: d, decoder: decoder, stamp: stamp, stills: newStills(d.Points)})
	}
	topics, err := newSwitchboard(m.devices)
	if err != nil {
		errs = append(errs, err)
	}
	m.topics, m.watches = topics, newWatches(m.devices)
	return m, errors.Join(errs...)
}

// splitBroker returns host and port of a broker's address.
func splitBroker(broker string) (address string, secure bool, errs []error) {
	u, err := url.Parse(broker)
	if err != nil || u.Hostname() == "" {
		return "", false, []error{errors.New("broker address: want mqtt://host:1883 or mqtts://host:8883")}
	}
	port := "1883"
	switch u.Scheme {
	case "mqtt", "tcp":
	case "mqtts", "ssl", "tls":
		secure, port = true, "8883"
	default:
		errs = append(errs, fmt.Errorf("broker scheme %q: want mqtt or mqtts", u.Scheme))
	}
	if u.User != nil {
		errs = append(errs, errors.New("broker address holds a user name: give username and password on their own"))
	}
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port)), secure, errs
}

// Run listens until ctx ends, then delivers what has already come and returns
// nil. It gives samples to emit in batches that are only lent; emit may block.
func (c *Client) Run(ctx context.Context, emit func([]gateway.Sample)) error {
	c.started = gateway.InstantOf(time.Now())
	for _, filter := range c.topics.filters {
		if Shared(filter) {
			c.log.Warn("shared subscription: messages may come in another order than they were sent, and none that the broker keeps", "topic", filter)
		}
	}
	delivered, settled := make(chan struct{}), make(chan struct{})
	var parts sync.WaitGroup
	parts.Go(func() { c.stayConnected(ctx, settled) })
	parts.Go(func() {
		defer close(settled)
		c.settle(ctx, delivered)
	})
	c.deliver(ctx, emit)
	close(delivered)
	parts.Wait()
	// Only now: a gateway that stops must not call its devices silent.
	c.line.Store(&line{})
	return nil
}

// Stats returns the counters. It may be called at any time.
func (c *Client) Stats() Stats {
	s := Stats{
		Received: c.received.Load(), Decoded: c.decoded.Load(), BadPayload: c.badPayload.Load(),
		Unknown: c.unknown.Load(), Dropped: c.dropped.Load(), Oversize: c.oversize.Load(),
		Retained: c.retained.Load(), Queued: c.queue.len(), Renewed: c.renewed.Load(), Repeated: c.repeated.Load(),
		Misdated: c.misdated.Load(), Outdated: c.outdated.Load(),
	}
	if at := gateway.Instant(c.rival.Load()); !at.IsZero() {
		s.Rival = gateway.InstantOf(time.Now()).Sub(at) < rivalPeriod
	}
	s.Held, s.Evicted, s.Unread = c.strangers.list()
	if n := c.sessions.Load(); n > 1 {
		s.Reconnects = n - 1
	}
	if l := c.line.Load(); l != nil && l.connected {
		s.Connected = true
		s.Refused = len(l.refused)
		s.Granted = len(c.topics.filters) - s.Refused
	}
	return s
}

// take takes a message from the guard, on whose reading goroutine it runs: as
// long as it takes, no ping is answered.
func (c *Client) take(p publication, now time.Time) {
	c.received.Add(1)
	if p.retained {
		c.retained.Add(1)
	}
	if p.oversize {
		c.oversize.Add(1)
		if topic := string(p.topic); c.first("oversize " + topic) {
			c.log.Warn("message refused for its size", "topic", topic, "bytes", p.size, "limit", maxPacket)
		}
	}
	c.mu.Lock()
	f := c.topics.feed(p.topic)
	repeated := c.config.Persistent && p.receipt.kind != 0 && c.recent.repeated(p)
	c.mu.Unlock()
	if f == nil {
		c.unknown.Add(1)
		c.dues.owe(p.receipt)
		c.nameStranger(string(p.topic), gateway.InstantOf(now))
		return
	}
	m := c.queue.blank()
	m.feed, m.repeated, m.retained, m.receipt, m.at = f, repeated, p.retained, p.receipt, gateway.InstantOf(now)
	m.payload = append(m.payload, p.payload...)
	for _, old := range c.queue.push(m) {
		c.dropped.Add(1)
		c.dues.owe(old.receipt)
	}
}

// nameStranger lists a device nobody configured, and logs it once.
func (c *Client) nameStranger(topic string, now gateway.Instant) {
	if c.config.Ignore {
		return
	}
	name := c.topics.stranger(topic)
	c.strangers.hold(name, topic, now)
	if c.first("unknown " + name) {
		c.log.Warn("message of an unknown device", "device", name, "topic", topic)
	}
}

// first reports whether name is new. Once too many names have come none is: a
// broker can invent them faster than a log can take them.
func (c *Client) first(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.named[name] || len(c.named) >= maxStrangers {
		return false
	}
	c.named[name] = true
	if len(c.named) == maxStrangers {
		c.log.Warn("further unknown devices and refused messages are counted but not named", "named", maxStrangers)
	}
	return true
}

// signal wakes the delivering goroutine.
func (c *Client) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
