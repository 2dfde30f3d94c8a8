package store_test

import (
	"fmt"
	"testing"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway/store"
)

// BenchmarkCommit writes changes of one journal row, alert, ticket and notice
// each. What the disk takes for a sync is most of a single one.
func BenchmarkCommit(b *testing.B) {
	for _, group := range []int{1, 100} {
		b.Run(fmt.Sprintf("changes=%d", group), func(b *testing.B) {
			db, _ := fresh(b)
			b.ReportAllocs()
			var id alerts.ID
			changes := make([]store.Change, group)
			for b.Loop() {
				for i := range changes {
					id++
					changes[i] = raise(id)
				}
				commit(b, db, changes...)
			}
			b.ReportMetric(float64(id)/b.Elapsed().Seconds(), "changes/s")
		})
	}
}

// BenchmarkOutbox takes a notice out of a long queue and settles it.
func BenchmarkOutbox(b *testing.B) {
	db, _ := fresh(b)
	b.ReportAllocs()
	var id alerts.ID
	var waiting []notify.Notice
	for b.Loop() {
		if len(waiting) == 0 {
			b.StopTimer()
			changes := make([]store.Change, 5000)
			for i := range changes {
				id++
				changes[i] = raise(id)
			}
			commit(b, db, changes...)
			b.StartTimer()
			var err error
			if waiting, _, err = db.Due(b.Context(), "desk", morning, 100); err != nil {
				b.Fatal(err)
			}
		}
		if err := db.Settle(b.Context(), notify.Outcome{Key: waiting[0].Key, At: morning}); err != nil {
			b.Fatal(err)
		}
		waiting = waiting[1:]
	}
}
