package web_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/gateway/web"
)

// tape is a ResponseWriter that may be read while it is written.
type tape struct {
	mu     sync.Mutex
	header http.Header
	text   strings.Builder
}

func (w *tape) Header() http.Header { return w.header }
func (w *tape) WriteHeader(int)     {}
func (w *tape) Flush()              {}
func (w *tape) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *tape) from(n int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()[n:]
}

// listener is a client of the live stream inside a bubble.
type listener struct {
	w     *tape
	read  int
	hang  context.CancelFunc
	ended chan struct{}
}

func (g gatewayAt) listen(t *testing.T, target string) *listener {
	ctx, cancel := context.WithCancel(t.Context())
	l := &listener{w: &tape{header: http.Header{}}, hang: cancel, ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		g.ServeHTTP(l.w, httptest.NewRequest("GET", target, nil).WithContext(ctx))
	}()
	return l
}

// next returns what has come since the last call, one string an event.
func (l *listener) next() []string {
	synctest.Wait()
	fresh := l.w.from(l.read)
	l.read += len(fresh)
	var events []string
	for part := range strings.SplitSeq(strings.TrimSpace(fresh), "\n\n") {
		if part != "" {
			events = append(events, part)
		}
	}
	return events
}

// data returns the JSON of the only event that has come.
func (l *listener) data(t *testing.T) string {
	t.Helper()
	events := l.next()
	if len(events) != 1 {
		t.Fatalf("%d events: %q", len(events), events)
	}
	_, data, ok := strings.Cut(events[0], "\ndata: ")
	if !ok || !strings.HasPrefix(events[0], "event: snapshot\nid: ") {
		t.Fatalf("not a snapshot event: %q", events[0])
	}
	return data
}

func TestStreamTellsWhatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		l := g.listen(t, "/api/v1/stream?lang=en")
		defer l.hang()
		fields{
			"seq": "7", "full": "true", "facilities.#": "3", "alerts.#": "1", "tickets.#": "1", "points.#": "6", "degraded": "[]",
			"at": `"2026-03-10T12:00:00+08:00"`, "now": `"2026-03-10T12:00:00+08:00"`, "points.3.value": "null", "points.3.text": `"—"`, "points.3.quality_text": `"no answer"`,
		}.check(t, l.data(t))
		if l.w.Header().Get("Content-Type") != "text/event-stream" {
			t.Errorf("content type %s", l.w.Header().Get("Content-Type"))
		}

		// A transition is told at once, with nothing that stayed as it was.
		time.Sleep(10 * time.Millisecond)
		g.publish(func(s *pipeline.Snapshot) {
			s.Facilities[0].Class = intact.Down
			s.Alerts[0].Acked = true
			s.Tickets = nil
		})
		fields{
			"seq": "8", "full": "false", "transition": "true", "facilities.#": "1", "facilities.0.state": `"down"`,
			"alerts.#": "1", "alerts.0.acked": "true", "tickets": "", "tickets_closed": "[5]", "points": "",
		}.check(t, l.data(t))

		// A value waits for its turn, and only the newest is told.
		for v := range 3 {
			g.publish(func(s *pipeline.Snapshot) { s.Values[0].Value = float64(v) })
		}
		if early := l.next(); len(early) > 0 {
			t.Errorf("told within a second: %q", early)
		}
		time.Sleep(time.Second)
		fields{"seq": "11", "transition": "false", "points.#": "1", "points.0.value": "2", "points.0.text": `"2"`, "alerts": ""}.check(t, l.data(t))

		g.publish(func(s *pipeline.Snapshot) { s.Alerts = nil })
		fields{"alerts_closed": "[3]", "transition": "true"}.check(t, l.data(t))
		g.publish(func(s *pipeline.Snapshot) { s.Degraded = []string{"store: disk full"} })
		fields{"degraded.0": `"store: disk full"`, "transition": "true"}.check(t, l.data(t))
	})
}

func TestStreamTellsEveryFieldOfATicketThatCanChange(t *testing.T) {
	changes := map[string]func(s *pipeline.Snapshot){
		"owner":     func(s *pipeline.Snapshot) { s.Tickets[0].Owner = "Li" },
		"count":     func(s *pipeline.Snapshot) { s.Tickets[0].Count++ },
		"recovered": func(s *pipeline.Snapshot) { s.Tickets[0].Recovered = noon },
		"active":    func(s *pipeline.Snapshot) { s.Tickets[0].Active = nil },
		"breach":    func(s *pipeline.Snapshot) { s.Tickets[0].Breached = []string{"respond"} },
		"deadline":  func(s *pipeline.Snapshot) { s.Tickets[0].Deadlines.Finish = noon },
		"note":      func(s *pipeline.Snapshot) { s.Tickets[0].Note = "waiting for parts" },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t)
				l := g.listen(t, "/api/v1/stream?points=none")
				defer l.hang()
				l.next()
				g.publish(change)
				fields{"tickets.#": "1", "transition": "true"}.check(t, l.data(t))
			})
		})
	}
}

func TestStreamIsKeptAliveAndEndsWithItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		l := g.listen(t, "/api/v1/stream")
		l.next()
		time.Sleep(15 * time.Second)
		if beat := l.next(); len(beat) != 1 || beat[0] != ": alive" {
			t.Errorf("heartbeat %q", beat)
		}
		l.hang()
		<-l.ended
	})
}

func TestStreamsEndWithTheGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := make(chan struct{})
		g := newGateway(t, func(o *web.Options) { o.Done = done })
		l := g.listen(t, "/api/v1/stream")
		defer l.hang()
		l.next()
		close(done)
		<-l.ended
	})
}

func TestStreamOfChosenPoints(t *testing.T) {
	tests := []struct {
		name, query, points string
	}{
		{"none", "?points=none", ""},
		{"what the overview shows", "?points=key", `["floor","mode","v_l1","link"]`},
		{"one facility", "?facility=meter-1", `["v_l1","link"]`},
		{"the overview and one facility", "?points=key&facility=lift-1", `["floor","mode","link","v_l1","link"]`},
		{"all", "?points=all", `["floor","mode","link","v_l1","link","link"]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newGateway(t).listen(t, "/api/v1/stream"+tt.query)
				defer l.hang()
				data := l.data(t)
				if got := gjson.Get(data, "points.#.name").Raw; got != tt.points && (tt.points != "" || gjson.Get(data, "points").Exists()) {
					t.Errorf("points %s, want %s", got, tt.points)
				}
			})
		})
	}
}

func TestTooManyStreamsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, func(o *web.Options) { o.Streams = 2 })
		first, second := g.listen(t, "/api/v1/stream"), g.listen(t, "/api/v1/stream")
		defer first.hang()
		first.next()
		second.next()
		if w := g.get("/api/v1/stream"); w.Code != http.StatusServiceUnavailable || gjson.Get(w.Body.String(), "code").String() != "too_many_streams" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		// Its place is free again when a client goes.
		second.hang()
		<-second.ended
		third := g.listen(t, "/api/v1/stream")
		defer third.hang()
		third.data(t)
	})
}

func TestAnotherSiteIsToldWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		l := g.listen(t, "/api/v1/stream?points=none")
		defer l.hang()
		l.next()
		g.publish(func(s *pipeline.Snapshot) { s.Site = lakeside(t) })
		fields{"full": "true", "facilities.#": "3"}.check(t, l.data(t))
	})
}

// pipeListener accepts one connection.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	close(l.done)
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// connect serves h over a pipe and asks it for the stream.
func connect(t *testing.T, server *http.Server) net.Conn {
	t.Helper()
	l := &pipeListener{conns: make(chan net.Conn, 1), done: make(chan struct{})}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	client, conn := net.Pipe()
	t.Cleanup(func() { client.Close() })
	l.conns <- conn
	if _, err := client.Write([]byte("GET /api/v1/stream HTTP/1.1\r\nHost: gateway\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	return client
}

func TestClientThatStopsReadingIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, func(o *web.Options) { o.Streams = 1 })
		connect(t, &http.Server{Handler: g})
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if w := g.get("/api/v1/stream"); w.Code != http.StatusServiceUnavailable {
			t.Fatalf("after 9 s its place is free: %d", w.Code)
		}
		time.Sleep(2 * time.Second)
		next := g.listen(t, "/api/v1/stream")
		defer next.hang()
		next.data(t)
	})
}

func TestStreamOutlivesTheTimeLimitForRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		client := connect(t, &http.Server{Handler: g, ReadTimeout: 30 * time.Second})
		var got tape
		go io.Copy(&got, client)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if beats := strings.Count(got.from(0), ": alive"); beats != 40 {
			t.Errorf("%d heartbeats in 10 minutes, want 40", beats)
		}
	})
}

// The stream over a true connection: headers arrive before anything changes,
// and the handler ends when the client hangs up.
func TestStreamOverTCP(t *testing.T) {
	g := newGateway(t)
	server := httptest.NewServer(g)
	defer server.Close() // hangs if the stream does not end
	answer, err := http.Get(server.URL + "/api/v1/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() || lines.Text() != "event: snapshot" {
		t.Fatalf("first line %q, %v", lines.Text(), lines.Err())
	}
	g.publish(func(s *pipeline.Snapshot) { s.Facilities[0].Class = intact.Unknown })
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && !gjson.Get(data, "full").Bool() {
			fields{"facilities.0.state": `"unknown"`}.check(t, data)
			return
		}
	}
	t.Error("the change did not come")
}
