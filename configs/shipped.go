package configs

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"

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
