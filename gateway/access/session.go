package access

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"
)

// How long a session lasts: unused, and in all.
const (
	idleFor    = 12 * time.Hour
	sessionFor = 30 * 24 * time.Hour
)

const (
	maxSessions = 20               // of one user; the one unused for longest goes
	noteEvery   = 10 * time.Minute // how often it is written that a session is in use
)

// session is one device on which somebody is logged in.
type session struct {
	Hash     string    `json:"hash"` // of the text in the cookie
	User     string    `json:"user"`
	Password string    `json:"password"` // digest of what is kept of the password: a new one ends the session
	From     string    `json:"from"`     // address of the login
	Began    time.Time `json:"began"`
	Used     time.Time `json:"used"`
}

func (s *session) over(now time.Time) bool {
	return now.Sub(s.Used) >= idleFor || now.Sub(s.Began) >= sessionFor
}

// sessions are those that are logged in. They are kept in a file, so that a
// restart in the night logs nobody out; if it cannot be written, they last until
// the restart.
type sessions struct {
	dir string

	mu      sync.Mutex
	all     []session
	written time.Time
}

// openSessions reads those that were logged in. A file that is damaged costs no
// more than a login.
func openSessions(dir string) (*sessions, error) {
	s := &sessions{dir: dir}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return s, err
	}
	defer root.Close()
	text, err := root.ReadFile(sessionsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s.all)
	}
	if err != nil {
		s.all = nil
	}
	return s, err
}

// begin makes a session of u and returns the text for the cookie. The error says
// that it will not outlast a restart.
func (s *sessions) begin(u User, from string, now time.Time) (string, error) {
	secret := randomText()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(func(x *session) bool { return x.over(now) })
	mine := 0
	oldest := -1
	for i := range s.all {
		if s.all[i].User != u.Name {
			continue
		}
		if mine++; oldest < 0 || s.all[i].Used.Before(s.all[oldest].Used) {
			oldest = i
		}
	}
	if mine >= maxSessions {
		s.all = slices.Delete(s.all, oldest, oldest+1)
	}
	s.all = append(s.all, session{digest(secret), u.Name, digest(u.Password), from, now, now})
	return secret, s.write(now)
}

// find returns the session of the text in a cookie and notes that it is in use.
// The error says that this could not be written.
func (s *sessions) find(secret string, now time.Time) (found session, ok bool, err error) {
	hash := digest(secret)
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.all, func(x session) bool { return x.Hash == hash })
	if i < 0 || s.all[i].over(now) {
		return session{}, false, nil
	}
	s.all[i].Used = now
	if now.Sub(s.written) >= noteEvery {
		err = s.write(now)
	}
	return s.all[i], true, err
}

// end ends the sessions that which names.
func (s *sessions) end(which func(*session) bool, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.drop(which) {
		return nil
	}
	return s.write(now)
}

func (s *sessions) drop(which func(*session) bool) bool {
	had := len(s.all)
	s.all = slices.DeleteFunc(s.all, func(x session) bool { return which(&x) })
	return len(s.all) < had
}

// knows reports whether user is logged in from an address.
func (s *sessions) knows(user, from string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.all, func(x session) bool { return x.User == user && x.From == from && !x.over(now) })
}

func (s *sessions) write(now time.Time) error {
	s.written = now // also if it fails: a full disk is not tried at every request
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return writeFile(root, sessionsFile, s.all)
}
