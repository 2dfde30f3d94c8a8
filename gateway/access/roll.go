package access

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// The files in the data directory.
const (
	usersFile    = "users.json"
	usersLock    = "users.lock"
	sessionsFile = "sessions.json"
)

// User is somebody who may log in.
type User struct {
	Name     string    `json:"name"`
	Role     Role      `json:"role"`
	Password string    `json:"password"` // argon2id, in the PHC string form
	Since    time.Time `json:"since"`    // of the password
}

// Token lets a program in.
type Token struct {
	Name string    `json:"name"`
	Role Role      `json:"role"` // that its scope amounts to
	Hash string    `json:"hash"` // SHA-256, hexadecimal
	Made time.Time `json:"made"`
	Ends time.Time `json:"ends"`
}

// Roll is everybody who may use the gateway.
type Roll struct {
	Users  []User  `json:"users"`
	Tokens []Token `json:"tokens"`
}

// user returns the user called name, or nil.
func (r *Roll) user(name string) *User {
	for i := range r.Users {
		if r.Users[i].Name == name {
			return &r.Users[i]
		}
	}
	return nil
}

// taken refuses a name that a user or a token has, or that cannot be one.
func (r *Roll) taken(name string) error {
	if r.user(name) != nil || slices.ContainsFunc(r.Tokens, func(t Token) bool { return t.Name == name }) {
		return fmt.Errorf("there is a user or a token called %q already", name)
	}
	return checkName(name)
}

// Book keeps the roll in the data directory. Several processes may change it: a
// gateway that runs and a command on the terminal.
type Book struct {
	dir string

	mu   sync.Mutex
	seen os.FileInfo // of the file that roll was read from; nil for none
	roll Roll
}

// NewBook returns the book of the data directory, which must exist.
func NewBook(dir string) *Book { return &Book{dir: dir} }

// Roll returns everybody, as of the newest file. Nobody may change what it
// returns.
func (b *Book) Roll() (Roll, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		return Roll{}, fmt.Errorf("users: %w", err)
	}
	defer root.Close()
	info, err := root.Stat(usersFile)
	if errors.Is(err, fs.ErrNotExist) {
		b.seen, b.roll = nil, Roll{}
		return b.roll, nil
	}
	if err != nil {
		return Roll{}, fmt.Errorf("users: %w", err)
	}
	// A new file takes the place of the old one, so that it is another one even if
	// the clock has stood still.
	if b.seen != nil && os.SameFile(b.seen, info) && b.seen.ModTime().Equal(info.ModTime()) && b.seen.Size() == info.Size() {
		return b.roll, nil
	}
	roll, err := readRoll(root, info)
	if err != nil {
		return Roll{}, err
	}
	b.seen, b.roll = info, roll
	return roll, nil
}

// readRoll reads the file. One that others can read, or with half an entry, is
// refused as a whole.
func readRoll(root *os.Root, info os.FileInfo) (roll Roll, err error) {
	if info.Mode().Perm()&0o077 != 0 {
		return roll, fmt.Errorf("others can read %s: chmod 600, and change the passwords", usersFile)
	}
	text, err := root.ReadFile(usersFile)
	if err != nil {
		return roll, fmt.Errorf("users: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&roll); err != nil {
		return Roll{}, fmt.Errorf("%s is damaged: %w; restore it from a copy, or remove it and begin anew", usersFile, err)
	}
	for _, u := range roll.Users {
		if _, err := parseHash(u.Password); err != nil {
			return Roll{}, fmt.Errorf("%s, user %q: %w", usersFile, u.Name, err)
		}
	}
	return roll, nil
}

// change runs do on the roll and writes what it makes of it, one process at a
// time.
func (b *Book) change(do func(*Roll) error) error {
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		return fmt.Errorf("users: %w", err)
	}
	defer root.Close()
	lock, err := root.OpenFile(usersLock, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("users: %w", err)
	}
	defer lock.Close()
	if err := errors.Join(ownAsDirectory(root, lock), syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)); err != nil {
		return fmt.Errorf("lock users: %w", err)
	}
	now, err := b.Roll()
	if err != nil {
		return err
	}
	next := Roll{Users: slices.Clone(now.Users), Tokens: slices.Clone(now.Tokens)}
	if err := do(&next); err != nil {
		return err
	}
	return writeFile(root, usersFile, next)
}

// AddUser lets somebody in.
func (b *Book) AddUser(name, password string, role Role) error {
	if err := CheckPassword(name, password); err != nil {
		return err
	}
	u := User{Name: name, Role: role, Password: hashPassword(password), Since: time.Now().UTC()}
	return b.change(func(r *Roll) error {
		if len(r.Users) == 0 && role != Admin {
			return errors.New("the first user has to be an admin")
		}
		if err := r.taken(name); err != nil {
			return err
		}
		r.Users = append(r.Users, u)
		return nil
	})
}

// SetPassword changes the password of a user, who is logged out everywhere.
func (b *Book) SetPassword(name, password string) error {
	if err := CheckPassword(name, password); err != nil {
		return err
	}
	phc := hashPassword(password)
	return b.change(func(r *Roll) error {
		u := r.user(name)
		if u == nil {
			return noSuch(name)
		}
		u.Password, u.Since = phc, time.Now().UTC()
		return nil
	})
}

// Remove takes a user or a token away; a user is logged out everywhere. The last
// admin stays while there are others, who could let nobody in.
func (b *Book) Remove(name string) error {
	return b.change(func(r *Roll) error {
		had := len(r.Users) + len(r.Tokens)
		r.Users = slices.DeleteFunc(r.Users, func(u User) bool { return u.Name == name })
		r.Tokens = slices.DeleteFunc(r.Tokens, func(t Token) bool { return t.Name == name })
		if len(r.Users)+len(r.Tokens) == had {
			return noSuch(name)
		}
		if !slices.ContainsFunc(r.Users, func(u User) bool { return u.Role == Admin }) && len(r.Users)+len(r.Tokens) > 0 {
			return fmt.Errorf("%q is the last admin: add another one first", name)
		}
		return nil
	})
}

// tokenPrefix lets people and scanners see what a token belongs to.
const tokenPrefix = "intact_"

// AddToken lets a program in and returns what it has to send; it is told only
// this once.
func (b *Book) AddToken(name string, role Role, ends time.Time) (string, error) {
	secret := tokenPrefix + randomText()
	err := b.change(func(r *Roll) error {
		if len(r.Users) == 0 {
			return errors.New("add an admin first: tokens are for a gateway with a login")
		}
		if err := r.taken(name); err != nil {
			return err
		}
		r.Tokens = append(r.Tokens, Token{Name: name, Role: role, Hash: digest(secret), Made: time.Now().UTC(), Ends: ends.UTC()})
		return nil
	})
	return secret, err
}

func noSuch(name string) error {
	return fmt.Errorf("there is no user or token called %q", name)
}

// randomText returns 32 random bytes as text.
func randomText() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// digest returns what is kept of a random text. It needs no salt and no cost:
// nobody guesses 32 random bytes.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// writeFile puts v in place of the file name, whole or not at all, for this user
// only.
func writeFile(root *os.Root, name string, v any) error {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	draft := name + ".new"
	f, err := root.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, ownAsDirectory(root, f), f.Sync(), f.Close()); err != nil {
		return err
	}
	return root.Rename(draft, name)
}

// ownAsDirectory gives a file to the owner of the data directory, so that what an
// administrator changes as root can be read by the gateway.
func ownAsDirectory(root *os.Root, f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := root.Stat(".")
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t)
	return f.Chown(int(owner.Uid), int(owner.Gid))
}

// PublicRoll is what may be told of a roll: no hash of anything.
type PublicRoll struct {
	Users  []PublicUser  `json:"users"`
	Tokens []PublicToken `json:"tokens"`
}

// PublicUser is what may be told of a user.
type PublicUser struct {
	Name  string    `json:"name"`
	Role  Role      `json:"role"`
	Since time.Time `json:"since"`
}

// PublicToken is what may be told of a token.
type PublicToken struct {
	Name  string    `json:"name"`
	Scope string    `json:"scope"`
	Made  time.Time `json:"made"`
	Ends  time.Time `json:"ends"`
}

// Public returns what may be told of the roll. Its lists are never nil.
func (r *Roll) Public() PublicRoll {
	p := PublicRoll{Users: []PublicUser{}, Tokens: []PublicToken{}}
	for _, u := range r.Users {
		p.Users = append(p.Users, PublicUser{u.Name, u.Role, u.Since})
	}
	for _, t := range r.Tokens {
		p.Tokens = append(p.Tokens, PublicToken{t.Name, ScopeOf(t.Role), t.Made, t.Ends})
	}
	return p
}
