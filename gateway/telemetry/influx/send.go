package influx

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"github.com/intact-gateway/intact/gateway"
)

// The pauses after a failure double from the first to the longest. A server
// that asks for a pause gets it, up to the patience we have.
const (
	firstPause   = time.Second
	longestPause = time.Minute
	lockedPause  = 30 * time.Second // after a wrong token or a missing bucket
	patience     = 10 * time.Minute
)

// writeURL returns where batches are posted to.
func writeURL(api string, c Config) (string, error) {
	u, err := url.Parse(api)
	if err != nil {
		return "", fmt.Errorf("influx url: %w", err)
	}
	u = u.JoinPath("write")
	u.RawQuery = url.Values{"org": {c.Org}, "bucket": {c.Bucket}, "precision": {"ms"}}.Encode()
	return u.String(), nil
}

// payload is the body of a request, whose memory is used again and again.
type payload struct {
	lines  []byte
	packed bytes.Buffer
	zip    *gzip.Writer
}

// encode fills the payload with the samples.
func (p *payload) encode(e *encoder, samples []gateway.Sample) {
	p.lines = p.lines[:0]
	for _, s := range samples {
		p.lines = e.append(p.lines, s)
	}
	p.packed.Reset()
	if p.zip == nil {
		// The fastest level is a known one, so there is no error.
		p.zip, _ = gzip.NewWriterLevel(&p.packed, gzip.BestSpeed)
	} else {
		p.zip.Reset(&p.packed)
	}
	// Writing to memory does not fail.
	p.zip.Write(p.lines)
	p.zip.Close()
}

// send writes the head of the batch in hand. It returns true if that part is
// settled, written or refused for good, and otherwise how long to wait before
// the next attempt.
//
// The library's asynchronous API is not used: it blocks, loses what it holds,
// and retries only when something new is written.
func (w *Writer) send(ctx context.Context) (pause time.Duration, settled bool) {
	n := min(w.limit, len(w.batch))
	w.payload.encode(w.encoder, w.batch[:n])
	failure := w.client.HTTPService().DoPostRequest(ctx, w.url, bytes.NewReader(w.payload.packed.Bytes()),
		func(r *http.Request) {
			r.Header.Set("Content-Encoding", "gzip")
			r.Header.Set("Content-Type", "text/plain; charset=utf-8")
		},
		func(r *http.Response) error { return r.Body.Close() })
	if failure == nil {
		w.written.Add(uint64(n))
		w.done(n)
		// The limit may have been that of a server since replaced.
		w.limit = min(maxBatch, w.limit+w.limit/10+1)
		w.pause = firstPause
		w.clearFault()
		return 0, true
	}
	if ctx.Err() != nil && failure.StatusCode == 0 {
		return 0, false // we broke off, the server is not to blame
	}
	return w.judge(failure, n)
}

// judge decides what becomes of the n samples that were answered by failure.
func (w *Writer) judge(failure *influxhttp.Error, n int) (pause time.Duration, settled bool) {
	switch failure.StatusCode {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		w.reject(n, refusedCount(failure.Message, n), failure)
		return 0, true
	case http.StatusRequestEntityTooLarge:
		if n == 1 {
			w.reject(1, 1, failure)
		} else {
			w.limit = n / 2
		}
		return 0, true
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		w.setFault(failure.StatusCode, failure)
		w.refreshToken()
		return jitter(lockedPause), false
	}
	w.setFault(failure.StatusCode, failure)
	pause = jitter(w.pause)
	w.pause = min(2*w.pause, longestPause)
	if asked := time.Duration(failure.RetryAfter) * time.Second; asked > 0 {
		pause = min(asked, patience)
	}
	return pause, false
}

// reject gives up n samples of which the server refused some for good. Sending
// them again would only be refused again.
func (w *Writer) reject(n, refused int, failure *influxhttp.Error) {
	w.rejected.Add(uint64(refused))
	w.written.Add(uint64(n - refused))
	w.done(n)
	w.pause = firstPause
	w.setFault(failure.StatusCode, failure)
}

// refusedCount returns how many of n samples a refusal is about. InfluxDB says
// "dropped=3" when it took the others; if it says nothing, it is about all.
func refusedCount(message string, n int) int {
	m := regexp.MustCompile(`\bdropped=(\d+)`).FindStringSubmatch(message)
	if m == nil {
		return n
	}
	refused, err := strconv.Atoi(m[1])
	if err != nil || refused > n {
		return n
	}
	return refused
}

// refreshToken reads the token anew: it may have been replaced.
func (w *Writer) refreshToken() {
	token, err := w.config.token()
	if err == nil && token != "" {
		w.client.HTTPService().SetAuthorization("Token " + token)
	}
}

// jitter spreads the pauses of many gateways over ±20 %.
func jitter(d time.Duration) time.Duration {
	return d * time.Duration(80+rand.IntN(41)) / 100
}
