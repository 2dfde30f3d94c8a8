package recording

import (
	"errors"
	"io"

	"github.com/intact-gateway/intact/gateway"
)

// Merge reads several files as one, in the order of time: files of successive
// days as well as files of different points. What is of one time comes in the
// order of the files.
type Merge struct {
	heads []head // of the files that have not ended
	taken bool   // the samples of heads[from] were given out
	from  int
}

type head struct {
	*Reader
	samples []gateway.Sample
}

// NewMerge begins with the first lines of the readers.
func NewMerge(readers ...*Reader) (*Merge, error) {
	m := &Merge{}
	for _, r := range readers {
		h := head{Reader: r}
		more, err := h.advance()
		if err != nil {
			return nil, err
		}
		if more {
			m.heads = append(m.heads, h)
		}
	}
	return m, nil
}

// advance reads the next line and returns false at the end of the file.
func (h *head) advance() (bool, error) {
	var err error
	h.samples, err = h.Next(h.samples[:0])
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return true, err
}

// Next returns the samples of the next line, all of one time, as Reader.Next.
func (m *Merge) Next() ([]gateway.Sample, error) {
	if m.taken {
		m.taken = false
		more, err := m.heads[m.from].advance()
		if err != nil {
			return nil, err
		}
		if !more {
			m.heads = append(m.heads[:m.from], m.heads[m.from+1:]...)
		}
	}
	if len(m.heads) == 0 {
		return nil, io.EOF
	}
	m.from = 0
	for i := range m.heads {
		if m.heads[i].samples[0].At < m.heads[m.from].samples[0].At {
			m.from = i
		}
	}
	m.taken = true
	return m.heads[m.from].samples, nil
}
