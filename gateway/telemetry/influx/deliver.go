package influx

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"

	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"
)

// maxSplits is how often a parcel that is refused is cut in halves to find the
// lines at fault. One of 5,000 is found in 13; if there are many, the rest goes
// with them.
const maxSplits = 64

// writeURL returns where parcels are posted to.
func writeURL(api string, c Config) (string, error) {
	u, err := url.Parse(api)
	if err != nil {
		return "", fmt.Errorf("influx url: %w", err)
	}
	u = u.JoinPath("write")
	u.RawQuery = url.Values{"org": {c.Org}, "bucket": {c.Bucket}, "precision": {"ms"}}.Encode()
	return u.String(), nil
}

// post sends one request.
//
// The library's asynchronous API is not used: it blocks, loses what it holds,
// and retries only when something new is written.
func (w *Writer) post(ctx context.Context, body []byte) *influxhttp.Error {
	return w.client.HTTPService().DoPostRequest(ctx, w.url, bytes.NewReader(body),
		func(r *http.Request) {
			r.Header.Set("Content-Encoding", "gzip")
			r.Header.Set("Content-Type", "text/plain; charset=utf-8")
		},
		func(r *http.Response) error { return r.Body.Close() })
}

// deliver sends the lines of body until each is written or refused for good, in
// parts if the server wants them smaller or does not say which line it refuses. It
// returns how many were refused. A failure means that the server is at fault and
// that body is to be sent again as it is: what of it was written overwrites itself.
func (w *Writer) deliver(ctx context.Context, body []byte) (refused int, failure *influxhttp.Error) {
	failure = w.post(ctx, body)
	if failure == nil || !about(failure) {
		if failure != nil && lockedOut(failure.StatusCode) {
			w.refreshToken()
		}
		return 0, failure
	}
	lines, err := unpack(body)
	if err != nil {
		return 0, influxhttp.NewError(fmt.Errorf("unpack a parcel: %w", err))
	}
	return w.deliverParts(ctx, lines, failure)
}

// deliverParts goes on after the server has answered failure to all of lines.
func (w *Writer) deliverParts(ctx context.Context, lines []byte, failure *influxhttp.Error) (refused int, _ *influxhttp.Error) {
	var pack packer
	head, splits := lines, 0
	suspect := 0 // so many of the next lines hold one that is refused
	for {
		n := bytes.Count(head, []byte{'\n'})
		settled := true
		switch dropped, partial := droppedLines(failure); {
		case failure == nil:
			suspect = max(0, suspect-n)
		case !about(failure):
			return 0, failure
		case partial:
			refused += min(dropped, n)
			w.quarantine(head, failure)
			suspect = 0
		case n > 1 && failure.StatusCode == http.StatusRequestEntityTooLarge:
			settled = false
			w.limit.Store(int64(n / 2))
		case n > 1 && splits < maxSplits:
			settled, suspect = false, n
			splits++
		default:
			refused += n
			w.quarantine(head, failure)
			suspect = 0
		}
		if settled {
			lines = lines[len(head):]
		}
		if len(lines) == 0 {
			return refused, nil
		}
		part := int(w.limit.Load())
		if suspect > 0 {
			part = min(part, max(1, suspect/2))
		}
		head = firstLines(lines, part)
		failure = w.post(ctx, pack.pack(head))
	}
}

// about reports whether failure is about what was sent and not about the server.
func about(failure *influxhttp.Error) bool {
	switch failure.StatusCode {
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		return true
	}
	return false
}

// firstLines returns the first n of lines.
func firstLines(lines []byte, n int) []byte {
	end := 0
	for ; n > 0 && end < len(lines); n-- {
		end += bytes.IndexByte(lines[end:], '\n') + 1
	}
	return lines[:end]
}

var droppedPattern = regexp.MustCompile(`\bdropped=(\d+)`)

// droppedLines returns how many lines a refusal is about if the server has taken
// the others: InfluxDB says "dropped=3" then.
func droppedLines(failure *influxhttp.Error) (n int, partial bool) {
	if failure == nil {
		return 0, false
	}
	m := droppedPattern.FindStringSubmatch(failure.Message)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil
}

// refreshToken reads the token anew: it may have been replaced.
func (w *Writer) refreshToken() {
	token, err := w.config.token()
	if err != nil || token == "" {
		return
	}
	w.tokenMu.Lock()
	defer w.tokenMu.Unlock()
	w.token = token
}

// authorize is a transport that puts the newest token into a request. The client
// has one of its own, which must not be changed while a request is on its way.
type authorize struct {
	http.RoundTripper
	token func() string
}

func (t authorize) RoundTrip(r *http.Request) (*http.Response, error) {
	if token := t.token(); token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Token "+token)
	}
	return t.RoundTripper.RoundTrip(r)
}

// The lines that the server refused are kept for people to look at, the newest in
// the first file, those before in the second. The lines of a partial refusal are
// all there, for the server does not say which of them it means.
const (
	refusedFile    = "refused.lp"
	refusedBefore  = "refused.old.lp"
	refusedLargest = 1 << 20 // bytes of one file
)

// refusals is the file of refused lines.
type refusals struct {
	dir string // "" for none
	mu  sync.Mutex
}

// quarantine puts lines aside that are not sent again.
func (w *Writer) quarantine(lines []byte, failure *influxhttp.Error) {
	w.gate.refuse(failure, bytes.Count(lines, []byte{'\n'}))
	if err := w.refusals.add(lines, failure); err != nil {
		w.log.Warn("refused samples are not kept", "err", err)
	}
}

func (q *refusals) add(lines []byte, failure *influxhttp.Error) error {
	if q.dir == "" {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	path := filepath.Join(q.dir, refusedFile)
	if info, err := os.Stat(path); err == nil && info.Size()+int64(len(lines)) > refusedLargest {
		if err := os.Rename(path, filepath.Join(q.dir, refusedBefore)); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	note := fmt.Sprintf("# %s %.300q\n", time.Now().UTC().Format(time.RFC3339), describe(failure))
	_, err = f.Write(append([]byte(note), lines...))
	return err
}
