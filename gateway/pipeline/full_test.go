package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/store"
)

// roomy is a database that can be given more room.
type roomy struct{ db atomic.Pointer[store.DB] }

func (r *roomy) Commit(ctx context.Context, c ...store.Change) error {
	return r.db.Load().Commit(ctx, c...)
}

func (r *roomy) Due(ctx context.Context, to string, now gateway.Instant, limit int) ([]notify.Notice, gateway.Instant, error) {
	return r.db.Load().Due(ctx, to, now, limit)
}

func (r *roomy) Settle(ctx context.Context, o notify.Outcome) error {
	return r.db.Load().Settle(ctx, o)
}

// TestADatabaseThatIsFullLosesNothing holds the recorder against the real store
// at its bound.
func TestADatabaseThatIsFullLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "intact.db")
		db := &roomy{}
		open := func(pages int64) {
			if old := db.db.Load(); old != nil {
				if err := old.Close(); err != nil {
					t.Fatal(err)
				}
			}
			opened, err := store.Open(path, store.Options{MaxPages: pages})
			if err != nil {
				t.Fatal(err)
			}
			db.db.Store(opened)
		}
		open(60)
		padding := strings.Repeat("x", 3000)
		for db.Commit(t.Context(), store.Change{At: 1, Entries: []store.Entry{{Kind: padding}}}) == nil {
		}
		r := newRecorder(db, slog.New(slog.DiscardHandler), func(*Snapshot) {}, nil)
		ended := make(chan struct{})
		go func() { defer close(ended); r.run() }()

		alarm := say("alarm "+padding, notify.Notice{Key: "k", Receiver: "desk", Alert: 1})
		if err := <-ask(r, alarm); !errors.Is(err, ErrNotWritten) || !strings.Contains(err.Error(), "free space") {
			t.Errorf("an act is answered with %v", err)
		}
		r.put(&step{change: store.Change{At: 2}}) // a heartbeat, which may still fit
		time.Sleep(3 * retryEvery)
		synctest.Wait()
		if due, _, err := r.outbox.Due(t.Context(), "desk", 2, 10); len(due) != 1 || err != nil {
			t.Errorf("%d notices go out, %v", len(due), err)
		}
		if r.failing() == "" || r.lost.Load() != 0 {
			t.Errorf("failing %q, %d lost", r.failing(), r.lost.Load())
		}
		if err := r.outbox.Settle(t.Context(), notify.Outcome{Key: "k", At: 3}); err != nil {
			t.Error(err)
		}

		open(600)
		time.Sleep(3 * retryEvery)
		r.close()
		<-ended
		rows, err := db.db.Load().Journal(t.Context(), 0, 1000)
		if err != nil || !strings.HasPrefix(rows[len(rows)-1].Kind, "alarm") || r.failing() != "" {
			t.Errorf("with more room the last of %d rows is %.10q, failing %q, %v", len(rows), rows[len(rows)-1].Kind, r.failing(), err)
		}
		if due, _, err := db.Due(t.Context(), "desk", 5, 10); len(due) != 0 || err != nil {
			t.Errorf("what was sent from memory is sent again: %v, %v", due, err)
		}
		if err := db.db.Load().Close(); err != nil {
			t.Error(err)
		}
	})
}
