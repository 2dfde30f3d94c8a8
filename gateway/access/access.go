// Package access says who may use the gateway: the users and the tokens of
// programs, their passwords, what they are allowed, and who is logged in.
//
// What it promises:
//   - There is no default password. A gateway that needs a login and has no user
//     makes a set-up code that works once, for half an hour.
//   - Passwords are kept as argon2id, sessions and tokens as SHA-256 of 32 random
//     bytes: who reads the files can log in with none of them.
//   - Guessing is slow: few tries a minute for each address and each name, the same
//     answer in the same time for a name that is not there. What has been used up
//     comes back within a minute, so nobody is locked out for good, and a flood
//     from elsewhere does not keep out a person at an address they have used.
//   - A flood of logins takes a bounded amount of memory: hashing is for at most two
//     at a time, the others wait or are sent away.
//   - A users file that cannot be read lets nobody in. It stops no alarm.
//
// It knows nothing of HTTP, pages or routes, and decides nothing about equipment.
package access

import (
	"errors"
	"fmt"
	"strings"
)

// Role is what somebody may do. Each may do all that those before it may.
type Role int

// The roles. Nobody stands for what needs no login, Monitor for programs that
// read figures about the gateway only.
const (
	Nobody     Role = iota
	Monitor         // read /metrics
	Viewer          // see everything
	Technician      // acknowledge, reset and shelve alerts, work on tickets
	Engineer        // try receivers
	Admin           // see who has access
)

var roleNames = [...]string{"nobody", "monitor", "viewer", "technician", "engineer", "admin"}

// String returns the name of the role, as in files and on the command line.
func (r Role) String() string { return roleNames[r] }

// MarshalText writes the role as its name.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the name of a role.
func (r *Role) UnmarshalText(b []byte) error {
	for i, name := range roleNames {
		if name == string(b) {
			*r = Role(i)
			return nil
		}
	}
	return fmt.Errorf("unknown role %q", b)
}

// ParseRole reads the role of a person.
func ParseRole(name string) (r Role, err error) {
	if err := r.UnmarshalText([]byte(name)); err != nil || r < Viewer {
		return Nobody, fmt.Errorf("there is no role %q: it is viewer, technician, engineer or admin", name)
	}
	return r, nil
}

// scopes are what tokens may be for, with the role that it amounts to. No token
// administers: what programs hold is copied into files.
var scopes = []struct {
	name string
	role Role
}{{"metrics", Monitor}, {"read", Viewer}, {"act", Technician}}

// ParseScope reads what a token is for.
func ParseScope(name string) (Role, error) {
	for _, s := range scopes {
		if s.name == name {
			return s.role, nil
		}
	}
	return Nobody, fmt.Errorf("there is no scope %q: it is metrics, read or act", name)
}

// ScopeOf returns the name of the scope that amounts to the role.
func ScopeOf(r Role) string {
	for _, s := range scopes {
		if s.role == r {
			return s.name
		}
	}
	return r.String()
}

// Identity is who asks for something.
type Identity struct {
	Name    string // of the user or the token; "" where no login is needed
	Role    Role
	Program bool // it came with a token
}

// What is refused.
var (
	ErrNoLogin  = errors.New("nobody is logged in")
	ErrWrong    = errors.New("the name or the password is wrong")
	ErrTooOften = errors.New("too many tries; wait a minute")
	ErrBusy     = errors.New("too many people log in just now")
	ErrSetUp    = errors.New("the gateway has users already")
	ErrCode     = errors.New("the set-up code is wrong or has run out")
	ErrWeak     = errors.New("the password is too weak")
	ErrName     = errors.New("this cannot be the name of a user")
)

// maxName bounds the name of a user in bytes.
const maxName = 80

// checkName refuses names that would not read well in a journal.
func checkName(name string) error {
	if name == "" || len(name) > maxName || strings.TrimSpace(name) != name || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("%w: %q; at most %d bytes without spaces at the ends", ErrName, name, maxName)
	}
	return nil
}
