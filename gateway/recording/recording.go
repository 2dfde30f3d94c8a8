// Package recording reads samples that were recorded: by the gateway, or by
// anything that writes a table.
//
// There is one form, as CSV or as NDJSON, plain or packed with gzip:
//
//	time,point,value,quality
//	2026-03-10T09:12:00+08:00,meter-main/voltage.l1,231.4,good
//	1773105121000,pump-1/run,1,
//	2026-03-10T09:12:02+08:00,pump-1/run,,timeout
//
//	{"time":"2026-03-10T09:12:00+08:00","point":"pump-1/run","value":true}
//
// and for CSV a wide one, with the names of points in the first line and one
// column for each. An empty cell there means that nothing came.
//
// A time is RFC 3339 or milliseconds since 1970; without a zone it is by the
// clock of the site. A value is in the unit of its point, or the name of a state.
// A quality is a word of gateway.Quality, or bad; left out it is good.
//
// Reading is strict: what is not understood is an *Error with its place, and
// never a sample that was not recorded. It holds no more than a line of each
// file in memory.
package recording

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Options say what a recording is read for.
type Options struct {
	Site *gateway.Site
	// Foreign takes note of a point that the site does not have and returns
	// whether to pass it over; with nil, or if it returns false, it is a mistake.
	Foreign func(gateway.PointID) bool
	// Suggest returns a hint for a name that does not exist.
	Suggest func(word string, known []string) string
}

// Error is a mistake in a recording and where it is.
type Error struct {
	File      string
	Line, Col int
	Message   string
	Hint      string
}

// Error returns one line: "file:line:col: message (hint)".
func (e *Error) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Message)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Reader reads one file.
type Reader struct {
	file string
	o    Options
	form form
	last gateway.Instant // time of the line before
	left map[string]bool // points that were passed over
}

// form is how the lines of a file are written.
type form interface {
	// next appends the samples of the next line to dst. The time of the line is
	// returned with it, whether or not it holds a sample.
	next(r *Reader, dst []gateway.Sample) ([]gateway.Sample, gateway.Instant, place, error)
}

// place is a line and a column in it, from 1.
type place struct{ line, col int }

// NewReader begins to read a file that is called name in messages. Its first
// line, or whether it is packed, says which form it has.
func NewReader(name string, src io.Reader, o Options) (*Reader, error) {
	r := &Reader{file: name, o: o, left: make(map[string]bool)}
	in := bufio.NewReaderSize(src, 64<<10)
	if magic, _ := in.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("%s: unpack: %w", name, err)
		}
		in = bufio.NewReaderSize(unpacked, 64<<10)
	}
	const bom = "\ufeff" // spreadsheets put it in front
	if start, _ := in.Peek(len(bom)); string(start) == bom {
		_, _ = in.Discard(len(bom))
	}
	first, err := in.Peek(1)
	switch {
	case errors.Is(err, io.EOF):
		return nil, r.fail(place{1, 1}, "the file is empty", "it begins with a line such as time,point,value,quality")
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case first[0] == '{':
		r.form = newNDJSON(in)
	default:
		r.form, err = r.newCSV(in)
	}
	return r, err
}

// Next returns the samples of the next line that holds any, all of one time. The
// slice is good until the next call. The error is io.EOF at the end, or an
// *Error.
func (r *Reader) Next(dst []gateway.Sample) ([]gateway.Sample, error) {
	for {
		samples, at, where, err := r.form.next(r, dst)
		if err != nil {
			return nil, err
		}
		if at < r.last {
			return nil, r.fail(where, fmt.Sprintf("time goes back from %s to %s", r.clock(r.last), r.clock(at)), "sort the lines by time")
		}
		r.last = at
		if len(samples) > len(dst) {
			return samples, nil
		}
	}
}

func (r *Reader) clock(at gateway.Instant) string {
	return at.In(r.o.Site.Location).Format("2006-01-02T15:04:05.999Z07:00")
}

func (r *Reader) fail(at place, message, hint string) error {
	return &Error{File: r.file, Line: at.line, Col: at.col, Message: message, Hint: hint}
}

// point returns the point called name, NoPoint for one that is passed over.
func (r *Reader) point(name string, at place) (gateway.PointRef, error) {
	if ref, ok := r.o.Site.Lookup(gateway.PointID(name)); ok {
		return ref, nil
	}
	if r.left[name] {
		return gateway.NoPoint, nil
	}
	if r.o.Foreign != nil && r.o.Foreign(gateway.PointID(name)) {
		r.left[strings.Clone(name)] = true
		return gateway.NoPoint, nil
	}
	hint := "write facility/point"
	if r.o.Suggest != nil {
		if near := r.o.Suggest(name, r.neighbours(name)); near != "" {
			hint = near
		}
	}
	return 0, r.fail(at, fmt.Sprintf("the site has no point %q", name), hint)
}

// neighbours returns the points worth naming beside a name that does not exist:
// those of its facility, or all.
func (r *Reader) neighbours(name string) []string {
	var all, own []string
	facility, _, _ := strings.Cut(name, "/")
	for _, p := range r.o.Site.Points() {
		id := string(p.ID())
		all = append(all, id)
		if string(p.Facility) == facility {
			own = append(own, id)
		}
	}
	if own != nil {
		return own
	}
	return all
}

// zoneless are the times that people write by the clock on the wall.
var zoneless = []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006/1/2 15:04:05", "2006/1/2 15:04"}

// leastMillis is less than any time in milliseconds that anybody has recorded,
// and more than one in seconds.
const leastMillis = 100_000_000_000

func (r *Reader) time(text string, at place) (gateway.Instant, error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return gateway.InstantOf(t), nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n < leastMillis {
			return 0, r.fail(at, fmt.Sprintf("time %d is in 1973 or before", n), "milliseconds since 1970, not seconds")
		}
		return gateway.Instant(n), nil
	}
	for _, layout := range zoneless {
		if t, err := time.ParseInLocation(layout, text, r.o.Site.Location); err == nil {
			return gateway.InstantOf(t), nil
		}
	}
	return 0, r.fail(at, fmt.Sprintf("%q is no time", text), "such as 2026-03-10T09:12:00+08:00, or milliseconds since 1970")
}

// sample makes a sample of a value and a quality as they are written.
func (r *Reader) sample(ref gateway.PointRef, t gateway.Instant, value, quality string, atValue, atQuality place) (gateway.Sample, error) {
	s := gateway.Sample{Point: ref, Quality: gateway.Good, At: t}
	if quality != "" {
		var known bool
		if s.Quality, known = gateway.ParseQuality(quality); !known && quality == "bad" {
			s.Quality, known = gateway.BadNotAvailable, true // why is not recorded
		}
		if !known || s.Quality == gateway.NotSeen {
			return s, r.fail(atQuality, fmt.Sprintf("%q is no quality", quality), "good, uncertain, bad, or why it is bad, such as timeout")
		}
	}
	switch {
	case s.Quality.HasValue() && value == "":
		return s, r.fail(atValue, "the value is missing", "a sample without a value is bad: write why into the column quality, such as timeout")
	case !s.Quality.HasValue() && value != "":
		return s, r.fail(atValue, fmt.Sprintf("a sample of quality %s has no value", quality), "leave the value empty")
	case !s.Quality.HasValue():
		return s, nil
	}
	p := r.o.Site.Point(ref)
	var err error
	if s.Value, err = p.ParseValue(value); err != nil {
		return s, r.fail(atValue, err.Error(), want(p))
	}
	return s, nil
}

// want says what a value of p looks like.
func want(p *gateway.Point) string {
	switch p.Kind {
	case gateway.Discrete:
		return "0, 1, false or true"
	case gateway.Enum:
		var names []string
		for _, s := range p.States {
			names = append(names, s.Name)
		}
		slices.Sort(names)
		return "a number, or one of " + strings.Join(names, ", ")
	default:
		return "a number with a decimal point, such as 231.4"
	}
}
