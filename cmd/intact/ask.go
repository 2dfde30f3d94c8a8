package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// askTimeout is how long a running gateway may take to answer.
const askTimeout = 10 * time.Second

// askAll reads a whole list of the API, page by page, into items.
func askAll[T any](ctx context.Context, base, list string, query url.Values, items *[]T) error {
	if query == nil {
		query = make(url.Values)
	}
	for {
		var page struct {
			Items []T     `json:"items"`
			Next  *string `json:"next"`
		}
		if _, err := ask(ctx, base+"/api/v1/"+list+"?"+query.Encode(), &page); err != nil {
			return fmt.Errorf("ask the running gateway: %w", err)
		}
		*items = append(*items, page.Items...)
		if page.Next == nil || *page.Next == "" {
			return nil
		}
		query.Set("cursor", *page.Next)
	}
}

// ask reads an answer into v, and returns the time at which it was given by the
// clock of who gave it: ages must not be told by another.
func ask(ctx context.Context, address string, v any) (date time.Time, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return date, err
	}
	showToken(req)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return date, err
	}
	defer resp.Body.Close()
	// /readyz says who it is also when it is not ready.
	if resp.StatusCode != http.StatusOK && !strings.HasSuffix(address, "/readyz") {
		return date, refusal(resp)
	}
	if date, err = http.ParseTime(resp.Header.Get("Date")); err != nil {
		date = time.Now()
	}
	return date, json.NewDecoder(io.LimitReader(resp.Body, mostAnswer)).Decode(v)
}

// tell sends an act to the gateway at base and reads its answer into v.
func tell(ctx context.Context, base, path string, act, v any) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	body, err := json.Marshal(act)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(base, "/")+"/api/v1/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	showToken(req)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return answered(resp, v)
}

// tokenVariable holds the token for a gateway with a login. It is no flag, which
// other users of the machine could read.
const tokenVariable = "INTACT_TOKEN"

// showToken lets req in where a login is needed.
func showToken(req *http.Request) {
	if token := os.Getenv(tokenVariable); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
}

// mostAnswer bounds what is read of a gateway.
const mostAnswer = 16 << 20

// answered reads the answer of a gateway into v.
func answered(resp *http.Response, v any) error {
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return refusal(resp)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, mostAnswer)).Decode(v)
}

// refusal returns what a gateway says that does not do as it was asked.
func refusal(resp *http.Response) error {
	var problem struct{ Detail, Hint string }
	_ = json.NewDecoder(io.LimitReader(resp.Body, mostAnswer)).Decode(&problem) // the status says enough without it
	said := cmp.Or(problem.Detail, resp.Request.URL.String()+": "+resp.Status)
	if problem.Hint != "" {
		said += " (" + problem.Hint + ")"
	}
	return errors.New(said)
}
