package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// Alertmanager is Prometheus' Alertmanager, told by its API v2.
type Alertmanager struct {
	URL       string        `yaml:"url,required"` // without /api/v2/alerts
	Token     string        `yaml:"token,secret"` // sent as a bearer token
	TokenFile string        `yaml:"token_file,file"`
	Timeout   time.Duration `yaml:"timeout"` // of one attempt; default 10s
}

func (a *Alertmanager) validate(report gateway.Report) {
	if !isHTTP(a.URL) {
		report("url", "this is no address of an Alertmanager", "such as http://127.0.0.1:9093")
	} else if strings.Contains(a.URL, "/api/") {
		report("url", "the address goes on into the API", "leave out what begins with /api/")
	}
	checkSecret(report, "token", a.Token, a.TokenFile)
	checkTimeout(report, a.Timeout)
}

// untilTold is how long an alert is said to last. Alertmanager takes one that is
// not sent again for resolved after five minutes; we send it once and say when it
// ends.
const untilTold = 365 * 24 * time.Hour

// alertmanager posts alerts. There is one of its alerts for each severity of a
// rule on a point, because labels tell alerts apart: what is not, or no longer,
// the severity is said to have ended.
type alertmanager struct {
	url    string
	header http.Header
	to     audience
	client *http.Client
}

func newAlertmanager(c Alertmanager, to audience, d dial) (*alertmanager, error) {
	token, err := readSecret("token of the Alertmanager", c.Token, c.TokenFile)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	return &alertmanager{url: strings.TrimRight(c.URL, "/") + "/api/v2/", header: header, to: to, client: newClient(c.Timeout, d)}, nil
}

// postableAlert is what its API takes.
type postableAlert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    string            `json:"startsAt"`
	EndsAt      string            `json:"endsAt"`
}

// Notify implements Notifier.
func (a *alertmanager) Notify(ctx context.Context, n Notice) error {
	var m Message
	if err := json.Unmarshal(n.Body, &m); err != nil {
		return fmt.Errorf("notice %s cannot be read: %w", n.Key, err)
	}
	at, err := time.Parse(time.RFC3339Nano, m.At)
	if err != nil {
		return fmt.Errorf("notice %s cannot be read: %w", n.Key, err)
	}
	// Of two ends of an alert, Alertmanager keeps the later as long as it has not
	// come. An end ahead of its clock would leave the alert to its far end: what
	// ends, ends by its clock.
	status, err := a.ask(ctx, http.MethodGet, "status", nil)
	if err != nil {
		return err
	}
	end := at
	if !status.date.IsZero() && status.date.Before(end) {
		end = status.date.In(at.Location())
	}
	body, err := json.Marshal(a.alerts(m, n.Alert, at, end))
	if err != nil {
		return fmt.Errorf("alertmanager: %w", err)
	}
	_, err = a.ask(ctx, http.MethodPost, "alerts", body)
	return err
}

// ask calls the API. An answer that is not 2xx is a Refusal.
func (a *alertmanager) ask(ctx context.Context, method, path string, body []byte) (answer, error) {
	got, err := request(ctx, a.client, method, a.url+path, a.header, body)
	if err != nil {
		return answer{}, fmt.Errorf("alertmanager: %w", err)
	}
	if got.status/100 != 2 {
		return answer{}, &Refusal{Vendor: "Alertmanager", Status: got.status, Body: beginning(got.body), After: got.after}
	}
	return got, nil
}

// alerts returns what a message says of the alert at each severity. What is not
// so ends at end.
func (a *alertmanager) alerts(m Message, id alerts.ID, at, end time.Time) []postableAlert {
	format := func(t time.Time) string { return t.Format(time.RFC3339Nano) }
	starts := end
	if m.Alert.Started != nil {
		if t, err := time.Parse(time.RFC3339Nano, *m.Alert.Started); err == nil && t.Before(end) {
			starts = t
		}
	}
	over := m.Event == eventReturned || m.Event == eventWithdrawn || m.Alert.Condition == condition(rules.Normal)
	var list []postableAlert
	for s := rules.Info; s <= rules.LifeSafety; s++ {
		p := postableAlert{Labels: a.labels(m, s), Annotations: a.annotations(m, id), StartsAt: format(starts), EndsAt: format(end)}
		switch {
		case m.Event == eventTest && s != rules.Info:
			continue
		case m.Event == eventTest:
			p.EndsAt = format(at.Add(time.Minute))
		case s == m.Alert.Severity && !over:
			p.EndsAt = format(at.Add(untilTold))
		}
		list = append(list, p)
	}
	return list
}

// labels tell one alert from another: a rule that lists points has one for each of
// them on the same facility. An empty label would be refused.
func (a *alertmanager) labels(m Message, s rules.Severity) map[string]string {
	labels := map[string]string{
		"alertname": m.Alert.Rule, "site": m.Site, "facility": string(m.Alert.Facility),
		"class": string(m.Alert.Class), "building": m.Alert.Building, "point": string(m.Alert.Point), "severity": s.String(),
	}
	if m.Event == eventTest {
		labels["alertname"] = "intact_test"
	}
	for k, v := range labels {
		if v == "" {
			delete(labels, k)
		}
	}
	return labels
}

func (a *alertmanager) annotations(m Message, id alerts.ID) map[string]string {
	notes := map[string]string{"summary": m.Headline.In(a.to.language), "description": m.Text.In(a.to.language), "alert_id": fmt.Sprint(id)}
	if m.Alert.Value != nil {
		notes["value"] = strconv.FormatFloat(*m.Alert.Value, 'f', -1, 64)
	}
	if m.Ticket != nil {
		notes["ticket"] = m.Ticket.Number
	}
	return notes
}

// Close lets go of the connection that is kept for the next notice.
func (a *alertmanager) Close() error {
	a.client.CloseIdleConnections()
	return nil
}
