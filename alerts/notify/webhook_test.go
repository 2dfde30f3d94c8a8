package notify_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/intact-gateway/intact/alerts/notify"
)

func openHook(t *testing.T, w notify.Webhook) notify.Notifier {
	t.Helper()
	n, err := notify.OpenReceiver(notify.Receiver{ID: "desk", Channel: notify.Channel{Webhook: &w}}, notify.Options{Site: site(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.(io.Closer).Close() })
	return n
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// check is what a receiver would do with what it gets.
func check(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.%s", timestamp, body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func TestTheReceiverCanCheckWhoSentIt(t *testing.T) {
	// From: printf '1773105120.{"event":"raised"}' | openssl dgst -sha256 -hmac s3cret
	if got := check("s3cret", "1773105120", []byte(`{"event":"raised"}`)); got != "sha256=503f5bb511344bb8789050afc18bfd0fc26c59cf405643c442a54cccd5e819d7" {
		t.Fatalf("the check itself is wrong: %s", got)
	}
	var got *http.Request
	var body []byte
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
	})
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := notify.Notice{Key: "lakeside/7/raised/critical/1/desk", Body: []byte(`{"event":"raised"}`)}
	for name, w := range map[string]notify.Webhook{"secret": {URL: url, Secret: "s3cret"}, "file": {URL: url, SecretFile: file}} {
		if err := openHook(t, w).Notify(t.Context(), n); err != nil {
			t.Fatal(name, err)
		}
		h := got.Header
		if got.Method != http.MethodPost || string(body) != string(n.Body) || h.Get("Content-Type") != "application/json" || h.Get("Idempotency-Key") != n.Key {
			t.Errorf("%s: got %s %v %s", name, got.Method, h, body)
		}
		if want := check("s3cret", h.Get("X-Intact-Timestamp"), body); h.Get("X-Intact-Signature") != want {
			t.Errorf("%s: signature %q, want %q", name, h.Get("X-Intact-Signature"), want)
		}
	}
	if err := openHook(t, notify.Webhook{URL: url}).Notify(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if got.Header.Get("X-Intact-Signature") != "" {
		t.Error("signed without a secret")
	}
}

func TestASecretFileMustHoldASecret(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, filepath.Join(t.TempDir(), "none")} {
		_, err := notify.OpenReceiver(notify.Receiver{ID: "desk", Channel: notify.Channel{Webhook: &notify.Webhook{URL: "http://x", SecretFile: file}}}, notify.Options{Site: site(t)})
		if err == nil || !strings.Contains(err.Error(), "receiver desk: secret of the webhook: ") {
			t.Errorf("%s: got %v; the notices would go out unsigned", file, err)
		}
	}
	if _, err := notify.OpenReceiver(notify.Receiver{ID: "desk"}, notify.Options{Site: site(t)}); err == nil {
		t.Error("a receiver without a channel was opened")
	}
}

func TestOnlySuccessMeansTaken(t *testing.T) {
	followed := false
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { followed = true })
	for _, tt := range []struct {
		name    string
		status  int
		headers map[string]string
		body    string
		want    string // "" for taken
		after   time.Duration
	}{
		{"ok", 200, nil, "{}", "", 0},
		{"no content", 204, nil, "", "", 0},
		{"a redirect", 302, map[string]string{"Location": elsewhere}, "", "receiver answered 302 Found, redirects are not followed", 0},
		{"a redirect that keeps the body", 307, map[string]string{"Location": elsewhere}, "", "receiver answered 307 Temporary Redirect, redirects are not followed", 0},
		{"refused", 403, nil, "wrong\n key", "receiver answered 403 Forbidden: wrong key", 0},
		{"busy", 429, map[string]string{"Retry-After": "90"}, "slow down", "receiver answered 429 Too Many Requests: slow down", 90 * time.Second},
		{"busy until a date that has passed", 503, map[string]string{"Retry-After": "Tue, 10 Mar 2020 01:12:00 GMT"}, "", "receiver answered 503 Service Unavailable", 0},
		{"busy for ever", 503, map[string]string{"Retry-After": "99999999"}, "", "receiver answered 503 Service Unavailable", time.Hour},
		{"busy until the end of days", 503, map[string]string{"Retry-After": "Fri, 10 Mar 2299 01:12:00 GMT"}, "", "receiver answered 503 Service Unavailable", time.Hour},
		{"nonsense", 503, map[string]string{"Retry-After": "-5"}, "", "receiver answered 503 Service Unavailable", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range tt.headers {
					w.Header().Set(k, v)
				}
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			})
			err := openHook(t, notify.Webhook{URL: url}).Notify(t.Context(), notify.Notice{Key: "k", Body: []byte("{}")})
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			r, ok := errors.AsType[*notify.Refusal](err)
			if !ok || r.Error() != tt.want || r.After != tt.after || r.Status != tt.status {
				t.Errorf("got %v (%+v)", err, r)
			}
		})
	}
	if followed {
		t.Error("a redirect was followed")
	}
}

func TestAnAnswerWithoutEndIsNotRead(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("长", 1000)); err != nil {
				return
			}
		}
	})
	err := openHook(t, notify.Webhook{URL: url}).Notify(t.Context(), notify.Notice{Key: "k"})
	if err == nil || len(err.Error()) > 300 || !utf8.ValidString(err.Error()) || !strings.Contains(err.Error(), "长…") {
		t.Errorf("got %v", err)
	}
}

func TestTheAddressStaysOutOfErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	err = openHook(t, notify.Webhook{URL: "http://user:pass@" + addr + "/send?key=s3cret"}).Notify(t.Context(), notify.Notice{Key: "k"})
	if err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "pass") {
		t.Errorf("got %v", err)
	}
}

func TestAnAttemptEndsAtItsTimeout(t *testing.T) {
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	if err := openHook(t, notify.Webhook{URL: url, Timeout: 20 * time.Millisecond}).Notify(t.Context(), notify.Notice{Key: "k"}); err == nil {
		t.Error("a receiver that never answers has taken it")
	}
}
