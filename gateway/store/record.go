package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
)

// Record is what a database holds, to read.
type Record struct {
	read *sql.DB // a few connections, which cannot write
}

// OpenRecord opens the database at path to read it, which a gateway may be
// writing meanwhile. The errors are ErrCorrupt, ErrNewer and those of the file
// system.
func OpenRecord(path string) (*Record, error) {
	r, err := openRecord(path)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, explain(err))
	}
	return r, nil
}

func openRecord(path string) (*Record, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	read, err := connect(path, 1, url.Values{"mode": {"ro"}})
	if err != nil {
		return nil, err
	}
	if _, err := version(read); err != nil {
		return nil, errors.Join(err, read.Close())
	}
	return &Record{read: read}, nil
}

// Close closes the database.
func (r *Record) Close() error { return r.read.Close() }
