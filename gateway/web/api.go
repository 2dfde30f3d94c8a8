package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// How many items a list answers with.
const (
	defaultLimit = 1000
	maxLimit     = 5000
)

// list is the answer of every list route. Next is given back as ?cursor= for
// the items that follow; null if there are none.
type list[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

// window is the part of a list that a request asks for.
type window struct {
	after int64 // the cursor: what the last item of the previous part was numbered
	limit int
}

// windowOf reads ?cursor= and ?limit=. Both are refused rather than mended when
// they make no sense: a client that loops over pages must not loop for ever.
func windowOf(r *http.Request) (window, error) {
	w := window{limit: defaultLimit}
	q := r.URL.Query()
	if c := q.Get("cursor"); c != "" {
		n, err := strconv.ParseInt(c, 10, 64)
		if err != nil || n < 0 {
			return w, badQuery("cursor", c, "give back the next of the previous answer")
		}
		w.after = n
	}
	if l := q.Get("limit"); l != "" {
		n, err := strconv.Atoi(l)
		if err != nil || n < 1 || n > maxLimit {
			return w, badQuery("limit", l, fmt.Sprintf("a number from 1 to %d", maxLimit))
		}
		w.limit = n
	}
	return w, nil
}

// slice answers the part w of items that are numbered by their place, each made
// by view.
func slice[T, V any](w window, items []T, view func(int, T) V) list[V] {
	from := int(min(w.after, int64(len(items))))
	to := min(from+w.limit, len(items))
	l := list[V]{Items: make([]V, 0, to-from)}
	for i := from; i < to; i++ {
		l.Items = append(l.Items, view(i, items[i]))
	}
	if to < len(items) {
		l.Next = new(strconv.Itoa(to))
	}
	return l
}

// badQuery refuses one query parameter; hint says what it may be.
func badQuery(name, value, hint string) *problem {
	return newProblem(http.StatusBadRequest, "bad_"+name, fmt.Sprintf("%s=%q is not understood", name, value), hint)
}

// idOf reads the number of an alert or a ticket from the path.
func idOf(r *http.Request) (int64, error) {
	n, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || n < 1 {
		return 0, newProblem(http.StatusBadRequest, "bad_id", fmt.Sprintf("%q is not an id", r.PathValue("id")), "ids are whole numbers from 1")
	}
	return n, nil
}

// decode reads the JSON body of an act. Unknown keys are refused: a misspelt
// "force" must not be taken for none.
func decode(r *http.Request, into any) error {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return newProblem(http.StatusUnsupportedMediaType, "not_json", "the body must be application/json", "set Content-Type: application/json")
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, end := d.Token(); errors.Is(end, io.EOF) {
			return nil
		}
		err = errors.New("more than one JSON value")
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return err
	}
	return newProblem(http.StatusBadRequest, "bad_body", "the body cannot be read: "+strings.TrimPrefix(err.Error(), "json: "), "")
}

// named returns the trimmed name of who acts. Nobody acts without a name.
func named(by string) (string, error) {
	by = strings.TrimSpace(by)
	if by == "" {
		return "", newProblem(http.StatusUnprocessableEntity, "name_required", "it is not said who acts", "give the person's name as by")
	}
	if len(by) > maxName {
		return "", newProblem(http.StatusUnprocessableEntity, "name_too_long", "the name is too long", fmt.Sprintf("at most %d bytes", maxName))
	}
	return by, nil
}

// maxName bounds a person's name in bytes.
const maxName = 120

// when returns i in the zone loc, or nil, which is null in JSON, if not set.
func when(i gateway.Instant, loc *time.Location) *time.Time {
	if i.IsZero() {
		return nil
	}
	return new(i.In(loc))
}

// number returns v, or nil, which is null in JSON, if it is no finite number.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
