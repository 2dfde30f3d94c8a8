package configs

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/intact-gateway/intact/configs/yaml"
	"github.com/intact-gateway/intact/drivers"
)

//go:embed profiles/*.yaml rules/*.yaml sites/*.yaml simulations/*.yaml
var shipped embed.FS

// shippedAs goes before the names of shipped files in messages, so that they
// are not taken for files of the site.
const shippedAs = "configs/"

// alwaysOn is the rule pack that every site has.
const alwaysOn = "common"

// Shipped returns the files that ship with the gateway: profiles, rules, sites
// and simulations.
func Shipped() fs.FS { return shipped }

// Profiles returns the device profiles that ship, by name.
func Profiles() (map[string]*drivers.Profile, error) {
	l := newLoader(shipped, "", Options{})
	l.readProfiles(nil)
	if problems := l.problems(); len(problems) > 0 {
		return nil, &Errors{Problems: problems}
	}
	return l.known(), nil
}

// ReadProfiles reads files of profiles, which may extend those that ship or stand
// in the place of one, and returns their profiles in order. Without names it returns those that ship. The
// error is an *Errors.
func ReadProfiles(fsys fs.FS, names []string) ([]*drivers.Profile, error) {
	l := newLoader(fsys, "", Options{})
	own := make([][]*yaml.Document, len(names))
	for i, name := range names {
		own[i] = l.open(name, yaml.Options{Many: true})
	}
	wanted := slices.Concat(own...)
	others := slices.DeleteFunc(l.shippedProfiles(), func(ships *yaml.Document) bool {
		return slices.ContainsFunc(wanted, func(d *yaml.Document) bool { return d.Text("profile") == ships.Text("profile") })
	})
	read := l.readTogether(append(own, others))
	if problems := l.problems(); len(problems) > 0 {
		return nil, &Errors{Problems: problems}
	}
	var profiles []*drivers.Profile
	for _, p := range read {
		if len(names) == 0 || slices.Contains(wanted, p.doc) {
			profiles = append(profiles, p.Profile)
		}
	}
	return profiles, nil
}

// readAll reads a file that is not larger than configuration can be.
func readAll(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	// One byte more than is allowed is enough to see that it is too large.
	src, err := io.ReadAll(io.LimitReader(f, yaml.MaxBytes+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return src, nil
}
