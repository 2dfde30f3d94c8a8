package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway/store"
)

const stopSite = `
site: {id: stopping, timezone: Asia/Shanghai, language: en}
http: {listen: "127.0.0.1:0"}
buses: {a: {tcp: "10.0.0.1:502"}, b: {tcp: "10.0.0.2:502"}, c: {tcp: "10.0.0.3:502"}}
facilities:
  - {id: lift-1, profile: generic-lift-io, bus: a, unit: 1}
  - {id: lift-2, profile: generic-lift-io, bus: b, unit: 1}
  - {id: lift-3, profile: generic-lift-io, bus: c, unit: 1}
`

func startInBubble(t *testing.T, dial func(context.Context, string, string) (net.Conn, error)) (*App, pipeListener) {
	t.Helper()
	return startSite(t, fstest.MapFS{"site.yaml": {Data: []byte(stopSite)}}, dial)
}

// startSite runs a gateway for site.yaml whose devices are dialled with dial and
// whose page is reached through the listener returned. In the end its store can
// be opened again: nobody has kept it.
func startSite(t *testing.T, files fstest.MapFS, dial func(context.Context, string, string) (net.Conn, error)) (*App, pipeListener) {
	t.Helper()
	read := func() (*configs.Config, error) { return configs.Load(files, "site.yaml", configs.Options{}) }
	c, err := read()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	a, err := New(Options{Config: c, Load: read, Data: dir, Dial: dial, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	page := pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	a.listen = func(string, string) (net.Listener, error) { return page, nil }
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		db, err := store.Open(filepath.Join(dir, "intact.db"), store.Options{})
		if err != nil {
			t.Errorf("the store was not closed: %v", err)
			return
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return a, page
}

func refuse(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("connection refused")
}

func TestAClientThatDoesNotReadHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, page := startInBubble(t, refuse)
		client, conn := net.Pipe()
		defer client.Close()
		page.conns <- conn
		if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: gateway\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the answer hangs in the pipe
		began := time.Now()
		if err := a.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the client held up the stop for %v", took)
		}
	})
}

func TestSourcesThatHangShareOneStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		released := make(chan struct{})
		a, _ := startInBubble(t, func(context.Context, string, string) (net.Conn, error) {
			<-released // and not before, whatever the context says
			return nil, errors.New("connection refused")
		})
		time.Sleep(time.Minute) // all of them dial
		began := time.Now()
		err := a.Stop(t.Context())
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("three sources held up the stop for %v", took)
		}
		for _, bus := range []string{"a", "b", "c"} {
			if want := "stop source " + bus + ": did not end in time"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("no %q in: %v", want, err)
			}
		}
		close(released)
	})
}

func TestTheLoopHasItsTimeWhateverHangsBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		released := make(chan struct{})
		hang := func(context.Context) error { <-released; return nil }
		needs := func(d time.Duration) func(context.Context) error {
			return func(ctx context.Context) error { <-ctx.Done(); time.Sleep(d); return nil }
		}
		closed := false
		l := &lifecycle{log: slog.New(slog.DiscardHandler)}
		l.onStop(files, "store", func(context.Context) error { closed = true; return nil })
		l.spawn(outputs, "sender", needs(1900*time.Millisecond))
		l.spawn(loop, "pipeline", needs(5900*time.Millisecond))
		l.spawn(inputs, "http", hang)
		l.spawn(inputs, "source a", hang)
		synctest.Wait()
		err := l.stop(t.Context())
		if want := "stop http: did not end in time\nstop source a: did not end in time"; err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
		if !closed {
			t.Error("the store is open although nobody writes")
		}
		close(released)
	})
}

func TestTheStoreStaysOpenUnderAWriter(t *testing.T) {
	for _, tt := range []struct {
		writer string
		at     stage
		takes  time.Duration
	}{{"pipeline", loop, 8 * time.Second}, {"sender desk", outputs, stopLimit}} {
		t.Run(tt.writer, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				released := make(chan struct{})
				l := &lifecycle{log: slog.New(slog.DiscardHandler)}
				l.onStop(files, "store", func(context.Context) error { t.Error("closed"); return nil })
				l.spawn(tt.at, tt.writer, func(context.Context) error { <-released; return nil })
				began := time.Now()
				err := l.stop(t.Context())
				want := "stop " + tt.writer + ": did not end in time\nstop store: left open, " + tt.writer + " may still write"
				if err == nil || err.Error() != want {
					t.Errorf("error %v, want %s", err, want)
				}
				if took := time.Since(began); took != tt.takes {
					t.Errorf("took %v, want %v", took, tt.takes)
				}
				if err := l.stop(t.Context()); err != nil {
					t.Errorf("a second stop: %v", err)
				}
				close(released)
			})
		})
	}
}

// pipeListener accepts what is put into conns.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l pipeListener) Close() error { close(l.done); return nil }

func (l pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }
