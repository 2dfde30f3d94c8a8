package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// What is known of the disk that holds the database.
var (
	diskFree = family("data_free_bytes", "Room that is left on the file system of the database, in bytes.")
	diskSize = family("data_size_bytes", "Size of the file system of the database, in bytes.")
)

// disk is the collector of the file system of a directory.
type disk string

// Describe implements prometheus.Collector.
func (disk) Describe(ch chan<- *prometheus.Desc) {
	ch <- diskFree
	ch <- diskSize
}

// Collect implements prometheus.Collector. A file system that does not answer
// has no series: its room is not known.
func (d disk) Collect(ch chan<- prometheus.Metric) {
	var s unix.Statfs_t
	if err := unix.Statfs(string(d), &s); err != nil {
		return
	}
	gauge(ch, diskFree, float64(s.Bavail)*float64(s.Bsize))
	gauge(ch, diskSize, float64(s.Blocks)*float64(s.Bsize))
}
