package influx

import (
	"bytes"
	"compress/gzip"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/intact-gateway/intact/gateway"
)

// encoder writes samples as InfluxDB line protocol. What does not change from
// one sample of a point to the next is written once, at the start.
type encoder struct {
	heads []string // by PointRef: measurement, tags and the name of the field
	site  string   // its id, escaped
}

func newEncoder(site *gateway.Site) *encoder {
	e := &encoder{heads: make([]string, 0, site.Len()), site: escape(site.ID, `,= `)}
	for ref, p := range site.Points() {
		f := site.FacilityOf(ref)
		var b strings.Builder
		b.WriteString(escape(string(f.Class), `, `))
		// Tags in alphabetical order spare the server sorting them. An empty
		// tag is not allowed.
		if f.Building != "" {
			b.WriteString(",building=" + escape(f.Building, `,= `))
		}
		b.WriteString(",facility=" + escape(string(f.ID), `,= `))
		b.WriteString(",point=" + escape(p.Name, `,= `))
		b.WriteString(",site=" + e.site)
		b.WriteString(" value=")
		e.heads = append(e.heads, b.String())
	}
	return e
}

// escape puts a backslash before each of the special characters in s. Control
// characters would end the line and become spaces; a backslash at the end would
// escape the separator behind it and becomes a slash.
func escape(s, special string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c == 0x7f {
			c = ' '
		}
		if c == '\\' && i == len(s)-1 {
			c = '/'
		}
		if strings.IndexByte(special, c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// writable reports whether s is something to be written: a finite number that
// was measured at a known time. One NaN would make the server refuse the whole batch.
func writable(s gateway.Sample) bool {
	return s.Quality.HasValue() && !s.At.IsZero() && !math.IsNaN(s.Value) && !math.IsInf(s.Value, 0)
}

// append appends the line of the writable sample s.
func (e *encoder) append(dst []byte, s gateway.Sample) []byte {
	dst = append(dst, e.heads[s.Point]...)
	format := byte('f')
	if size := math.Abs(s.Value); size >= 1e15 || size != 0 && size < 1e-6 {
		format = 'g' // 300 digits help nobody
	}
	dst = strconv.AppendFloat(dst, s.Value, format, -1, 64)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, int64(s.At), 10)
	return append(dst, '\n')
}

// parcel is lines of line protocol, packed as they are sent and kept. Its memory
// is used again and again.
type parcel struct {
	samples     int
	first, last gateway.Instant // time of the oldest and the newest sample
	gaps        []gap
	lines       []byte
	packer
}

// fill makes p hold the gap markers and the samples, of which there is one at
// least.
func (p *parcel) fill(e *encoder, gaps []gap, samples []gateway.Sample) {
	p.samples, p.first, p.last = len(samples), samples[0].At, samples[0].At
	p.gaps = append(p.gaps[:0], gaps...)
	p.lines = p.lines[:0]
	for _, g := range gaps {
		p.lines = e.appendGap(p.lines, g)
	}
	for _, s := range samples {
		p.lines = e.append(p.lines, s)
		p.first, p.last = min(p.first, s.At), max(p.last, s.At)
	}
	p.pack(p.lines)
}

// packer turns lines into the body of a request.
type packer struct {
	packed bytes.Buffer
	zip    *gzip.Writer
}

// pack returns lines as gzip, valid until the next call.
func (p *packer) pack(lines []byte) []byte {
	p.packed.Reset()
	if p.zip == nil {
		// The level is a known one, so there is no error.
		p.zip, _ = gzip.NewWriterLevel(&p.packed, gzip.BestSpeed)
	} else {
		p.zip.Reset(&p.packed)
	}
	// Writing to memory does not fail.
	p.zip.Write(lines)
	p.zip.Close()
	return p.packed.Bytes()
}

// unpack returns the lines of one or several bodies.
func unpack(body []byte) ([]byte, error) {
	zip, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(zip)
}
