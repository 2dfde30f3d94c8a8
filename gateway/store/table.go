package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// column binds a column of a table to a field of a row, for writing as well as
// for reading. Field is a pointer, or one of the adapters below.
type column struct {
	name  string
	field any
}

// table is where rows of type T are kept. Its SQL is made from the columns, so
// that a column cannot be written and forgotten in reading.
type table[T any] struct {
	name    string
	columns func(*T) []column
}

func (t table[T]) names() []string {
	var names []string
	for _, c := range t.columns(new(T)) {
		names = append(names, `"`+c.name+`"`)
	}
	return names
}

func (t table[T]) insert() string {
	names := t.names()
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (?%s)", t.name, strings.Join(names, ","), strings.Repeat(",?", len(names)-1))
}

// orUpdate makes an insert replace the row with the same id.
func (t table[T]) orUpdate() string {
	var sets []string
	for _, n := range t.names() {
		sets = append(sets, n+"=excluded."+n)
	}
	return " ON CONFLICT (id) DO UPDATE SET " + strings.Join(sets, ",")
}

// put runs the statement that was prepared from insert for row.
func (t table[T]) put(ctx context.Context, tx *sql.Tx, stmt *sql.Stmt, row *T) error {
	if _, err := tx.StmtContext(ctx, stmt).ExecContext(ctx, t.fields(row)...); err != nil {
		return fmt.Errorf("write %s: %w", t.name, err)
	}
	return nil
}

// read returns the rows that the rest of a SELECT, from WHERE on, asks for.
func (t table[T]) read(ctx context.Context, db *sql.DB, where string, args ...any) ([]T, error) {
	var found []T
	if err := t.each(ctx, db, func(row *T) { found = append(found, *row) }, where, args...); err != nil {
		return nil, err
	}
	return found, nil
}

// each calls do with one row after the other of those that read would return.
// The row is the same place each time.
func (t table[T]) each(ctx context.Context, db *sql.DB, do func(*T), where string, args ...any) error {
	rows, err := db.QueryContext(ctx, "SELECT "+strings.Join(t.names(), ",")+" FROM "+t.name+" "+where, args...)
	if err != nil {
		return fmt.Errorf("read %s: %w", t.name, explain(err))
	}
	defer rows.Close()
	var row, empty T
	fields := t.fields(&row)
	for rows.Next() {
		row = empty
		if err := rows.Scan(fields...); err != nil {
			return fmt.Errorf("read %s: %w", t.name, explain(err))
		}
		do(&row)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read %s: %w", t.name, explain(err))
	}
	return nil
}

func (t table[T]) fields(row *T) []any {
	columns := t.columns(row)
	fields := make([]any, len(columns))
	for i, c := range columns {
		fields[i] = c.field
	}
	return fields
}

// measured keeps a number that may be unknown: NaN is NULL.
type measured struct{ field *float64 }

func (m measured) Value() (driver.Value, error) {
	if math.IsNaN(*m.field) {
		return nil, nil
	}
	return *m.field, nil
}

func (m measured) Scan(src any) error {
	var v sql.NullFloat64
	err := v.Scan(src)
	if *m.field = v.Float64; !v.Valid {
		*m.field = math.NaN()
	}
	return err
}

// named keeps one of several named values by its name.
type named struct {
	field interface {
		encoding.TextMarshaler
		encoding.TextUnmarshaler
	}
}

func (n named) Value() (driver.Value, error) {
	b, err := n.field.MarshalText()
	return string(b), err
}

func (n named) Scan(src any) error {
	var s sql.NullString
	if err := s.Scan(src); err != nil {
		return err
	}
	return n.field.UnmarshalText([]byte(s.String))
}

// list keeps a list as a JSON array; an empty one is "".
type list[T any] struct{ field *[]T }

func (l list[T]) Value() (driver.Value, error) {
	if len(*l.field) == 0 {
		return "", nil
	}
	b, err := json.Marshal(*l.field)
	return string(b), err
}

func (l list[T]) Scan(src any) error {
	var s sql.NullString
	if err := s.Scan(src); err != nil || s.String == "" {
		*l.field = nil
		return err
	}
	return json.Unmarshal([]byte(s.String), l.field)
}

// raw keeps bytes as text, so that people can read them in the file; no bytes
// are "".
type raw struct{ field *[]byte }

func (r raw) Value() (driver.Value, error) { return string(*r.field), nil }

func (r raw) Scan(src any) error {
	var s sql.NullString
	if err := s.Scan(src); err != nil || s.String == "" {
		*r.field = nil
		return err
	}
	*r.field = []byte(s.String)
	return nil
}
