package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts/notify"
)

// TestTheHeartbeatStopsWithTheDuty: beats every minute, none while the gateway
// does not do its duty, and again within a quarter of the time when it does.
func TestTheHeartbeatStopsWithTheDuty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var mu sync.Mutex // over what the server and the test share
		var beats []string
		var fault error
		refuse := false
		set := func(f error, r bool) {
			mu.Lock()
			defer mu.Unlock()
			fault, refuse = f, r
		}
		n := network{}
		stop := n.serve("hq", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var b struct {
				Site  string
				Every float64
			}
			_ = json.NewDecoder(r.Body).Decode(&b)
			mu.Lock()
			defer mu.Unlock()
			if refuse {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			beats = append(beats, time.Since(began).String()+" "+b.Site)
		}))
		defer stop()
		alive := func() error {
			mu.Lock()
			defer mu.Unlock()
			return fault
		}
		log := &strings.Builder{}
		p, err := notify.NewPulse(notify.Heartbeat{URL: "http://hq/beat"}, notify.Options{Site: site(t), Dial: n.dial}, alive,
			slog.New(slog.NewTextHandler(log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- p.Run(ctx) }()
		pass := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}
		pass(95 * time.Second) // beats at 0s and 1m
		set(errors.New("store: disk full"), false)
		pass(3 * time.Minute) // none from 2m on, and the duty is looked at every 15 s
		set(nil, false)
		pass(40 * time.Second) // 4m45s
		set(nil, true)
		pass(50 * time.Second) // 5m45s is refused, 6m
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := []string{"0s lakeside", "1m0s lakeside", "4m45s lakeside", "5m45s lakeside", "6m0s lakeside"}
		if diff := cmp.Diff(want, beats); diff != "" {
			t.Errorf("beats (-want +got):\n%s", diff)
		}
		if got := strings.Count(log.String(), "no heartbeat"); got != 2 || !strings.Contains(log.String(), "disk full") {
			t.Errorf("the log says\n%s", log)
		}
	})
}

func TestAHeartbeatThatGoesNowhereIsRefused(t *testing.T) {
	for _, tt := range []struct {
		beat notify.Heartbeat
		want string
	}{
		{notify.Heartbeat{}, "heartbeat: the heartbeat goes nowhere"},
		{notify.Heartbeat{URL: "hq"}, "heartbeat.url: this is no address"},
		{notify.Heartbeat{URL: "https://hq", Every: time.Second}, "heartbeat.every: 1s between two beats is out of bounds"},
		{notify.Heartbeat{URL: "https://hq", URLFile: "/etc/intact/hq"}, "heartbeat.url_file: there are two of url"},
		{notify.Heartbeat{URL: "https://hq"}, ""},
	} {
		c := notify.Config{Heartbeat: &tt.beat}
		var got []string
		c.Validate(func(path, problem, _ string) { got = append(got, path+": "+problem) })
		if all := strings.Join(got, "\n"); !strings.HasPrefix(all, tt.want) || tt.want == "" && all != "" {
			t.Errorf("%+v: got %q, want %q", tt.beat, all, tt.want)
		}
	}
}
