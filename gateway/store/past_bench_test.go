package store_test

import (
	"testing"

	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/store"
)

// BenchmarkLoadOfAFlappingFacility starts on half a million state events: a week
// of a facility that changes fifty times a minute.
func BenchmarkLoadOfAFlappingFacility(b *testing.B) {
	db, _ := fresh(b)
	const events = 500_000
	at := morning - events*1200
	for range events / 10_000 {
		var c store.Change
		for range 10_000 {
			at += 1200
			c.States = append(c.States, intact.Event{Facility: "lift-1", Recorded: at, Effective: at, Class: intact.Class(at / 1200 % 3), Cause: "door_fault"})
		}
		commit(b, db, c)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := db.Load(b.Context(), morning, shanghai); err != nil {
			b.Fatal(err)
		}
	}
}
