package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// lockDir takes the data directory for this process. The system gives the lock
// back when the process ends in whatever way, so a file left behind by a crash
// locks nobody out.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner := lockOwner(f)
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w%s; stop it, or give this one a directory of its own", ErrLocked, owner)
		}
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	// The number is for people only, and a full disk must not keep the gateway
	// from starting.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f, nil
}

func lockOwner(f *os.File) string {
	b, _ := io.ReadAll(io.LimitReader(f, 32))
	if pid := bytes.TrimSpace(b); len(pid) > 0 {
		return fmt.Sprintf(" (process %s)", pid)
	}
	return ""
}
