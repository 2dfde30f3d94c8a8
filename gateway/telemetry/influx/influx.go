// Package influx writes samples to an InfluxDB 2, or to anything that speaks its
// write protocol.
//
// A sample becomes one point, in a layout that stays as it is:
//
//	measurement  class of the facility, such as electric_meter
//	tags         building (if the facility has one), facility, point, site
//	field        value, a float
//	time         when the answer or message came, in milliseconds
//
// So a sample that is sent twice overwrites itself. Samples of bad quality, NaN
// and infinities are never written: a gap in the history is a gap. One that is
// there because samples were lost is marked, see gap.
//
// What the package promises:
//   - Export never blocks, and a server that is slow, full, down or rude costs the
//     gateway nothing but bounded memory and a bounded spool on disk.
//   - A sample is on disk or written within a second of its Export, synced. While
//     the server answers at once nothing is written to the disk.
//   - What is new goes first. What waits in the spool follows beside it, oldest
//     first, in requests of its own and at the pace of the answers.
//   - The server is not told twice what it cannot take: it is put aside for people
//     to look at, a bad line without its neighbours.
//   - What is lost nevertheless, by a full spool or a bad disk, is counted and
//     leaves a mark in the database.
//
// If the spool cannot be written, samples wait in memory, as many as Config.Buffer
// says. Those are lost if the gateway ends.
package influx

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/telemetry/sieve"
	"github.com/intact-gateway/intact/gateway/telemetry/spool"
)

const (
	// A sample waits for the others of its request, and the request for its answer,
	// together less than the second within which it has to be safe.
	flushPeriod = 500 * time.Millisecond
	answerLimit = 400 * time.Millisecond

	maxBatch    = 5000             // samples in one request
	sendTimeout = 10 * time.Second // for one request
	farewell    = 3 * time.Second  // for all that is left at the end
	shortBye    = time.Second      // the same if there is a disk to leave it on
	maxAnswer   = 1024             // bytes read of an answer
	spoolRetry  = 5 * time.Second  // after the disk has failed
)

// Options are what a Writer needs from its surroundings. The zero value logs to
// the default logger, dials the network and keeps what waits in memory.
type Options struct {
	Log  *slog.Logger
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	Dir  string // of the spool, for this writer alone; "" for none
}

// Stats say how the writer fares. Counters run since it was made, in samples.
type Stats struct {
	Thinned  uint64 // not worth writing by the deadband of their point
	Written  uint64 // accepted by the server
	Dropped  uint64 // given up because buffer or spool was full
	Damaged  uint64 // could not be read from the disk any more
	Rejected uint64 // refused by the server for good
	Buffered int    // in memory only: neither written nor on disk
	// LastError is why samples are not being written right now; "" if they are.
	LastError string

	Spool      spool.Stats // what waits on disk
	SpoolError string      // why nothing can be put there; "" if it can
}

// Writer takes samples and writes them in batches. Run may be called once.
type Writer struct {
	config   Config
	o        Options
	log      *slog.Logger
	encoder  *encoder
	client   influxdb2.Client
	url      string
	idle     func() // closes the connections between two requests
	gate     gate
	limit    atomic.Int64 // lines the server takes in one request
	refusals refusals

	tokenMu sync.Mutex
	token   string

	sieve  *sieve.Sieve
	afresh atomic.Bool      // the sieve is to forget what it let pass
	kept   []gateway.Sample // scratch of Export
	buffer buffer
	full   chan struct{} // a whole batch waits

	spool      atomic.Pointer[spool.Spool] // nil while there is none
	spoolFault atomic.Pointer[string]
	taken      atomic.Int64 // when a parcel was last made, Unix nanoseconds
	overdue    atomic.Bool  // a parcel of the spool is on its way with what is new

	thinned, written, rejected atomic.Uint64
	lost                       map[spool.Reason]*atomic.Uint64

	live // owned by Run
}

// New returns a writer for the points of site. The error says why the token
// cannot be read; whether the server can be reached shows in Run.
func New(c Config, site *gateway.Site, o Options) (*Writer, error) {
	token, err := c.token()
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxConnsPerHost = 2 // one for what is new, one for what waits
	if o.Dial != nil {
		transport.DialContext = o.Dial
	}
	log := cmp.Or(o.Log, slog.Default())
	w := &Writer{
		config: c, o: o, log: log, encoder: newEncoder(site), sieve: sieve.New(site), token: token,
		gate: gate{log: log, pause: firstPause}, refusals: refusals{dir: o.Dir},
		full: make(chan struct{}, 1), idle: transport.CloseIdleConnections,
		lost: map[spool.Reason]*atomic.Uint64{spool.Full: {}, spool.Damaged: {}},
		live: live{answers: make(chan answer, 1)},
	}
	w.buffer = buffer{limit: cmp.Or(c.Buffer, defaultBuffer), lost: w.sieve.Lost}
	w.limit.Store(maxBatch)
	client := &http.Client{Transport: authorize{shortAnswers{transport}, w.currentToken}, Timeout: sendTimeout}
	options := influxdb2.DefaultOptions().SetHTTPClient(client).SetApplicationName("intact")
	w.client = influxdb2.NewClientWithOptions(c.URL, "", options)
	w.url, err = writeURL(w.client.HTTPService().ServerAPIURL(), c)
	return w, err
}

// Export takes samples to be written, those that are worth it. It never blocks;
// the slice is only lent. It belongs to one goroutine.
func (w *Writer) Export(samples []gateway.Sample) {
	if !w.sieve.All() {
		if w.afresh.Swap(false) {
			w.sieve.Reset()
		}
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

// Stats returns how the writer fares. It may be called at any time and never waits
// for the disk.
func (w *Writer) Stats() Stats {
	waiting, dropped := w.buffer.state()
	s := Stats{
		Thinned: w.thinned.Load(), Written: w.written.Load(), Rejected: w.rejected.Load(),
		Dropped: dropped + w.lost[spool.Full].Load(), Damaged: w.lost[spool.Damaged].Load(),
		Buffered: waiting, LastError: w.gate.lastError(),
	}
	if disk := w.spool.Load(); disk != nil {
		s.Spool = disk.Stats()
	}
	if fault := w.spoolFault.Load(); fault != nil {
		s.SpoolError = *fault
	}
	return s
}

// countWritten notes that the server has taken a parcel of n samples but for
// those it refused.
func (w *Writer) countWritten(n, refused int) {
	w.rejected.Add(uint64(min(refused, n)))
	w.written.Add(uint64(max(0, n-refused)))
	w.gate.took(refused)
	if limit := w.limit.Load(); limit < maxBatch {
		// The limit may have been that of a server since replaced.
		w.limit.CompareAndSwap(limit, min(maxBatch, limit+limit/10+1))
	}
}

// openSpool takes the spool, if there is one and it can be had. It is tried again
// from time to time.
func (w *Writer) openSpool() {
	if w.o.Dir == "" || w.spool.Load() != nil || time.Now().Before(w.spoolAgain) {
		return
	}
	s, err := spool.Open(w.o.Dir, spool.Options{Limit: int64(w.config.SpoolMiB) << 20})
	if err != nil {
		w.setSpoolFault(err)
		return
	}
	w.spool.Store(s)
	if waiting := s.Stats(); waiting.Samples > 0 {
		w.log.Info("samples of before wait for influxdb", "samples", waiting.Samples, "oldest", waiting.Oldest)
	}
}

// setSpoolFault notes whether the spool can be written, nil if it can, and logs
// what has changed.
func (w *Writer) setSpoolFault(err error) {
	was := w.spoolFault.Load()
	if err == nil {
		if was != nil {
			w.spoolFault.Store(nil)
			w.log.Info("the influxdb spool can be written again")
		}
		return
	}
	w.spoolAgain = time.Now().Add(spoolRetry)
	text := err.Error()
	w.spoolFault.Store(&text)
	if was == nil {
		w.log.Warn("the influxdb spool cannot be written; samples wait in memory", "err", err)
	}
}

func (w *Writer) currentToken() string {
	w.tokenMu.Lock()
	defer w.tokenMu.Unlock()
	return w.token
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

// answer is what came of a parcel.
type answer struct {
	refused int
	failure *influxhttp.Error
}
