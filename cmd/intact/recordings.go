package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/intact-gateway/intact/configs/yaml"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/recording"
	"github.com/intact-gateway/intact/rules/replay"
)

// recordings are files of recorded samples, read as one.
type recordings struct {
	names  []string
	ignore bool            // points that no site has
	other  []*gateway.Site // their points may be there, too
	errs   io.Writer

	foreign map[gateway.PointID]bool // that were passed over and no site has
	opened  []*os.File
	bar     *progress
	what    string // is being done
	done    int64  // bytes
	total   int64
}

// pass plays the recording to do, with a bar that says what is being done. reads
// is how often do reads it.
func (f *recordings) pass(what string, reads int64, do func(replay.Open) error) error {
	f.what, f.done, f.total = what, 0, 1
	for _, name := range f.names {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		f.total += reads * info.Size()
	}
	f.bar = newProgress(f.errs)
	err := do(f.open)
	f.bar.end()
	for _, file := range f.opened {
		err = errors.Join(err, file.Close())
	}
	f.opened = nil
	return err
}

// open begins to read all files.
func (f *recordings) open(site *gateway.Site) (replay.Samples, error) {
	o := recording.Options{Site: site, Foreign: f.passOver, Suggest: yaml.Suggest}
	var readers []*recording.Reader
	for _, name := range f.names {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		f.opened = append(f.opened, file)
		r, err := recording.NewReader(name, &counted{file, f}, o)
		if err != nil {
			return nil, err
		}
		readers = append(readers, r)
	}
	return recording.NewMerge(readers...)
}

// passOver says whether a point that the site lacks is no mistake: another site
// of the comparison has it, or people want it so.
func (f *recordings) passOver(id gateway.PointID) bool {
	for _, site := range f.other {
		if _, known := site.Lookup(id); known {
			return true
		}
	}
	if f.ignore {
		if f.foreign == nil {
			f.foreign = make(map[gateway.PointID]bool)
		}
		f.foreign[id] = true
	}
	return f.ignore
}

// unknown returns the points that were passed over, in order.
func (f *recordings) unknown() []gateway.PointID { return slices.Sorted(maps.Keys(f.foreign)) }

// warnUnknown says which points were passed over.
func (f *recordings) warnUnknown() {
	const most = 5
	names := f.unknown()
	if len(names) == 0 {
		return
	}
	more := ""
	if len(names) > most {
		more = fmt.Sprintf(" and %d more", len(names)-most)
	}
	fmt.Fprintf(f.errs, "warning: passed over what the site does not have: %s%s\n", joined(names[:min(most, len(names))]), more)
}

// percent returns how much was read.
func (f *recordings) percent() int { return int(100 * f.done / f.total) }

// counted tells how much was read.
type counted struct {
	io.Reader
	of *recordings
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	before := c.of.percent()
	c.of.done += int64(n)
	if p := c.of.percent(); p != before {
		c.of.bar.step(p, 100, fmt.Sprintf("%s, %d %%", c.of.what, p))
	}
	return n, err
}
