package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/intact-gateway/intact/gateway"
)

const (
	// connectTimeout is for dialling, securing and logging in together.
	connectTimeout = 10 * time.Second
	// subscribeTimeout is for the answer to one SUBSCRIBE packet.
	subscribeTimeout = 10 * time.Second
	// retryRefused is how often refused subscriptions are tried again: someone
	// may have mended the broker's access list.
	retryRefused = 30 * time.Second
	// farewell is how long the connection may take to close in order, in
	// milliseconds.
	farewell = 1000
	// subscribeChunk keeps a SUBSCRIBE packet small; some brokers take few
	// filters at a time.
	subscribeChunk = 50
	// refusedCode is what a broker answers to a subscription it denies; codes
	// above it are the same in other words.
	refusedCode = 0x80
)

// The pauses between two attempts to connect. A broker that is back must be
// found within 5 s. One that answers but turns us away, or throws us out right
// after letting us in, is left alone for longer: the first may be counting
// failed logins, the second may have two clients of our name.
const (
	firstPause    = 500 * time.Millisecond
	longestPause  = 4 * time.Second
	refusedPause  = 30 * time.Second
	settledPeriod = 10 * time.Second
)

// More connections than this lost soon after they were made, within a minute,
// tell of another client with our id; it is suspected for a while then.
const (
	rivalLosses = 3
	rivalPeriod = 5 * time.Minute
)

// stayConnected makes one connection after the other until ctx ends. The
// library's own reconnection is not used: it cannot be interrupted and forgets
// the subscriptions.
func (c *Client) stayConnected(ctx context.Context, settled <-chan struct{}) {
	pause, fault := firstPause, ""
	var short []time.Time // ends of connections that did not last
	for {
		began := time.Now()
		err := c.session(ctx, settled)
		if ctx.Err() != nil {
			return
		}
		was := c.line.Swap(&line{})
		c.signal()
		lasted := time.Since(began)
		now, limit := "broker cannot be reached", longestPause
		switch {
		case was != nil && was.connected:
			now, limit, fault = "connection to the broker lost", refusedPause, ""
			if lasted >= settledPeriod {
				pause = firstPause
				break
			}
			short = append(slices.DeleteFunc(short, func(t time.Time) bool { return time.Since(t) > time.Minute }), time.Now())
			if len(short) > rivalLosses {
				c.suspectRival()
			}
		case turnedAway(err):
			now, pause, limit = "broker turns us away", refusedPause, refusedPause
		}
		if now != fault {
			c.log.Warn(now, "err", err, "after", lasted.Round(time.Millisecond))
			fault = now
		}
		sleep(ctx, min(pause, limit)*time.Duration(80+rand.IntN(40))/100)
		pause = min(2*pause, limit)
	}
}

// suspectRival says that somebody else uses our name, once in a while.
func (c *Client) suspectRival() {
	now := gateway.InstantOf(time.Now())
	if was := gateway.Instant(c.rival.Swap(int64(now))); !was.IsZero() && now.Sub(was) < rivalPeriod {
		return
	}
	c.log.Error("the broker keeps throwing us out: another client seems to use the same client id",
		"client_id", c.config.ClientID, "hint", "give each gateway a client_id of its own and see that only one runs")
}

// turnedAway reports whether the broker answered and said no.
func turnedAway(err error) bool {
	for code, refusal := range packets.ConnErrors {
		if code != packets.ErrNetworkError && refusal != nil && errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// session makes one connection and serves it until it is lost or ctx ends. Each
// has a client of its own, as the library's cannot be used again after its end.
// When ctx ends, what has come is acknowledged before the connection is closed.
func (c *Client) session(ctx context.Context, settled <-chan struct{}) error {
	lost := make(chan error, 1)
	unhook := func() bool { return true }
	options := c.clientOptions()
	options.SetConnectionLostHandler(func(_ paho.Client, err error) { lost <- err })
	options.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
		conn, err := c.open(ctx)
		if err != nil {
			return nil, err
		}
		// While the broker is asked in, nothing but closing the connection
		// interrupts the library.
		unhook = context.AfterFunc(ctx, func() { conn.Close() })
		return c.guarded(ctx, conn), nil
	})
	client := paho.NewClient(options)
	connecting := client.Connect()
	<-connecting.Done()
	unhook()
	if err := connecting.Error(); err != nil {
		return fmt.Errorf("connect to %s: %w", c.address, err)
	}
	defer client.Disconnect(farewell)
	if c.sessions.Add(1); !connecting.(*paho.ConnectToken).SessionPresent() {
		c.mu.Lock()
		c.recent.forget()
		c.mu.Unlock()
	}
	err := c.serve(ctx, client, lost)
	if ctx.Err() != nil {
		select {
		case <-settled:
		case <-time.After(2 * settleLimit): // for what is being settled and for what has come since
		}
	}
	return err
}

// guarded puts a guard before conn that hands the messages over. It takes none
// once ctx has ended: they could not be worked off any more.
func (c *Client) guarded(ctx context.Context, conn net.Conn) *guard {
	fresh := false // messages that the delivering goroutine was not woken for
	var flow flow
	acknowledgeAtOnce := hurry(conn)
	take := func(p publication) {
		if ctx.Err() == nil {
			fresh = true
			c.take(p, flow.tick())
		}
	}
	pause := func() {
		if fresh {
			fresh = false
			c.signal()
			if !flow.fast {
				acknowledgeAtOnce()
			}
		}
	}
	return newGuard(conn, maxPacket, take, pause)
}

// clientOptions returns how the library is to behave, all but how it connects.
func (c *Client) clientOptions() *paho.ClientOptions {
	o := paho.NewClientOptions()
	o.AddBroker("tcp://" + c.address)
	o.SetClientID(c.config.ClientID).SetUsername(c.config.Username).SetPassword(c.config.Password)
	// Unless told the version, the library answers a refusal by trying again
	// with an older one, which doubles failed logins.
	o.SetProtocolVersion(4)
	o.SetCleanSession(!c.config.Persistent).SetAutoReconnect(false).SetConnectRetry(false)
	o.SetConnectTimeout(connectTimeout).SetWriteTimeout(writeTimeout)
	o.SetKeepAlive(c.config.KeepAlive).SetPingTimeout(min(c.config.KeepAlive, 10*time.Second))
	return o
}

// open dials the broker and secures the connection if it is to be secure.
func (c *Client) open(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := c.dial(ctx, "tcp", c.address)
	if err != nil || !c.secure {
		return conn, err
	}
	config := &tls.Config{}
	if c.config.TLS != nil {
		config = c.config.TLS.Clone()
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(c.address)
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}

// serve subscribes and then waits for the end of the connection. Only when all
// subscriptions are answered does the line count as connected: until then
// silence means nothing.
func (c *Client) serve(ctx context.Context, client paho.Client, lost <-chan error) error {
	refused, err := c.subscribe(ctx, client, c.topics.filters)
	if err != nil {
		return err
	}
	c.log.Info("connected to the broker", "granted", len(c.topics.filters)-len(refused), "refused", len(refused))
	retry := time.NewTicker(retryRefused)
	defer retry.Stop()
	for {
		c.connected(refused)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-lost:
			return err
		case silent := <-c.silent:
			if refused, err = c.renew(ctx, client, silent, refused); err != nil {
				return err
			}
			continue
		case <-retry.C:
		}
		if len(refused) == 0 {
			continue
		}
		still, err := c.subscribe(ctx, client, refused)
		if err != nil {
			return err
		}
		if len(still) < len(refused) {
			c.log.Info("refused subscriptions are granted now", "granted", len(refused)-len(still), "refused", len(still))
		}
		refused = still
	}
}

// connected says that the line is up but for the refused subscriptions, if that
// is news.
func (c *Client) connected(refused []string) {
	now := &line{connected: true, refused: asSet(refused)}
	if was := c.line.Load(); was == nil || !was.connected || !maps.Equal(was.refused, now.refused) {
		c.line.Store(now)
		c.signal()
	}
}

// renew asks again for subscriptions under which nothing comes, and returns all
// that are refused by then.
func (c *Client) renew(ctx context.Context, client paho.Client, silent, refused []string) ([]string, error) {
	c.log.Warn("nothing comes under these subscriptions: asking for them again", "topics", silent)
	more, err := c.subscribe(ctx, client, silent)
	c.renewed.Add(uint64(len(silent)))
	refused = append(slices.Clone(refused), more...)
	slices.Sort(refused)
	return slices.Compact(refused), err
}

// subscribe asks for the filters and returns those that the broker denies. The
// library reports a denial as success; only the codes of the answer tell.
func (c *Client) subscribe(ctx context.Context, client paho.Client, filters []string) (refused []string, err error) {
	for chunk := range slices.Chunk(filters, subscribeChunk) {
		wanted := make(map[string]byte, len(chunk))
		for _, filter := range chunk {
			wanted[filter] = c.config.QoS
		}
		token := client.SubscribeMultiple(wanted, nil)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-token.Done():
		case <-time.After(subscribeTimeout):
			return nil, fmt.Errorf("subscribe to %d topics: no answer within %s", len(chunk), subscribeTimeout)
		}
		if err := token.Error(); err != nil {
			return nil, fmt.Errorf("subscribe to %d topics: %w", len(chunk), err)
		}
		for filter, code := range token.(*paho.SubscribeToken).Result() {
			if code < refusedCode {
				delete(c.denied, filter)
				continue
			}
			refused = append(refused, filter)
			if !c.denied[filter] {
				c.denied[filter] = true
				c.log.Error("subscription refused by the broker", "topic", filter)
			}
		}
	}
	slices.Sort(refused)
	return refused, nil
}

// asSet returns the names as a set.
func asSet(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// sleep waits for d or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
