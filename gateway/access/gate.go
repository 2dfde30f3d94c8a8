package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Options are how a Gate stands.
type Options struct {
	Log *slog.Logger // nil for none
	// Free lets everybody in while there is no user: for a gateway that only its
	// own machine reaches.
	Free bool
}

// Gate lets people and programs in. Its methods may be called concurrently.
type Gate struct {
	o        Options
	book     *Book
	sessions *sessions
	turns    turns
	from     *limiter // by address
	names    *limiter // by user

	mu   sync.Mutex
	code string // for the first user; "" for none
	ends time.Time
}

// NewGate returns the gate of the data directory, which must exist.
func NewGate(dir string, o Options) *Gate {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	g := &Gate{o: o, book: NewBook(dir), turns: make(turns, hashingAtOne), from: newLimiter(), names: newLimiter()}
	var err error
	if g.sessions, err = openSessions(dir); err != nil {
		o.Log.Warn("everybody has to log in again", "err", err)
	}
	return g
}

// codeFor is how long a set-up code works.
const codeFor = 30 * time.Minute

// SetUpCode returns the code by which the first user is made, if the gateway has
// none and needs one. There is one code at a time; it works once, until the time
// returned.
func (g *Gate) SetUpCode() (code string, ends time.Time, needed bool, err error) {
	roll, err := g.book.Roll()
	if err != nil || g.o.Free || len(roll.Users) > 0 {
		return "", ends, false, err
	}
	code = rand.Text()[:16] // 80 bits
	g.mu.Lock()
	defer g.mu.Unlock()
	g.code, g.ends = code, time.Now().Add(codeFor)
	return strings.Join([]string{code[:4], code[4:8], code[8:12], code[12:]}, "-"), g.ends, true, nil
}

// SetUp makes the first user, an admin, and logs them in as Login does. The errors
// are ErrTooOften, ErrSetUp, ErrCode, ErrWeak, ErrName and those of the files.
func (g *Gate) SetUp(ctx context.Context, code, name, password, from string) (string, Identity, error) {
	now := time.Now()
	if !g.from.try(network(from), now) || !g.names.try("set-up\x00", now) {
		return "", Identity{}, ErrTooOften
	}
	if needed, err := g.NeedsSetUp(); err != nil {
		return "", Identity{}, err
	} else if !needed {
		return "", Identity{}, ErrSetUp
	}
	if !g.codeFits(code, now) {
		return "", Identity{}, ErrCode
	}
	if err := CheckPassword(name, password); err != nil {
		return "", Identity{}, err
	}
	done, err := g.turns.take(ctx)
	if err != nil {
		return "", Identity{}, err
	}
	defer done()
	u := User{Name: name, Role: Admin, Password: hashPassword(password), Since: now.UTC()}
	err = g.book.change(func(r *Roll) error {
		if len(r.Users) > 0 {
			return ErrSetUp
		}
		if err := r.taken(name); err != nil {
			return err
		}
		r.Users = append(r.Users, u)
		return nil
	})
	if err != nil {
		return "", Identity{}, err
	}
	g.mu.Lock()
	g.code = ""
	g.mu.Unlock()
	return g.begin(u, from, now)
}

func (g *Gate) codeFits(code string, now time.Time) bool {
	code = strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(code))
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.code != "" && now.Before(g.ends) && subtle.ConstantTimeCompare([]byte(code), []byte(g.code)) == 1
}

// NeedsSetUp reports whether the gateway needs a login and has no user.
func (g *Gate) NeedsSetUp() (bool, error) {
	roll, err := g.book.Roll()
	return err == nil && !g.o.Free && len(roll.Users) == 0, err
}

// Login logs a user in at the address from. It returns the text for the cookie and
// who it is; the errors are ErrTooOften, ErrBusy, ErrWrong, that of ctx, and those
// of the users file.
func (g *Gate) Login(ctx context.Context, name, password, from string) (string, Identity, error) {
	now := time.Now()
	if !g.from.try(network(from), now) {
		return "", Identity{}, ErrTooOften
	}
	// Tries from everywhere count together, except from where the user is logged in
	// already: a stranger cannot use up the tries of a person at their own desk.
	counted := digest(name)
	if g.sessions.knows(name, from, now) {
		counted += "@" + from
	}
	if !g.names.try(counted, now) {
		return "", Identity{}, ErrTooOften
	}
	roll, err := g.book.Roll()
	if err != nil {
		return "", Identity{}, err
	}
	done, err := g.turns.take(ctx)
	if err != nil {
		return "", Identity{}, err
	}
	defer done()
	u := roll.user(name)
	kept := decoy
	if u != nil {
		if kept, err = parseHash(u.Password); err != nil {
			return "", Identity{}, err
		}
	}
	if len(password) > maxPassword || !kept.fits(password) || u == nil {
		return "", Identity{}, ErrWrong
	}
	g.names.forget(counted)
	return g.begin(*u, from, now)
}

func (g *Gate) begin(u User, from string, now time.Time) (string, Identity, error) {
	secret, err := g.sessions.begin(u, from, now)
	if err != nil {
		g.o.Log.Warn("a login will not outlast a restart", "err", err)
	}
	return secret, Identity{Name: u.Name, Role: u.Role}, nil
}

// Logout ends the session of the text in a cookie.
func (g *Gate) Logout(secret string) {
	hash := digest(secret)
	if err := g.sessions.end(func(s *session) bool { return s.Hash == hash }, time.Now()); err != nil {
		g.o.Log.Warn("a logout may not outlast a restart", "err", err)
	}
}

// Session returns who is logged in by the text in a cookie, "" for none. The
// errors are ErrNoLogin and those of the users file.
func (g *Gate) Session(secret string) (Identity, error) {
	roll, err := g.book.Roll()
	if err != nil {
		return Identity{}, err
	}
	if g.o.Free && len(roll.Users) == 0 {
		return Identity{Role: Admin}, nil
	}
	if secret == "" {
		return Identity{}, ErrNoLogin
	}
	s, ok, err := g.sessions.find(secret, time.Now())
	if err != nil {
		g.o.Log.Warn("the use of a session could not be written", "err", err)
	}
	u := roll.user(s.User)
	if !ok || u == nil || digest(u.Password) != s.Password {
		return Identity{}, ErrNoLogin
	}
	return Identity{Name: u.Name, Role: u.Role}, nil
}

// Program returns who has a token. The errors are ErrNoLogin and those of the
// users file.
func (g *Gate) Program(token string) (Identity, error) {
	roll, err := g.book.Roll()
	if err != nil {
		return Identity{}, err
	}
	hash := []byte(digest(token))
	for _, t := range roll.Tokens {
		if subtle.ConstantTimeCompare(hash, []byte(t.Hash)) == 1 && time.Now().Before(t.Ends) {
			return Identity{Name: t.Name, Role: t.Role, Program: true}, nil
		}
	}
	return Identity{}, ErrNoLogin
}

// Everybody returns who has access, for people who look after it.
func (g *Gate) Everybody() (Roll, error) { return g.book.Roll() }
