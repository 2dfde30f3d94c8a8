package influx

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/telemetry/spool"
)

// live is the way of new samples, from the buffer to the server or to the spool:
//
//	buffer ─► in hand ─┬─ the server is well ─► on its way ─┬─ taken
//	                   │                                    ├─ fault ────────┐
//	                   │                                    └─ no answer yet ┤
//	                   └─ it is not, or has yet to answer an older parcel ───┴─► spool
//
// What the spool does not take stays in hand, and the rest in the buffer, until
// the server or the disk is well again.
type live struct {
	hand    *parcel // taken and not yet safe; nil for none
	flight  *parcel // on its way to the server; it may be the one in hand
	stored  spool.Place
	sending sync.WaitGroup
	late    <-chan time.Time // when the parcel in flight is stored if it is still in hand
	answers chan answer
	spare   []*parcel
	batch   []gateway.Sample // scratch
	gaps    []gap            // to be told of
	due     bool             // what waits is to be sent, be it a whole batch or not

	spoolAgain time.Time // when the disk is tried again after it failed
}

// Run writes what Export took, twice a second or as soon as a batch is full, until
// ctx ends. What is left then is sent or stored. It returns nil.
func (w *Writer) Run(ctx context.Context) error {
	defer w.idle()
	w.openSpool()
	var catching sync.WaitGroup
	catching.Go(func() { w.catchUp(ctx) })
	tick := time.NewTicker(flushPeriod)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			w.due = true
			w.openSpool()
			w.noteLosses()
		case <-w.full:
			w.due = true
		case <-w.late:
			w.late = nil
			w.store()
		case a := <-w.answers:
			w.land(ctx, a)
		}
		w.work(ctx)
	}
	if w.flight != nil {
		w.land(ctx, <-w.answers)
	}
	w.sending.Wait()
	catching.Wait()
	w.finish(ctx)
	return nil
}

// work moves on what waits, as far as that goes without waiting.
func (w *Writer) work(ctx context.Context) {
	for w.take() {
		switch {
		case w.hand == w.flight:
			if w.late != nil || !w.store() {
				return // its answer may still come
			}
		case w.flight == nil && w.gate.open():
			w.launch(ctx)
			return
		default:
			if !w.store() {
				return
			}
		}
	}
}

// take makes sure that there is a parcel in hand, unless nothing is due. What
// comes after the last sample that was due waits for its own turn, or every answer
// would start a tiny request.
func (w *Writer) take() bool {
	if w.hand != nil {
		return true
	}
	if !w.due {
		return false
	}
	limit := min(maxBatch, int(w.limit.Load()))
	w.batch = w.buffer.take(w.batch[:0], limit)
	w.due = len(w.batch) == limit
	if len(w.batch) == 0 {
		return false
	}
	p := new(parcel)
	if last := len(w.spare) - 1; last >= 0 {
		p, w.spare = w.spare[last], w.spare[:last]
	}
	p.fill(w.encoder, w.gaps, w.batch)
	w.hand = p
	w.taken.Store(time.Now().UnixNano())
	return true
}

// safe takes the parcel in hand off the writer's hands.
func (w *Writer) safe() {
	if w.hand != w.flight {
		w.spare = append(w.spare, w.hand)
	}
	w.hand = nil
	w.buffer.settle()
}

// launch sends the parcel in hand. Run waits for its answer.
func (w *Writer) launch(ctx context.Context) {
	p := w.hand
	w.flight, w.stored = p, spool.Place{}
	w.late = time.After(answerLimit)
	w.sending.Go(func() {
		refused, failure := w.deliver(ctx, p.packed.Bytes())
		w.answers <- answer{refused, failure}
	})
}

// land takes the answer to the parcel in flight.
func (w *Writer) land(ctx context.Context, a answer) {
	p := w.flight
	w.flight, w.late = nil, nil
	w.overdue.Store(false)
	mine := w.hand == p // nobody but us has it
	if !mine {
		w.spare = append(w.spare, p)
	}
	if a.failure != nil {
		if ctx.Err() == nil || a.failure.StatusCode != 0 { // else we broke off
			w.gate.fail(a.failure)
		}
		return // it stays in hand or in the spool
	}
	w.countWritten(p.samples, a.refused)
	w.told(p)
	if mine {
		w.safe()
	} else if s := w.spool.Load(); s != nil {
		s.Done(w.stored)
	}
}

// store puts the parcel in hand on the disk and reports whether it is there.
func (w *Writer) store() bool {
	s := w.spool.Load()
	if s == nil || w.hand == nil || time.Now().Before(w.spoolAgain) {
		return false
	}
	p := w.hand
	seq, err := s.Append(spool.Record{Body: p.packed.Bytes(), Samples: p.samples, First: p.first, Last: p.last})
	w.setSpoolFault(err)
	if err != nil {
		return false
	}
	if p == w.flight {
		w.stored = spool.Place{Seq: seq, Samples: p.samples}
		w.overdue.Store(true)
	}
	w.safe()
	return true
}

// finish has everything that is left sent or stored. A server that is not well is
// not waited for if there is a spool.
func (w *Writer) finish(ctx context.Context) {
	patient := farewell
	if w.spool.Load() != nil {
		patient = shortBye
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patient)
	defer cancel()
	w.noteLosses()
	w.spoolAgain = time.Time{}
	for w.due = true; w.take(); w.due = true {
		if w.spool.Load() == nil || w.gate.well() {
			refused, failure := w.deliver(last, w.hand.packed.Bytes())
			if failure == nil {
				w.countWritten(w.hand.samples, refused)
				w.told(w.hand)
				w.safe()
				continue
			}
			w.gate.fail(failure)
		}
		if !w.store() {
			break
		}
	}
	if left := w.Stats(); left.Buffered > 0 {
		w.log.Warn("samples lost at the end", "samples", left.Buffered, "err", errors.Join(errorOf(left.LastError), errorOf(left.SpoolError)))
	}
	if s := w.spool.Load(); s != nil {
		s.Close()
	}
}

func errorOf(text string) error {
	if text == "" {
		return nil
	}
	return errors.New(text)
}
