package influx_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// answer is what the fake server says to one write request instead of taking it.
type answer struct {
	status     int
	retryAfter string
	body       string
	keep       bool // take the points all the same
	hang       bool // say nothing until the client gives up
	cut        bool // take the points and break the line before the answer
}

// server is a strict InfluxDB 2 in memory: it refuses whatever a real one might
// refuse, and remembers every point.
type server struct {
	t        *testing.T
	listener *pipes
	http     http.Server

	mu       sync.Mutex
	answers  []answer           // for the next requests, in order
	always   *answer            // for all requests, once answers are used up
	points   map[string]float64 // by "measurement,tags field timestamp"
	writes   []int              // points of each request
	token    string             // wanted; "" for any
	rewrites int                // points written more than once
	maxLines int                // more than that are answered 413
	bad      string             // a request with it in a line is refused whole
	delay    time.Duration      // before each answer
	arrived  map[string]time.Time
}

func newServer(t *testing.T) *server {
	s := &server{t: t, listener: newPipes(), points: make(map[string]float64), arrived: make(map[string]time.Time)}
	s.http.Handler = s
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("fake server: %v", err)
		}
	})
	t.Cleanup(func() { s.http.Close(); serving.Wait() })
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if r.Method != http.MethodPost || r.URL.Path != "/api/v2/write" || q.Get("org") != "lakeside" || q.Get("bucket") != "a b" || q.Get("precision") != "ms" {
		s.t.Errorf("request %s %s", r.Method, r.URL)
	}
	unzipped, err := gzip.NewReader(r.Body)
	if err != nil || r.Header.Get("Content-Encoding") != "gzip" {
		s.t.Errorf("body is not gzip: %v", err)
		return
	}
	body, err := io.ReadAll(unzipped)
	if err != nil {
		s.t.Errorf("body cannot be unpacked: %v", err)
	}
	points, err := parseLines(string(body))
	if err != nil {
		s.t.Errorf("not line protocol: %v", err)
	}
	a := s.next(len(points), r)
	if s.bad != "" && strings.Contains(string(body), s.bad) {
		a = answer{status: http.StatusBadRequest, body: `{"code":"invalid","message":"unable to parse"}`}
	}
	s.mu.Lock()
	delay := s.delay
	s.mu.Unlock()
	time.Sleep(delay)
	if a.hang {
		<-r.Context().Done()
		return
	}
	if a.status/100 == 2 || a.keep {
		s.keep(points)
	}
	if a.cut {
		panic(http.ErrAbortHandler)
	}
	if a.retryAfter != "" {
		w.Header().Set("Retry-After", a.retryAfter)
	}
	if a.body != "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(a.status)
	io.WriteString(w, a.body)
}

// next returns the answer to a request of n points.
func (s *server) next(n int, r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, n)
	switch {
	case s.token != "" && r.Header.Get("Authorization") != "Token "+s.token:
		return answer{status: http.StatusUnauthorized, body: `{"code":"unauthorized","message":"unauthorized access"}`}
	case s.maxLines > 0 && n > s.maxLines:
		return answer{status: http.StatusRequestEntityTooLarge}
	case len(s.answers) > 0:
		a := s.answers[0]
		s.answers = s.answers[1:]
		return a
	case s.always != nil:
		return *s.always
	}
	return answer{status: http.StatusNoContent}
}

func (s *server) keep(points map[string]float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, value := range points {
		if _, dup := s.points[key]; dup {
			s.rewrites++
		}
		s.points[key] = value
		s.arrived[key] = time.Now()
	}
}

// set changes the server while it runs.
func (s *server) set(change func(*server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *server) stored() map[string]float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.points)
}

// arrival returns when a point last came.
func (s *server) arrival(key string) (at time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok = s.arrived[key]
	return at, ok
}

func (s *server) requests() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes)
}

// parseLines reads line protocol as its specification has it. It knows floats
// only, since nothing else must come. A field that is not called value is part of
// the key.
func parseLines(body string) (map[string]float64, error) {
	points := make(map[string]float64)
	if !strings.HasSuffix(body, "\n") {
		return nil, errors.New("the last line does not end")
	}
	for line := range strings.Lines(body) {
		parts := cutUnescaped(strings.TrimSuffix(line, "\n"), ' ')
		if len(parts) != 3 {
			return nil, fmt.Errorf("%q has %d parts, want series, fields and time", line, len(parts))
		}
		series := cutUnescaped(parts[0], ',')
		var names []string
		for _, tag := range series[1:] {
			pair := cutUnescaped(tag, '=')
			if len(pair) != 2 || pair[0] == "" || pair[1] == "" {
				return nil, fmt.Errorf("%q has the tag %q", line, tag)
			}
			names = append(names, pair[0])
		}
		if series[0] == "" || !slices.IsSorted(names) {
			return nil, fmt.Errorf("%q: no measurement, or tags out of order", line)
		}
		for field := range strings.SplitSeq(parts[1], ",") {
			name, text, _ := strings.Cut(field, "=")
			value, err := strconv.ParseFloat(text, 64)
			if name == "" || err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
				return nil, fmt.Errorf("%q has the field %q", line, field)
			}
			key := parts[0] + " " + parts[2]
			if name != "value" {
				key += " " + name
			}
			points[key] = value
		}
		if _, err := strconv.ParseInt(parts[2], 10, 64); err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
	}
	return points, nil
}

// cutUnescaped splits s at every sep that has no backslash before it.
func cutUnescaped(s string, sep byte) []string {
	var parts []string
	begin := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case sep:
			parts = append(parts, s[begin:i])
			begin = i + 1
		}
	}
	return append(parts, s[begin:])
}

// pipes is a network in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }
