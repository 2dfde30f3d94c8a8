package recording

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/intact-gateway/intact/gateway"
)

// table reads CSV in either of its two forms.
type table struct {
	csv *csv.Reader
	// Of the narrow form: where its columns are, -1 for no quality.
	time, point, value, quality int
	// Of the wide form: the point of each column, NoPoint for one that is
	// passed over and for the time. Nil for the narrow form.
	columns []gateway.PointRef
}

// separators are what columns are divided by, the most likely first.
const separators = ",;\t"

// newCSV reads the line with the names of the columns.
func (r *Reader) newCSV(in *bufio.Reader) (form, error) {
	line, _ := in.Peek(in.Size()) // what cannot be read will be told in its place
	head, _, _ := strings.Cut(string(line), "\n")
	t := &table{csv: csv.NewReader(in)}
	for _, s := range separators {
		if strings.ContainsRune(head, s) {
			t.csv.Comma = s
			break
		}
	}
	t.csv.ReuseRecord = true
	names, err := t.csv.Read()
	if err != nil {
		return nil, r.broken(err)
	}
	names = slices.Clone(names)
	column := func(name string) int {
		return slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(strings.TrimSpace(n), name) })
	}
	t.time, t.point, t.value, t.quality = column("time"), column("point"), column("value"), column("quality")
	switch {
	case t.time < 0:
		return nil, r.fail(place{1, 1}, "no column is called time", "the first line names the columns: time,point,value,quality, or time and one column for each point")
	case t.point < 0 && t.value < 0:
		return t, r.wide(t, names)
	case t.point < 0 || t.value < 0:
		return nil, r.fail(place{1, 1}, "a column is missing", "time, point and value; quality may be left out")
	}
	for i, n := range names {
		if i != t.time && i != t.point && i != t.value && i != t.quality {
			return nil, r.fail(t.at(i), fmt.Sprintf("unknown column %q", n), "time, point, value and quality")
		}
	}
	return t, nil
}

// wide finds the points that columns are named after.
func (r *Reader) wide(t *table, names []string) error {
	t.columns = make([]gateway.PointRef, len(names))
	for i, name := range names {
		t.columns[i] = gateway.NoPoint
		if i == t.time {
			continue
		}
		var err error
		if t.columns[i], err = r.point(strings.TrimSpace(name), t.at(i)); err != nil {
			return err
		}
		if before := slices.Index(t.columns[:i], t.columns[i]); before >= 0 && t.columns[i] != gateway.NoPoint {
			return r.fail(t.at(i), fmt.Sprintf("column %q is there twice", name), "keep one of them")
		}
	}
	return nil
}

// at returns where the column i of the line that was read last begins.
func (t *table) at(i int) place {
	line, col := t.csv.FieldPos(i)
	return place{line, col}
}

// broken turns what the CSV reader says into an error with its place.
func (r *Reader) broken(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	if p, ok := errors.AsType[*csv.ParseError](err); ok {
		return r.fail(place{p.Line, max(p.Column, 1)}, p.Err.Error(), "every line has the columns of the first")
	}
	return fmt.Errorf("%s: %w", r.file, err)
}

func (t *table) next(r *Reader, dst []gateway.Sample) ([]gateway.Sample, gateway.Instant, place, error) {
	fields, err := t.csv.Read()
	if err != nil {
		return nil, 0, place{}, r.broken(err)
	}
	where := t.at(t.time)
	at, err := r.time(strings.TrimSpace(fields[t.time]), where)
	if err != nil {
		return nil, 0, where, err
	}
	if t.columns != nil {
		dst, err = t.row(r, dst, fields, at)
		return dst, at, where, err
	}
	ref, err := r.point(strings.TrimSpace(fields[t.point]), t.at(t.point))
	if err != nil || ref == gateway.NoPoint {
		return dst, at, where, err
	}
	quality, atQuality := "", place{}
	if t.quality >= 0 {
		quality, atQuality = strings.TrimSpace(fields[t.quality]), t.at(t.quality)
	}
	s, err := r.sample(ref, at, strings.TrimSpace(fields[t.value]), quality, t.at(t.value), atQuality)
	return append(dst, s), at, where, err
}

// row takes a line of the wide form.
func (t *table) row(r *Reader, dst []gateway.Sample, fields []string, at gateway.Instant) ([]gateway.Sample, error) {
	for i, ref := range t.columns {
		text := strings.TrimSpace(fields[i])
		if ref == gateway.NoPoint || text == "" {
			continue
		}
		s, err := r.sample(ref, at, text, "", t.at(i), place{})
		if err != nil {
			return nil, err
		}
		dst = append(dst, s)
	}
	return dst, nil
}
