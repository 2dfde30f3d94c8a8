package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/intact-gateway/intact/gateway"
)

// A segment is records one after the other and nothing else. A record is a header
// of headerSize bytes, all numbers little-endian, and a body:
//
//	0  marker   0x89 'I' 'S' and the version of the format, 1
//	4  length   uint32, bytes of the body
//	8  seq      uint64, number of the first sample of the record
//	16 samples  uint32, how many the body holds
//	20 first    int64, time of the oldest of them in Unix milliseconds
//	28 last     int64, time of the newest
//	36 body     uint32, CRC-32C of the body
//	40 header   uint32, CRC-32C of the 40 bytes before
//	44          the body
//
// The sequence counts samples, not records: what is missing between two records
// that can be read is counted even if nothing of it can be. A file has no header
// of its own, whose damage would cost the whole file; its name is the sequence of
// its first record.
const (
	headerSize = 44
	maxBody    = 16 << 20 // more is no record of ours
	maxSeq     = 1 << 62  // nor are so many samples
)

var (
	marker  = [4]byte{0x89, 'I', 'S', 1}
	polynom = crc32.MakeTable(crc32.Castagnoli)
)

// header is what stands before the body of a record.
type header struct {
	length      uint32
	samples     uint32
	seq         uint64
	first, last gateway.Instant
	sum         uint32 // of the body
}

// end returns the sequence of the record that follows.
func (h header) end() uint64 { return h.seq + uint64(h.samples) }

// size returns the bytes that the record takes.
func (h header) size() int64 { return headerSize + int64(h.length) }

// append appends h as it stands in the file.
func (h header) append(dst []byte) []byte {
	begin := len(dst)
	dst = append(dst, marker[:]...)
	dst = binary.LittleEndian.AppendUint32(dst, h.length)
	dst = binary.LittleEndian.AppendUint64(dst, h.seq)
	dst = binary.LittleEndian.AppendUint32(dst, h.samples)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.first))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.last))
	dst = binary.LittleEndian.AppendUint32(dst, h.sum)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[begin:], polynom))
}

// parseHeader reads the header at the start of b, if there is a sound one.
func parseHeader(b []byte) (header, bool) {
	if len(b) < headerSize || !bytes.Equal(b[:4], marker[:]) ||
		crc32.Checksum(b[:40], polynom) != binary.LittleEndian.Uint32(b[40:]) {
		return header{}, false
	}
	h := header{
		length:  binary.LittleEndian.Uint32(b[4:]),
		seq:     binary.LittleEndian.Uint64(b[8:]),
		samples: binary.LittleEndian.Uint32(b[16:]),
		first:   gateway.Instant(binary.LittleEndian.Uint64(b[20:])),
		last:    gateway.Instant(binary.LittleEndian.Uint64(b[28:])),
		sum:     binary.LittleEndian.Uint32(b[36:]),
	}
	return h, h.length <= maxBody && h.samples > 0 && h.end() < maxSeq && h.seq < maxSeq
}

// sum returns the checksum of a body.
func sum(body []byte) uint32 { return crc32.Checksum(body, polynom) }

// sound reports whether body is the one that h was written for.
func (h header) sound(body []byte) bool { return sum(body) == h.sum }

// findHeader returns the first sound header of a file of size bytes at or after off
// and where it is. What lies between is damaged.
func findHeader(f io.ReaderAt, off, size int64) (h header, at int64, ok bool) {
	var head [headerSize]byte
	n, _ := f.ReadAt(head[:], off)
	if h, ok := parseHeader(head[:n]); ok {
		return h, off, true
	}
	return searchHeader(f, off, size)
}

// sector is what a disk gives or does not give as one.
const sector = 4096

// searchHeader looks for a sound header byte by byte and goes around sectors that
// cannot be read. Pieces overlap by one less than a header, so that none is cut in
// two.
func searchHeader(f io.ReaderAt, off, size int64) (h header, at int64, ok bool) {
	piece := make([]byte, 16*sector)
	for off < size {
		n, err := f.ReadAt(piece, off)
		for i := 0; ; i++ {
			next := bytes.Index(piece[i:n], marker[:])
			if next < 0 {
				break
			}
			i += next
			if h, ok := parseHeader(piece[i:n]); ok {
				return h, off + int64(i), true
			}
		}
		switch {
		case err == nil:
			off += int64(n - headerSize + 1)
		case errors.Is(err, io.EOF):
			return header{}, 0, false
		default:
			off = (off+int64(n))/sector*sector + sector
		}
	}
	return header{}, 0, false
}
