package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Webhook is an HTTP endpoint that takes a Message for each event.
type Webhook struct {
	URL        string        `yaml:"url,required"`
	Secret     string        `yaml:"secret,secret"` // signs the messages
	SecretFile string        `yaml:"secret_file,file"`
	Expect     Expect        `yaml:"expect"`
	Timeout    time.Duration `yaml:"timeout"` // of one attempt; default 10s
}

func (w *Webhook) validate(report gateway.Report) {
	// The address may be a secret, so the message does not repeat it.
	if !isHTTP(w.URL) {
		report("url", "this is no address of a webhook", "http or https, such as https://example.com/alarm")
	}
	checkSecret(report, "secret", w.Secret, w.SecretFile)
	w.Expect.validate(report)
	checkTimeout(report, w.Timeout)
}

// webhook posts a notice as it is.
type webhook struct {
	url    string
	secret []byte // nil for unsigned
	expect Expect
	client *http.Client
}

func newWebhook(c Webhook, d dial) (*webhook, error) {
	secret, err := readSecret("secret of the webhook", c.Secret, c.SecretFile)
	if err != nil {
		return nil, err
	}
	return &webhook{url: c.URL, secret: []byte(secret), expect: c.Expect, client: newClient(c.Timeout, d)}, nil
}

// Notify posts the notice. Only an answer 2xx that holds what is expected means that
// it was taken.
func (w *webhook) Notify(ctx context.Context, n Notice) error {
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	header := http.Header{"Idempotency-Key": {n.Key}, "X-Intact-Timestamp": {stamp}}
	if len(w.secret) > 0 {
		header.Set("X-Intact-Signature", "sha256="+sign(w.secret, stamp, n.Body))
	}
	a, err := post(ctx, w.client, w.url, header, n.Body)
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	if a.status/100 != 2 {
		return &Refusal{Status: a.status, Body: beginning(a.body), After: a.after}
	}
	return w.expect.check(a)
}

// Close lets go of the connection that is kept for the next notice.
func (w *webhook) Close() error {
	w.client.CloseIdleConnections()
	return nil
}

// sign returns the hex HMAC-SHA-256 of "timestamp.body".
func sign(secret []byte, stamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
