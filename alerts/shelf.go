package alerts

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// The bounds of a shelf: none lasts for longer than a day and a night, so that
// what one shift has put aside the next one has to look at.
const (
	MinShelf = time.Minute
	MaxShelf = 24 * time.Hour
)

// What Shelve and Unshelve refuse.
var (
	ErrNoReason   = errors.New("a reason is needed: why may nobody be told?")
	ErrShelfTime  = errors.New("a shelf lasts from 1 minute to 24 hours")
	ErrNoSecond   = errors.New("lives hang on it: the name of a second person is needed")
	ErrNotShelved = errors.New("the alert is not shelved")
)

// Shelf is a person's word that nobody need be told of an alert for a while. The
// zero Shelf is none.
//
// It holds for the rule instance rather than for the one occurrence: what comes
// and goes is what people shelve. So an alert that is shelved stays in the book
// until its shelf ends, although it has returned and been acknowledged, and the
// next occurrence takes the shelf over. One that is worse than what the person
// had before them does not.
type Shelf struct {
	Since    gateway.Instant `json:"since"`
	Until    gateway.Instant `json:"until"`
	By       string          `json:"by"`
	Second   string          `json:"second,omitempty"` // where lives hang on it
	Reason   string          `json:"reason"`
	Severity rules.Severity  `json:"severity"` // of the alert when it was shelved
}

// Shelving is what a person says who shelves an alert.
type Shelving struct {
	By     string
	Second string // another person, for what TwoPersons names
	Reason string
	For    time.Duration // from MinShelf to MaxShelf
}

// Shelved reports whether a person has put the alert aside.
func (a Alert) Shelved() bool { return !a.Shelf.Until.IsZero() }

// TwoPersons reports whether a needs a second person to be shelved: it tells of a
// danger to life, or of a lift or fire system, or of the line of one.
func TwoPersons(site *gateway.Site, a Alert) bool {
	if f := site.Facility(a.Facility); a.Severity == rules.LifeSafety || f != nil && f.Class.LifeSafety() {
		return true
	}
	return slices.ContainsFunc(site.Facilities(), func(f gateway.Facility) bool {
		return f.Class.LifeSafety() && slices.Contains(f.Lines, a.Facility)
	})
}

// check says what is missing in s to shelve a.
func (s *Shelving) check(site *gateway.Site, a Alert) error {
	switch {
	case s.By == "":
		return ErrNoName
	case strings.TrimSpace(s.Reason) == "":
		return ErrNoReason
	case s.For < MinShelf || s.For > MaxShelf:
		return ErrShelfTime
	case TwoPersons(site, a) && (s.Second == "" || strings.EqualFold(s.Second, s.By)):
		return ErrNoSecond
	}
	return nil
}

// Shelve puts the open alert id on the shelf as s says, or anew if it is there:
// its rule instance is recorded as before, but nobody is told of it until the
// shelf ends. That somebody was told of the alert binds: of its end, too, people
// are told.
func (b *Book) Shelve(dst []Event, id ID, s Shelving, now gateway.Instant) ([]Event, error) {
	e := b.byID(id)
	if e == nil {
		return dst, fmt.Errorf("alert %d: %w", id, ErrNotFound)
	}
	if err := s.check(b.site, e.Alert); err != nil {
		return dst, fmt.Errorf("alert %d: %w", id, err)
	}
	e.Shelf = Shelf{Since: now, Until: now.Add(s.For), By: s.By, Second: s.Second, Reason: s.Reason, Severity: e.Severity}
	b.watch(e)
	by := s.By
	if s.Second != "" {
		by += ", " + s.Second
	}
	return b.note(dst, e, Shelved, by, now), nil
}

// Unshelve ends the shelf of the open alert id in the name of by.
func (b *Book) Unshelve(dst []Event, id ID, by string, now gateway.Instant) ([]Event, error) {
	e := b.byID(id)
	switch {
	case e == nil:
		return dst, fmt.Errorf("alert %d: %w", id, ErrNotFound)
	case by == "":
		return dst, fmt.Errorf("alert %d: %w", id, ErrNoName)
	case !e.Shelved():
		return dst, fmt.Errorf("alert %d: %w", id, ErrNotShelved)
	}
	return b.unshelve(dst, e, by, now), nil
}

// unshelve ends the shelf of e. What is still active speaks for itself; what has
// returned and waits for nobody leaves the book.
func (b *Book) unshelve(dst []Event, e *entry, by string, now gateway.Instant) []Event {
	e.Shelf = Shelf{}
	b.watch(e)
	if e.over() {
		e.Closed = now
		b.forget(e)
	}
	return b.note(dst, e, Unshelved, by, now)
}

// outgrow ends the shelf of an alert that is worse than when it was shelved.
func (b *Book) outgrow(dst []Event, e *entry, now gateway.Instant) []Event {
	if e.Shelved() && e.Severity > e.Shelf.Severity {
		return b.unshelve(dst, e, "", now)
	}
	return dst
}
