package spool

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// freeBytes returns what an ordinary process may still write to the disk of dir.
func freeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// createIn returns what makes an empty file in dir. One of that name is what a
// failed write could not remove: it holds nothing that is known.
func createIn(dir string) func(name string) (file, error) {
	return func(name string) (file, error) {
		return os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	}
}

// lockDir takes dir for one Spool alone. The system gives the lock back when the
// process ends in whatever way.
func lockDir(dir string) (*os.File, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		d.Close()
		return nil, &os.PathError{Op: "lock", Path: dir, Err: err}
	}
	return d, nil
}

// syncDir writes the names in dir to the disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
