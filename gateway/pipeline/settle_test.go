package pipeline_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/pipeline"
)

func TestSettleReturnsWhenWhatWasGivenIsWritten(t *testing.T) {
	within(t, func(b *building) {
		b.healthy(5 * time.Second)
		rows := len(b.store.kinds("pump-1"))
		for range 50 {
			b.emit([]gateway.Sample{good(pumpLevel, 1)})
			if err := b.p.Settle(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if now := len(b.store.kinds("pump-1")); now != rows {
			t.Errorf("%d rows were written though nothing had changed", now-rows)
		}
		b.emit([]gateway.Sample{good(pumpFault, 1)})
		time.Sleep(1900 * time.Millisecond) // nearly the hold time of the rule
		busy := make(chan struct{})
		b.store.mu.Lock()
		b.store.busy = busy
		b.store.mu.Unlock()
		time.Sleep(200 * time.Millisecond)
		done := make(chan error, 1)
		go func() { done <- b.p.Settle(context.Background()) }()
		synctest.Wait()
		select {
		case err := <-done:
			t.Errorf("settled with %v before the alert was written", err)
		default:
		}
		close(busy)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if now := len(b.store.kinds("pump-1")); now == rows {
			t.Error("settled, and the alert is not written")
		}
	})
}

// good returns a sample of this moment.
func good(ref gateway.PointRef, v float64) gateway.Sample {
	return gateway.Sample{Point: ref, Quality: gateway.Good, Value: v, At: gateway.InstantOf(time.Now())}
}

func TestSettleDoesNotWaitForADeadDisk(t *testing.T) {
	within(t, func(b *building) {
		b.store.mu.Lock()
		b.store.broken = errors.New("no space left")
		b.store.mu.Unlock()
		b.send(map[gateway.PointRef]float64{pumpFault: 1})
		time.Sleep(5 * time.Second)
		b.send(map[gateway.PointRef]float64{pumpFault: 0})
		began := time.Now()
		if err := b.p.Settle(context.Background()); err != nil || time.Since(began) > 0 {
			t.Errorf("settled after %s with %v", time.Since(began), err)
		}
		b.store.mu.Lock()
		b.store.broken = nil
		b.store.mu.Unlock()
	})
}

func TestSettleSaysThatTheLoopHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := build(t)
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := b.p.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if err := b.p.Settle(t.Context()); !errors.Is(err, pipeline.ErrStopped) {
			t.Errorf("error %v, want %v", err, pipeline.ErrStopped)
		}
	})
}
