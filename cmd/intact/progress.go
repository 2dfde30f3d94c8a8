package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progress shows on a terminal what is done while it takes longer than a moment.
type progress struct {
	out   io.Writer
	shown bool
	began time.Time
}

func newProgress(w io.Writer) *progress {
	p := &progress{began: time.Now()}
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.out = f
		}
	}
	return p
}

// patience is for how long nobody asks what is going on.
const patience = 2 * time.Second

func (p *progress) step(n, all int, what string) {
	if p.out == nil || time.Since(p.began) < patience {
		return
	}
	const width = 20
	done := width * n / max(all, 1)
	fmt.Fprintf(p.out, "\r\x1b[K[%s%s] %s", strings.Repeat("#", done), strings.Repeat(".", width-done), what)
	p.shown = true
}

func (p *progress) end() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
