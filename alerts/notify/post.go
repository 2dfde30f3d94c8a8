package notify

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

const (
	attemptLimit = 10 * time.Second // for one attempt unless the receiver says otherwise
	answerLimit  = 64 << 10         // bytes of an answer that are read
	quoteLimit   = 200              // of them, bytes that an error repeats
	patience     = time.Hour        // the longest that a receiver may put us off at a time
)

// newClient returns the HTTP client of one channel. It follows no redirects and,
// unless d connects otherwise, goes nowhere where no receiver can be.
func newClient(timeout time.Duration, d dial) *http.Client {
	// A transport of its own: what one receiver does to its connections is no
	// concern of another.
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 1 // a sender has one request at a time
	if transport.DialContext = d; d == nil {
		transport.DialContext = (&net.Dialer{Timeout: attemptLimit, KeepAlive: 30 * time.Second, Control: guard}).DialContext
	}
	return &http.Client{
		Transport: transport,
		Timeout:   cmp.Or(timeout, attemptLimit),
		// Where a redirect leads is not the operator's choice.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// cloudSecrets are the addresses, beside link-local ones, where a machine in a
// cloud is told its own secrets: Alibaba's and Amazon's over IPv6.
var cloudSecrets = []netip.Addr{netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("fd00:ec2::254")}

var errNowhere = errors.New("is not an address at which a receiver may be")

// guard refuses to connect to an address at which no receiver can be. It sees
// the address after the name was looked up, so that a name cannot be turned to
// another address in between.
func guard(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address %s: %w", address, err)
	}
	ip := at.Addr().Unmap().WithZone("")
	if ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || slices.Contains(cloudSecrets, ip) {
		return fmt.Errorf("%s %w", ip, errNowhere)
	}
	return nil
}

// answer is what came back for a request.
type answer struct {
	status int
	body   []byte        // its beginning
	after  time.Duration // not to be asked before; 0 if it does not say
	date   time.Time     // by the clock of the other side; zero if it does not say
}

// post sends a body, as JSON unless header says otherwise.
func post(ctx context.Context, client *http.Client, to string, header http.Header, body []byte) (answer, error) {
	return request(ctx, client, http.MethodPost, to, header, body)
}

// request makes one request. The error does not hold the address, which often is
// a secret.
func request(ctx context.Context, client *http.Client, method, to string, header http.Header, body []byte) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return answer{}, withoutURL(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("User-Agent", "intact")
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, withoutURL(err)
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, after: retryAfter(resp.Header.Get("Retry-After"))}
	// An answer that breaks off is judged by what came: the status decides, and
	// where the body does, half of it is no success.
	a.body, _ = io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		a.date = date
	}
	return a, nil
}

// withoutURL drops the address from an error of the HTTP client.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
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

// isHTTP reports whether s is an address that can be posted to.
func isHTTP(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}

// readSecret returns a secret that is given as value or as the name of its
// file; "" if neither is. What says whose it is.
func readSecret(what, value, file string) (string, error) {
	if file == "" {
		return value, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	s := string(bytes.TrimSpace(b))
	if s == "" {
		return "", fmt.Errorf("%s: %s is empty", what, file)
	}
	return s, nil
}

// checkSecret reports a secret under key that is given twice.
func checkSecret(report gateway.Report, key, value, file string) {
	if value != "" && file != "" {
		report(key+"_file", fmt.Sprintf("there are two of %s", key), fmt.Sprintf("keep %s or %s_file", key, key))
	}
}

func checkTimeout(report gateway.Report, timeout time.Duration) {
	if timeout < 0 || timeout > time.Minute {
		report("timeout", "the time for one attempt is out of bounds", "up to 1min; what fails is tried again")
	}
}
