package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/intact-gateway/intact/configs/yaml"
	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
)

// checkTogether checks what shows only when everything has been read.
func (l *loader) checkTogether(s *Site, parts []part) {
	if !slices.ContainsFunc(parts, func(p part) bool { return len(p.Facilities) > 0 }) {
		l.site.Report("facilities", "the site has no facilities", "list what is to be watched under facilities:")
	}
	for _, id := range slices.Sorted(maps.Keys(l.buses)) {
		if b := l.buses[id]; !b.used {
			l.warn(b.doc, b.path, fmt.Sprintf("nothing is read through bus %s", id), "take it out, or name it in a facility")
		}
	}
	// A building that no facility is in would be a route that tells nobody.
	var buildings []string
	for _, f := range l.built {
		if f.Building != "" && !slices.Contains(buildings, f.Building) {
			buildings = append(buildings, f.Building)
		}
	}
	for i, r := range s.Notify.Routes {
		for j, b := range r.Buildings {
			if len(l.built) == len(l.facilities) && !slices.Contains(buildings, b) {
				l.site.Report(fmt.Sprintf("notify.routes[%d].buildings[%d]", i, j), fmt.Sprintf("no facility is in building %q", b), yaml.Suggest(b, buildings))
			}
		}
	}
	for i, d := range l.devices {
		if d.Shared() {
			l.warn(l.written[i].doc, l.written[i].path+".topic", "a shared subscription brings messages in another order than they were sent, and none that the broker has kept", "take the $share/group/ off, unless several gateways are to share the messages")
		}
	}
	// Several facilities may share a unit, each with a profile of its own part
	// of it; with one profile the second is most likely a copy.
	type place struct{ bus, unit, profile string }
	first := make(map[place]origin)
	for i, d := range l.devices {
		if l.buses[d.Bus].Protocol() != drivers.Modbus {
			continue
		}
		key := place{d.Bus, fmt.Sprint(d.Unit), d.Profile}
		if before, twice := first[key]; twice {
			l.warn(l.written[i].doc, l.written[i].path+".unit", fmt.Sprintf("unit %d of bus %s is read with profile %s for facility %s as well as for the one in %s", d.Unit, d.Bus, d.Profile, d.Facility, before), "both will always show the same values")
		} else {
			first[key] = l.written[i]
		}
	}
}

// buildSite numbers the points of everything that could be laid out.
func (l *loader) buildSite(s *Site) *gateway.Site {
	loc, err := s.Site.location()
	if err != nil {
		loc = time.UTC // reported with the site's other mistakes
	}
	name, language := s.Site.Name, s.Site.Language
	if name.IsZero() {
		name = gateway.Text{ZH: s.Site.ID, EN: s.Site.ID}
	}
	if language == "" {
		language = gateway.Chinese
	}
	all := slices.Concat(l.built, l.lines, []gateway.Facility{gateway.SelfFacility(s.Influx != nil)})
	site, err := gateway.NewSite(s.Site.ID, name, loc, language, all)
	if err != nil {
		l.site.Report("facilities", err.Error(), "")
		site, _ = gateway.NewSite(s.Site.ID, name, loc, language, nil)
	}
	return site
}

// checkFiles looks whether the files of the machine that the configuration
// names are there, and whether strangers can read what is secret.
func (l *loader) checkFiles() {
	for _, d := range l.docs {
		for _, f := range d.Files() {
			info, err := os.Stat(f.Name)
			if err == nil && !info.Mode().IsRegular() {
				err = errors.New("it is no plain file")
			}
			if err == nil {
				err = readable(f.Name)
			}
			if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
				err = pathErr.Err
			}
			// Certificates are public; keys, passwords and tokens are not.
			public := strings.HasSuffix(f.Path, ".ca") || strings.HasSuffix(f.Path, ".cert")
			const byOthers = 0o004
			switch {
			case err != nil:
				d.Report(f.Path, fmt.Sprintf("file %s cannot be read: %v", f.Name, err), "check its name and that the gateway's user may read it")
			case !public && info.Mode()&byOthers != 0:
				l.warn(d, f.Path, fmt.Sprintf("every user of this machine can read %s", f.Name), "chmod 640, with the gateway's group")
			}
		}
	}
}

// readable returns why this process cannot read a file.
func readable(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return f.Close()
}

// rehearse opens every bus without connecting to anything, so that what passes
// the check cannot fail at the start. It blames the device that a bus cannot be
// opened with.
func (l *loader) rehearse(c *Config) {
	bindings, err := drivers.Bind(c.Site, c.Devices, c.Profiles)
	if err != nil {
		l.site.Report("facilities", err.Error(), "")
		return
	}
	o := drivers.Options{Log: slog.New(slog.DiscardHandler)}
	for _, b := range c.Buses {
		_, err := drivers.Open(b, bindings[b.ID], o)
		if err == nil {
			continue
		}
		blamed := false
		for _, d := range bindings[b.ID].Devices {
			_, err := drivers.Open(b, drivers.Binding{Link: bindings[b.ID].Link, Devices: []drivers.BoundDevice{d}}, o)
			if i := slices.Index(c.Devices, d.Device); err != nil && i >= 0 {
				blamed = true
				key := ""
				if d.Topic != "" {
					key = "topic" // the only thing of a device that brokers have rules for
				}
				l.written[i].report(key, err.Error(), "")
			}
		}
		if !blamed {
			l.buses[b.ID].report("", err.Error(), "")
		}
	}
}
