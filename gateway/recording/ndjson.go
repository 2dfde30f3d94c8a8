package recording

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/intact-gateway/intact/gateway"
)

// longestLine bounds what one line of NDJSON may take.
const longestLine = 1 << 20

// ndjson reads one JSON object from each line.
type ndjson struct {
	lines *bufio.Scanner
	line  int
}

func newNDJSON(in io.Reader) *ndjson {
	n := &ndjson{lines: bufio.NewScanner(in)}
	n.lines.Buffer(nil, longestLine)
	return n
}

// row is a line as it is written. Time and value may be numbers or text.
type row struct {
	Time    word   `json:"time"`
	Point   string `json:"point"`
	Value   word   `json:"value"`
	Quality string `json:"quality"`
}

// word is a plain JSON value as text, "" for null.
type word string

// UnmarshalJSON takes text without its quotes and everything else as it is.
func (w *word) UnmarshalJSON(b []byte) error {
	switch {
	case len(b) > 0 && b[0] == '"':
		return json.Unmarshal(b, (*string)(w))
	case len(b) > 0 && (b[0] == '{' || b[0] == '['):
		return errors.New("want one value")
	case string(b) == "null":
		*w = ""
	default:
		*w = word(b)
	}
	return nil
}

func (n *ndjson) next(r *Reader, dst []gateway.Sample) ([]gateway.Sample, gateway.Instant, place, error) {
	text, err := n.read(r)
	if err != nil {
		return nil, 0, place{}, err
	}
	where := place{n.line, 1}
	var w row
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&w); err != nil {
		return nil, 0, where, r.fail(where, err.Error(), `such as {"time":"2026-03-10T09:12:00+08:00","point":"pump-1/run","value":1}`)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, 0, where, r.fail(where, "something stands behind the object", "write each object on a line of its own")
	}
	at, err := r.time(string(w.Time), where)
	if err != nil {
		return nil, 0, where, err
	}
	ref, err := r.point(w.Point, where)
	if err != nil || ref == gateway.NoPoint {
		return dst, at, where, err
	}
	s, err := r.sample(ref, at, string(w.Value), w.Quality, where, where)
	return append(dst, s), at, where, err
}

// read returns the next line that is not empty.
func (n *ndjson) read(r *Reader) ([]byte, error) {
	for n.lines.Scan() {
		n.line++
		if text := bytes.TrimSpace(n.lines.Bytes()); len(text) > 0 {
			return text, nil
		}
	}
	switch err := n.lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, r.fail(place{n.line + 1, 1}, fmt.Sprintf("the line is longer than %d bytes", longestLine), "write each object on a line of its own")
	case err != nil:
		return nil, fmt.Errorf("%s: %w", r.file, err)
	}
	return nil, io.EOF
}
