package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Phone is a gateway for short messages or for calls that is spoken to by HTTP:
// that of a provider, or a box with a SIM card in the same cabinet. Each number
// has a request of its own.
type Phone struct {
	URL       string            `yaml:"url,required"`
	Type      string            `yaml:"type"` // of the body: json (default) or form
	Template  string            `yaml:"template,required"`
	Headers   map[string]string `yaml:"headers"`
	To        []string          `yaml:"to"`           // numbers; of people of the roster their mobiles
	Token     string            `yaml:"token,secret"` // what {token} stands for
	TokenFile string            `yaml:"token_file,file"`
	Expect    Expect            `yaml:"expect"`
	Timeout   time.Duration     `yaml:"timeout"` // of one attempt; default 10s
}

const (
	jsonBody = "json"
	formBody = "form"
)

// phoneLimits are our own: providers block numbers that get more, and nobody can
// take more calls.
var phoneLimits = limits{perMinute: 10, muted: time.Minute}

// The longest texts in characters: one short message, and what providers take
// for a variable of an approved text.
const (
	smsLimit      = 70
	variableLimit = 20
)

// The words in braces that a template may hold.
var placeholders = []string{"to", "text", "site", "facility", "alert", "ticket", "link", "token", "key"}

var placeholder = regexp.MustCompile(`\{([a-z_]+)\}`)

var phoneNumber = regexp.MustCompile(`^\+?[0-9][0-9 -]{2,19}$`)

func (p *Phone) validate(report gateway.Report) {
	if !isHTTP(p.URL) {
		report("url", "this is no address of an HTTP gateway", "http or https, such as https://sms.example.com/send")
	}
	if types := []string{jsonBody, formBody}; p.Type != "" && !slices.Contains(types, p.Type) {
		report("type", fmt.Sprintf("unknown type %q", p.Type), suggest(p.Type, types))
	}
	p.validateTemplates(report)
	if len(p.To) == 0 {
		report("to", "the message goes to nobody", "name one or more telephone numbers")
	}
	for i, to := range p.To {
		if !phoneNumber.MatchString(to) {
			report(fmt.Sprintf("to[%d]", i), fmt.Sprintf("%q is not a telephone number", to), "digits, such as 13800000000 or +8613800000000")
		}
	}
	checkSecret(report, "token", p.Token, p.TokenFile)
	p.Expect.validate(report)
	checkTimeout(report, p.Timeout)
}

func (p *Phone) validateTemplates(report gateway.Report) {
	known := true
	check := func(path, text string) {
		for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(placeholders, m[1]) {
				known = false
				report(path, fmt.Sprintf("nothing is known that {%s} could stand for", m[1]), suggest(m[1], placeholders))
			}
			if m[1] == "token" && p.Token == "" && p.TokenFile == "" {
				report(path, "there is no token that {token} could stand for", "name a file that holds it: token_file")
			}
		}
	}
	check("template", p.Template)
	for _, k := range slices.Sorted(maps.Keys(p.Headers)) {
		check("headers."+k, p.Headers[k])
	}
	sample := func(string) string { return `a "b"` }
	if known && cmp.Or(p.Type, jsonBody) == jsonBody && !json.Valid([]byte(fillIn(p.Template, escapeJSON, sample))) {
		report("template", "the template does not make JSON", `such as {"phone": "{to}", "content": "{text}"}, or say type: form`)
	}
}

// phone tells people by short messages or calls.
type phone struct {
	Phone
	token  string
	client *http.Client
}

func newPhone(c Phone, d dial) (*phone, error) {
	token, err := readSecret("token of the gateway for telephones", c.Token, c.TokenFile)
	if err != nil {
		return nil, err
	}
	return &phone{Phone: c, token: token, client: newClient(c.Timeout, d)}, nil
}

// tell makes a request for each number. What one of them was refused for must
// not keep it from the others.
func (p *phone) tell(ctx context.Context, c card) error {
	var bad []error
	for _, to := range p.To {
		if err := p.request(ctx, to, c); err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", to, err))
		}
	}
	switch len(bad) {
	case 0:
		return nil
	case len(p.To):
		return bad[0]
	default:
		return &Caveat{fmt.Errorf("the message was taken, but not for %w", errors.Join(bad...))}
	}
}

func (p *phone) request(ctx context.Context, to string, c card) error {
	value := func(name string) string {
		switch name {
		case "to":
			return to
		case "token":
			return p.token
		case "key":
			return c.key
		case "link":
			return cmp.Or(c.brief.link, "-") // whole or not at all
		case "text":
			return shorten(c.brief.text, smsLimit)
		default:
			// A provider refuses a variable that is empty or long.
			return shorten(cmp.Or(c.brief.variable(name), "-"), variableLimit)
		}
	}
	escape, contentType := escapeJSON, "application/json"
	if p.Type == formBody {
		escape, contentType = url.QueryEscape, "application/x-www-form-urlencoded"
	}
	header := http.Header{"Content-Type": {contentType}, "Idempotency-Key": {c.key + "/" + to}}
	for k, v := range p.Headers {
		header.Set(k, fillIn(v, oneLine, value))
	}
	a, err := post(ctx, p.client, p.URL, header, []byte(fillIn(p.Template, escape, value)))
	if err != nil {
		return fmt.Errorf("telephone gateway: %w", err)
	}
	if a.status/100 != 2 {
		return p.withoutToken(&Refusal{Status: a.status, Body: beginning(a.body), After: a.after, Throttled: a.status == http.StatusTooManyRequests})
	}
	return p.withoutToken(p.Expect.check(a))
}

// withoutToken takes our token out of what was answered: some gateways repeat
// the request.
func (p *phone) withoutToken(err error) error {
	if r, ok := errors.AsType[*Refusal](err); ok && p.token != "" {
		r.Body = strings.ReplaceAll(r.Body, p.token, "…")
	}
	return err
}

// Close lets go of the connection that is kept for the next message.
func (p *phone) Close() error {
	p.client.CloseIdleConnections()
	return nil
}

// fillIn puts values into a template. Each is escaped, so that no name or note
// can become part of what is around it.
func fillIn(template string, escape, value func(string) string) string {
	return placeholder.ReplaceAllStringFunc(template, func(m string) string { return escape(value(m[1 : len(m)-1])) })
}

// escapeJSON returns s as it stands between the quotes of a JSON string.
func escapeJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	return string(b[1 : len(b)-1])
}

// oneLine keeps a value from ending its header.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// shorten cuts s to at most limit characters.
func shorten(s string, limit int) string {
	r := []rune(s)
	if len(r) <= limit {
		return s
	}
	return string(r[:limit-1]) + "…"
}
