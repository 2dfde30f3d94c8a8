package influx

import (
	"slices"
	"strconv"

	"github.com/intact-gateway/intact/gateway"
)

// bufferFull is why samples are lost that never came to the disk. The other
// reasons are those of the spool.
const bufferFull = "buffer_full"

// gap is samples that will never be written. What comes after them tells of it in
// a measurement of its own:
//
//	intact_gap,reason=spool_full,site=lakeside samples=51000,until=1773108720000 1773105120000
//
// Its time is that of the oldest sample lost, until that of the newest, and samples
// how many they are: what Grafana needs to draw a region. A gap that grows
// overwrites itself, so it is told with every parcel until the server has it: a
// mark that only waits in the spool could get lost with what it marks.
type gap struct {
	reason      string
	samples     uint64
	first, last gateway.Instant
}

// add makes g cover more, too.
func (g *gap) add(more gap) {
	if g.samples == 0 {
		*g = more
		return
	}
	g.samples += more.samples
	g.first, g.last = min(g.first, more.first), max(g.last, more.last)
}

// appendGap appends the line of g.
func (e *encoder) appendGap(dst []byte, g gap) []byte {
	dst = append(dst, "intact_gap,reason="...)
	dst = append(dst, g.reason...)
	dst = append(dst, ",site="...)
	dst = append(dst, e.site...)
	dst = append(dst, " samples="...)
	dst = strconv.AppendUint(dst, g.samples, 10)
	dst = append(dst, ",until="...)
	dst = strconv.AppendInt(dst, int64(g.last), 10)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, int64(g.first), 10)
	return append(dst, '\n')
}

// noteLosses collects what has been lost, for the next parcel to tell of. A point
// whose last written sample may be among it is written afresh, however still it
// stands.
func (w *Writer) noteLosses() {
	if g := w.buffer.takeGap(); g.samples > 0 {
		w.addGap(g)
	}
	s := w.spool.Load()
	if s == nil {
		return
	}
	for _, l := range s.Losses() {
		if w.lost[l.Reason] == nil {
			continue
		}
		w.lost[l.Reason].Add(l.Samples)
		w.addGap(gap{reason: string(l.Reason), samples: l.Samples, first: l.First, last: l.Last})
		w.afresh.Store(true)
		w.log.Warn("samples for influxdb lost", "reason", l.Reason, "samples", l.Samples, "from", l.First, "until", l.Last)
	}
}

// told notes that the server has the gaps that p tells of, as far as they have not
// grown since.
func (w *Writer) told(p *parcel) {
	w.gaps = slices.DeleteFunc(w.gaps, func(g gap) bool { return slices.Contains(p.gaps, g) })
}

// addGap joins g to one that waits for the same reason.
func (w *Writer) addGap(g gap) {
	for i := range w.gaps {
		if w.gaps[i].reason == g.reason {
			w.gaps[i].add(g)
			return
		}
	}
	w.gaps = append(w.gaps, g)
}
