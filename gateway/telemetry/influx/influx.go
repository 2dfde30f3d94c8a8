// Package influx writes samples to an InfluxDB 2, or to anything that speaks its
// write protocol.
//
// A sample becomes one point:
//
//	measurement  class of the facility, such as electric_meter
//	tags         building (if the facility has one), facility, point
//	field        value, a float
//	time         when the answer or message came, in milliseconds
//
// So a sample that is sent twice overwrites itself. Samples of bad quality, NaN
// and infinities are never written: a gap in the history is a gap.
//
// The package promises that Export never blocks and that a server that is slow,
// full, down or rude costs the gateway nothing but a bounded buffer in memory,
// from which the oldest samples go first, counted. It writes one batch at a
// time, oldest first, and does not tell a server twice what it cannot take. What
// is in the buffer when the gateway ends is sent within 3 s or lost: alarms,
// tickets and the intact rate live in the store, not here.
package influx

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/telemetry/sieve"
)

const (
	flushPeriod = time.Second
	maxBatch    = 5000             // samples in one request
	sendTimeout = 10 * time.Second // for one request
	farewell    = 3 * time.Second  // for all that is left at the end
	maxAnswer   = 1024             // bytes read of an answer
)

// Options are what a Writer needs from its surroundings. The zero value logs to
// the default logger and dials the network.
type Options struct {
	Log  *slog.Logger
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Stats say how the writer fares. Counters run since it was made, in samples.
type Stats struct {
	Thinned  uint64 // not worth writing by the deadband of their point
	Written  uint64 // accepted by the server
	Dropped  uint64 // given up because the buffer was full
	Rejected uint64 // refused by the server for good
	Buffered int    // not yet written
	// LastError is why samples are not being written right now; "" if they are.
	LastError string
}

// Writer takes samples and writes them in batches. Run may be called once.
type Writer struct {
	config  Config
	log     *slog.Logger
	encoder *encoder
	client  influxdb2.Client
	url     string
	idle    func() // closes the connection between two requests

	sieve  *sieve.Sieve
	kept   []gateway.Sample // scratch of Export
	buffer buffer
	full   chan struct{} // a whole batch waits

	written, rejected atomic.Uint64
	thinned           atomic.Uint64
	inHand            atomic.Int64 // length of batch
	mu                sync.Mutex
	fault             string
	faultStatus       int // HTTP status of fault; 0 if there was no answer

	// Owned by Run.
	batch   []gateway.Sample // being written
	limit   int              // samples the server takes in one request
	pause   time.Duration    // after the next failure
	payload payload
}

// New returns a writer for the points of site. The error says why the token
// cannot be read; whether the server can be reached shows in Run.
func New(c Config, site *gateway.Site, o Options) (*Writer, error) {
	token, err := c.token()
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxConnsPerHost = 1
	if o.Dial != nil {
		transport.DialContext = o.Dial
	}
	w := &Writer{
		config: c, log: cmp.Or(o.Log, slog.Default()), encoder: newEncoder(site), sieve: sieve.New(site),
		buffer: buffer{limit: cmp.Or(c.Buffer, defaultBuffer)},
		full:   make(chan struct{}, 1),
		limit:  maxBatch, pause: firstPause, idle: transport.CloseIdleConnections,
	}
	client := &http.Client{Transport: shortAnswers{transport}, Timeout: sendTimeout}
	options := influxdb2.DefaultOptions().SetHTTPClient(client).SetApplicationName("intact")
	w.client = influxdb2.NewClientWithOptions(c.URL, token, options)
	w.url, err = writeURL(w.client.HTTPService().ServerAPIURL(), c)
	return w, err
}

// Export takes samples to be written, those that are worth it. It never blocks;
// the slice is only lent. It belongs to one goroutine.
func (w *Writer) Export(samples []gateway.Sample) {
	if !w.sieve.All() {
		w.kept = w.kept[:0]
		for _, s := range samples {
			if w.sieve.Keep(s) {
				w.kept = append(w.kept, s)
			} else if writable(s) {
				w.thinned.Add(1)
			}
		}
		samples = w.kept
	}
	if w.buffer.put(samples) >= maxBatch {
		select {
		case w.full <- struct{}{}:
		default:
		}
	}
}

// Stats returns how the writer fares. It may be called at any time.
func (w *Writer) Stats() Stats {
	count, dropped := w.buffer.state()
	w.mu.Lock()
	defer w.mu.Unlock()
	return Stats{
		Thinned: w.thinned.Load(), Written: w.written.Load(), Dropped: dropped, Rejected: w.rejected.Load(),
		Buffered: count + int(w.inHand.Load()), LastError: w.fault,
	}
}

// Run writes what Export took, every second or as soon as a batch is full,
// until ctx ends. It then makes one last attempt and returns nil.
func (w *Writer) Run(ctx context.Context) error {
	defer w.idle()
	tick := time.NewTicker(flushPeriod)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			w.flush(ctx)
		case <-w.full:
			w.flush(ctx)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	for w.next() {
		if _, ok := w.send(last); !ok {
			break
		}
	}
	if left := w.Stats().Buffered; left > 0 {
		w.log.Warn("samples lost at the end", "samples", left, "err", w.Stats().LastError)
	}
	return nil
}

// flush writes until nothing waits, for as long as that takes.
func (w *Writer) flush(ctx context.Context) {
	for w.next() {
		pause, ok := w.send(ctx)
		if ok {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// next makes sure that there is a batch in hand, unless nothing waits.
func (w *Writer) next() bool {
	if len(w.batch) == 0 {
		w.batch = w.buffer.take(w.batch[:0], maxBatch)
		w.inHand.Store(int64(len(w.batch)))
	}
	return len(w.batch) > 0
}

// done takes the first n samples of the batch off the writer's hands.
func (w *Writer) done(n int) {
	w.batch = w.batch[:copy(w.batch, w.batch[n:])]
	w.inHand.Store(int64(len(w.batch)))
}

// setFault remembers that the server answered with status, or not at all for 0,
// and logs it unless it was the same before. The text of the same fault may
// change with every batch.
func (w *Writer) setFault(status int, err error) {
	text := "no answer: " + err.Error()
	if status != 0 {
		text = fmt.Sprintf("status %d: %v", status, err)
	}
	w.mu.Lock()
	known := w.fault != "" && w.faultStatus == status
	w.fault, w.faultStatus = text, status
	w.mu.Unlock()
	if !known {
		w.log.Warn("influxdb does not take samples", "err", text)
	}
}

// clearFault notes that the server has taken a batch whole.
func (w *Writer) clearFault() {
	w.mu.Lock()
	was := w.fault
	w.fault = ""
	w.mu.Unlock()
	if was != "" {
		w.log.Info("influxdb takes samples again")
	}
}

// shortAnswers is a transport that reads no more of an answer than is worth
// logging.
type shortAnswers struct{ http.RoundTripper }

func (t shortAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, maxAnswer), answer.Body}
	}
	return answer, err
}
