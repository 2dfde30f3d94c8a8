package notify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	attemptLimit = 10 * time.Second // for one attempt unless the receiver says otherwise
	answerLimit  = 64 << 10         // bytes of an answer that are read
	quoteLimit   = 200              // of them, bytes that an error repeats
	patience     = time.Hour        // the longest that a receiver may put us off at a time
)

// Refusal is an answer of a receiver that did not take a notice.
type Refusal struct {
	Status int           // of HTTP
	Body   string        // its beginning
	After  time.Duration // not to be tried before, at most an hour; 0 if the receiver does not say
}

// Error returns the status and the beginning of the answer.
func (r *Refusal) Error() string {
	what := strings.TrimSpace(fmt.Sprintf("receiver answered %d %s", r.Status, http.StatusText(r.Status)))
	if r.Status/100 == 3 {
		what += ", redirects are not followed"
	}
	if r.Body != "" {
		what += ": " + r.Body
	}
	return what
}

// OpenReceiver returns the Notifier of a receiver that Validate found in order.
// The error is that of its secret file.
func OpenReceiver(r Receiver) (Notifier, error) {
	switch {
	case r.Webhook != nil:
		w, err := newWebhook(*r.Webhook)
		if err != nil {
			return nil, fmt.Errorf("receiver %s: %w", r.ID, err)
		}
		return w, nil
	default:
		return nil, fmt.Errorf("receiver %s has no channel", r.ID)
	}
}

// webhook posts a notice as it is.
type webhook struct {
	url    string
	secret []byte // nil for unsigned
	client *http.Client
}

func newWebhook(c Webhook) (*webhook, error) {
	// A transport of its own: what one receiver does to its connections is no
	// concern of another.
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 1 // a sender has one request at a time
	w := &webhook{url: c.URL, secret: []byte(c.Secret), client: &http.Client{
		Transport: transport,
		Timeout:   cmp.Or(c.Timeout, attemptLimit),
		// Where a redirect leads is not the operator's choice.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if c.SecretFile != "" {
		b, err := os.ReadFile(c.SecretFile)
		if err != nil {
			return nil, fmt.Errorf("secret of the webhook: %w", err)
		}
		if w.secret = bytes.TrimSpace(b); len(w.secret) == 0 {
			return nil, fmt.Errorf("secret of the webhook: %s is empty", c.SecretFile)
		}
	}
	return w, nil
}

// Notify posts the notice. Only an answer 2xx means that it was taken.
func (w *webhook) Notify(ctx context.Context, n Notice) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(n.Body))
	if err != nil {
		return fmt.Errorf("webhook: %w", withoutURL(err))
	}
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "intact")
	req.Header.Set("Idempotency-Key", n.Key)
	req.Header.Set("X-Intact-Timestamp", stamp)
	if len(w.secret) > 0 {
		req.Header.Set("X-Intact-Signature", "sha256="+sign(w.secret, stamp, n.Body))
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return fmt.Errorf("webhook: %w", withoutURL(err))
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, answerLimit)) // the status decides
	if resp.StatusCode/100 != 2 {
		return &Refusal{Status: resp.StatusCode, Body: beginning(answer), After: retryAfter(resp.Header.Get("Retry-After"))}
	}
	return nil
}

// Close lets go of the connection that is kept for the next notice.
func (w *webhook) Close() error {
	w.client.CloseIdleConnections()
	return nil
}

// withoutURL drops the address from an error of the HTTP client: the address of
// a webhook often is a secret.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// sign returns the hex HMAC-SHA-256 of "timestamp.body".
func sign(secret []byte, stamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// beginning returns the first words of an answer on one line.
func beginning(b []byte) string {
	return cut(strings.Join(strings.Fields(strings.ToValidUTF8(string(b), "")), " "), quoteLimit)
}

// retryAfter reads the header of that name: seconds, or a date; anything else
// counts as not said.
func retryAfter(s string) time.Duration {
	if n, err := strconv.Atoi(s); err == nil {
		return time.Duration(max(0, min(n, int(patience/time.Second)))) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(0, min(time.Until(at), patience))
	}
	return 0
}
