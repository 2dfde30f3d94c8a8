package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
)

// askTimeout is how long a running gateway may take to answer.
const askTimeout = 10 * time.Second

// livePoint is a point as the API tells it.
type livePoint struct {
	Name    string     `json:"name"`
	Value   *float64   `json:"value"`
	Unit    string     `json:"unit"`
	State   string     `json:"state"`
	Quality string     `json:"quality"`
	Reason  string     `json:"reason"`
	Time    *time.Time `json:"time"`
}

// liveAlert is an open alert as the API tells it.
type liveAlert struct {
	ID         int64              `json:"id"`
	Facility   gateway.FacilityID `json:"facility"`
	Rule       string             `json:"rule"`
	Severity   string             `json:"severity"`
	Condition  string             `json:"condition"`
	Stale      bool               `json:"stale"`
	Acked      bool               `json:"acked"`
	Started    *time.Time         `json:"started"`
	Suppressed bool               `json:"suppressed"`
	Cause      *int64             `json:"cause"`
}

// askLive asks the gateway at base how what e explains stands now: the values
// of its points, and the alert of a rule.
func askLive(ctx context.Context, base string, e *configs.Explanation) (configs.ExplainSection, error) {
	s := configs.ExplainSection{Title: gateway.Text{ZH: "当前", EN: "now"}}
	facility, rule, _ := strings.Cut(e.Name, "/")
	var points []livePoint
	if err := askAll(ctx, base, "points", url.Values{"facility": {facility}}, &points); err != nil {
		return s, err
	}
	for _, p := range points {
		if slices.Contains(e.Points, p.Name) {
			add(&s, p.Name, p.Name, p.text(time.Now()))
		}
	}
	if e.Kind != "rule" {
		return s, nil
	}
	rule, _, _ = strings.Cut(rule, "/")
	var alerts []liveAlert
	if err := askAll(ctx, base, "alerts", nil, &alerts); err != nil {
		return s, err
	}
	open := false
	for _, a := range alerts {
		if string(a.Facility) == facility && a.Rule == rule {
			open = true
			add(&s, "告警", "alert", a.text())
		}
	}
	if !open {
		s.Facts = append(s.Facts, configs.Fact{Label: gateway.Text{ZH: "告警", EN: "alert"}, Value: gateway.Text{ZH: "无", EN: "none"}})
	}
	return s, nil
}

func add(s *configs.ExplainSection, zh, en, value string) {
	s.Facts = append(s.Facts, configs.Fact{Label: gateway.Text{ZH: zh, EN: en}, Value: gateway.Text{ZH: value, EN: value}})
}

// text says the value with its quality and age. A bad one is never a number.
func (p *livePoint) text(now time.Time) string {
	parts := []string{p.Quality}
	if p.Value != nil {
		number := strconv.FormatFloat(*p.Value, 'g', 6, 64)
		parts = []string{strings.TrimSpace(number + " " + p.Unit), p.State, p.Quality}
	}
	if p.Reason != "" {
		parts = append(parts, "("+p.Reason+")")
	}
	if p.Time != nil {
		parts = append(parts, p.Time.Format("15:04:05"), "-"+now.Sub(*p.Time).Round(time.Second).String())
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "  ")
}

// text says how an alert stands, and what hides it.
func (a *liveAlert) text() string {
	parts := []string{fmt.Sprintf("#%d", a.ID), a.Condition, a.Severity}
	if a.Stale {
		parts = append(parts, "stale")
	}
	if a.Acked {
		parts = append(parts, "acked")
	}
	if a.Suppressed && a.Cause != nil {
		parts = append(parts, fmt.Sprintf("suppressed by #%d", *a.Cause))
	}
	if a.Started != nil {
		parts = append(parts, a.Started.Format("2006-01-02 15:04:05"))
	}
	return strings.Join(parts, "  ")
}

// askAll reads a whole list of the API, page by page, into items.
func askAll[T any](ctx context.Context, base, list string, query url.Values, items *[]T) error {
	if query == nil {
		query = make(url.Values)
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	for {
		var page struct {
			Items []T     `json:"items"`
			Next  *string `json:"next"`
		}
		if err := ask(ctx, strings.TrimSuffix(base, "/")+"/api/v1/"+list+"?"+query.Encode(), &page); err != nil {
			return fmt.Errorf("ask the running gateway: %w", err)
		}
		*items = append(*items, page.Items...)
		if page.Next == nil || *page.Next == "" {
			return nil
		}
		query.Set("cursor", *page.Next)
	}
}

func ask(ctx context.Context, address string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	const most = 16 << 20
	body := io.LimitReader(resp.Body, most)
	if resp.StatusCode != http.StatusOK {
		var problem struct{ Title, Detail string }
		_ = json.NewDecoder(body).Decode(&problem) // the status says enough without it
		return fmt.Errorf("%s: %s %s", address, resp.Status, problem.Detail)
	}
	return json.NewDecoder(body).Decode(v)
}
