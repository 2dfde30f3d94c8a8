package spool

import (
	"bytes"
	"io"
	"slices"
	"syscall"
	"testing"
)

// scratched is a disk of which one sector cannot be read.
type scratched struct {
	io.ReaderAt
	sector int64
}

func (d scratched) ReadAt(p []byte, off int64) (int, error) {
	begin, end := d.sector*sector, (d.sector+1)*sector
	if off >= end || off+int64(len(p)) <= begin {
		return d.ReaderAt.ReadAt(p, off)
	}
	n := max(0, begin-off)
	d.ReaderAt.ReadAt(p[:n], off)
	return int(n), syscall.EIO
}

func TestASectorThatCannotBeReadCostsItsRecords(t *testing.T) {
	var content []byte
	var touched [5][]uint64 // sequences of the records in each sector
	for seq := uint64(1); len(content) < 4*sector; seq++ {
		body := bytes.Repeat([]byte{byte(seq)}, 700)
		begin := len(content)
		content = append(header{length: 700, samples: 1, seq: seq, sum: sum(body)}.append(content), body...)
		for s := begin / sector; s <= (len(content)-1)/sector; s++ {
			touched[s] = append(touched[s], seq)
		}
	}
	g := &segment{seq: 1, end: maxSeq, size: int64(len(content))}
	for bad := range int64(4) {
		disk := scratched{bytes.NewReader(content), bad}
		all, _ := scan(disk, g)
		read := map[uint64]bool{}
		for _, e := range all {
			if _, ok := readBody(disk, e, nil); ok {
				read[e.seq] = true
			}
		}
		for s, seqs := range touched {
			for _, seq := range seqs {
				if hit := slices.Contains(touched[bad], seq); read[seq] == hit {
					t.Errorf("sector %d is bad; record %d in sector %d was read: %v", bad, seq, s, read[seq])
				}
			}
		}
	}
}
