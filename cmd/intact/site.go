package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/intact-gateway/intact/configs"
)

// readSite reads the site file at path, and what it takes from the files beside
// it. The error is that of configs.Load.
func readSite(path string, o configs.Options) (*configs.Config, error) {
	dir, name := filepath.Split(path)
	o.Dir = filepath.Clean(dir)
	c, err := configs.Load(os.DirFS(o.Dir), name, o)
	if missing, ok := errors.AsType[*fs.PathError](err); ok && missing.Path == name {
		missing.Path = path // as the user called it
	}
	return c, err
}
