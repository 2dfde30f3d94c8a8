package access_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/gateway/access"
)

const (
	password = "copper kettle on the roof"
	desk     = "10.0.0.5"
	stranger = "203.0.113.9"
)

// newGate returns a gate with the admin li.
func newGate(t *testing.T) (*access.Gate, *access.Book, string) {
	t.Helper()
	dir := t.TempDir()
	book := access.NewBook(dir)
	if err := book.AddUser("li", password, access.Admin); err != nil {
		t.Fatal(err)
	}
	return access.NewGate(dir, access.Options{}), book, dir
}

func TestAUserLogsInAndIsKnownByTheSession(t *testing.T) {
	gate, _, dir := newGate(t)
	secret, who, err := gate.Login(t.Context(), "li", password, desk)
	if err != nil || who.Name != "li" || who.Role != access.Admin {
		t.Fatalf("login: %+v, %v", who, err)
	}
	if who, err := gate.Session(secret); err != nil || who.Name != "li" {
		t.Errorf("session: %+v, %v", who, err)
	}
	if who, err := access.NewGate(dir, access.Options{}).Session(secret); err != nil || who.Name != "li" {
		t.Errorf("after a restart: %+v, %v", who, err)
	}
	for name, text := range map[string]string{"none": "", "another": secret[:42] + "_", "what is kept": kept(t, dir)} {
		if _, err := gate.Session(text); !errors.Is(err, access.ErrNoLogin) {
			t.Errorf("session by %s: %v", name, err)
		}
	}
	gate.Logout(secret)
	if _, err := gate.Session(secret); !errors.Is(err, access.ErrNoLogin) {
		t.Errorf("after the logout: %v", err)
	}
}

// kept returns the hash in the sessions file.
func kept(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "sessions.json"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), `"hash": "`)
	hash, _, _ := strings.Cut(rest, `"`)
	return hash
}

func TestTheFilesHoldNoSecretAndAreForTheGatewayOnly(t *testing.T) {
	gate, book, dir := newGate(t)
	secret, _, err := gate.Login(t.Context(), "li", password, desk)
	if err != nil {
		t.Fatal(err)
	}
	token, err := book.AddToken("grafana", access.Viewer, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"users.json", "sessions.json", "users.lock"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		text, _ := os.ReadFile(filepath.Join(dir, name))
		for _, hidden := range []string{password, secret, token, strings.TrimPrefix(token, "intact_")} {
			if strings.Contains(string(text), hidden) {
				t.Errorf("%s holds %q", name, hidden)
			}
		}
	}
}

func TestASessionEnds(t *testing.T) {
	tests := map[string]struct {
		during func(t *testing.T, gate *access.Gate, book *access.Book, secret string)
		ended  bool
	}{
		"unused for twelve hours": {func(*testing.T, *access.Gate, *access.Book, string) { time.Sleep(12 * time.Hour) }, true},
		"used before that":        {func(*testing.T, *access.Gate, *access.Book, string) { time.Sleep(12*time.Hour - time.Second) }, false},
		"thirty days after the login although it is in use": {func(_ *testing.T, gate *access.Gate, _ *access.Book, secret string) {
			for range 30 * 24 / 6 {
				time.Sleep(6 * time.Hour)
				_, _ = gate.Session(secret)
			}
		}, true},
		"with a new password": {func(t *testing.T, _ *access.Gate, book *access.Book, _ string) {
			if err := book.SetPassword("li", password+" again"); err != nil {
				t.Error(err)
			}
		}, true},
		"with the user": {func(t *testing.T, _ *access.Gate, book *access.Book, _ string) {
			if err := errors.Join(book.AddUser("wang", password, access.Admin), book.Remove("li")); err != nil {
				t.Error(err)
			}
		}, true},
		"not with another user": {func(t *testing.T, _ *access.Gate, book *access.Book, _ string) {
			if err := errors.Join(book.AddUser("wang", password, access.Viewer), book.Remove("wang")); err != nil {
				t.Error(err)
			}
		}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate, book, _ := newGate(t)
				secret, _, err := gate.Login(t.Context(), "li", password, desk)
				if err != nil {
					t.Fatal(err)
				}
				tt.during(t, gate, book, secret)
				if _, err := gate.Session(secret); errors.Is(err, access.ErrNoLogin) != tt.ended {
					t.Errorf("session: %v", err)
				}
			})
		})
	}
}

func TestGuessingIsSlowAndLocksNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, _, _ := newGate(t)
		if _, _, err := gate.Login(t.Context(), "li", password, desk); err != nil {
			t.Fatal(err)
		}
		passed := 0
		for i := range 199 { // a minute of tries, each from another address
			_, _, err := gate.Login(t.Context(), "li", "guess", fmt.Sprintf("203.0.113.%d", i))
			if errors.Is(err, access.ErrWrong) {
				passed++
			}
			time.Sleep(300 * time.Millisecond)
		}
		if passed < 5 || passed > 10 {
			t.Errorf("%d guesses of 199 in a minute were looked at, want 5 at once and 5 over the minute", passed)
		}
		if _, _, err := gate.Login(t.Context(), "li", password, desk); err != nil {
			t.Errorf("at a desk that li has used: %v", err)
		}
		if _, _, err := gate.Login(t.Context(), "li", password, stranger); !errors.Is(err, access.ErrTooOften) {
			t.Errorf("elsewhere during the flood: %v", err)
		}
		time.Sleep(12 * time.Second)
		if _, _, err := gate.Login(t.Context(), "li", password, stranger); err != nil {
			t.Errorf("elsewhere after the flood: %v", err)
		}
	})
}

func TestOneAddressGetsFewTriesWhateverTheName(t *testing.T) {
	for _, from := range []string{stranger, "2001:db8::%x"} {
		synctest.Test(t, func(t *testing.T) {
			gate, _, _ := newGate(t)
			for i := range 8 {
				addr := from
				if strings.Contains(from, "%") {
					addr = fmt.Sprintf(from, i+1)
				}
				_, _, err := gate.Login(t.Context(), fmt.Sprint("user", i), "guess", addr)
				if want := []error{access.ErrWrong, access.ErrTooOften}[min(i/5, 1)]; !errors.Is(err, want) {
					t.Errorf("try %d from %s: %v, want %v", i+1, addr, err, want)
				}
			}
		})
	}
}

func TestAFloodOfNamesAndAddressesTakesLittleMemory(t *testing.T) {
	gate, _, _ := newGate(t)
	ctx := t.Context()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	// One address has few tries, so that nearly all of these end before the hash.
	for i := range 50_000 {
		_, _, _ = gate.Login(ctx, fmt.Sprint("user", i), "guess", stranger)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("50,000 tries leave %d bytes", grown)
	}
}

func TestASetUpCodeWorksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		gate := access.NewGate(dir, access.Options{})
		code, ends, needed, err := gate.SetUpCode()
		if err != nil || !needed || len(code) != 19 || time.Until(ends) != 30*time.Minute {
			t.Fatalf("code %q until %v, needed %v, %v", code, ends, needed, err)
		}
		if _, _, err := gate.SetUp(t.Context(), "AAAA-AAAA-AAAA-AAAA", "li", password, desk); !errors.Is(err, access.ErrCode) {
			t.Errorf("with a wrong code: %v", err)
		}
		if _, _, err := gate.SetUp(t.Context(), "", "li", password, desk); !errors.Is(err, access.ErrCode) {
			t.Errorf("with none: %v", err)
		}
		if _, _, err := gate.SetUp(t.Context(), code, "li", "li", desk); !errors.Is(err, access.ErrWeak) {
			t.Errorf("with a weak password: %v", err)
		}
		secret, who, err := gate.SetUp(t.Context(), strings.ToLower(code), "li", password, desk)
		if err != nil || who.Role != access.Admin {
			t.Fatalf("with the code: %+v, %v", who, err)
		}
		if who, err := gate.Session(secret); err != nil || who.Name != "li" {
			t.Errorf("logged in as %+v, %v", who, err)
		}
		time.Sleep(time.Minute)
		if _, _, err := gate.SetUp(t.Context(), code, "wang", password, desk); !errors.Is(err, access.ErrSetUp) {
			t.Errorf("a second time: %v", err)
		}
		if _, _, needed, err := access.NewGate(dir, access.Options{}).SetUpCode(); needed || err != nil {
			t.Errorf("with a user: needed %v, %v", needed, err)
		}
	})
}

func TestASetUpCodeRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := access.NewGate(t.TempDir(), access.Options{})
		code, _, _, err := gate.SetUpCode()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Minute)
		if _, _, err := gate.SetUp(t.Context(), code, "li", password, desk); !errors.Is(err, access.ErrCode) {
			t.Errorf("after half an hour: %v", err)
		}
	})
}

func TestAGatewayOnLoopbackIsFreeUntilItHasAUser(t *testing.T) {
	dir := t.TempDir()
	gate := access.NewGate(dir, access.Options{Free: true})
	if who, err := gate.Session(""); err != nil || who.Role != access.Admin || who.Name != "" {
		t.Errorf("without users: %+v, %v", who, err)
	}
	if _, _, needed, _ := gate.SetUpCode(); needed {
		t.Error("it asks for a set-up")
	}
	if err := access.NewBook(dir).AddUser("li", password, access.Admin); err != nil {
		t.Fatal(err)
	}
	if _, err := gate.Session(""); !errors.Is(err, access.ErrNoLogin) {
		t.Errorf("with a user: %v", err)
	}
}

func TestADamagedUsersFileLetsNobodyIn(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"cut off":               func(path string) error { return os.Truncate(path, 40) },
		"empty":                 func(path string) error { return os.Truncate(path, 0) },
		"readable for others":   func(path string) error { return os.Chmod(path, 0o644) },
		"a costly password":     func(path string) error { return edit(path, "m=12288", "m=4194304") },
		"a password in clear":   func(path string) error { return edit(path, "$argon2id$", "copper") },
		"a key that is unknown": func(path string) error { return edit(path, `"since"`, `"rights"`) },
	} {
		t.Run(name, func(t *testing.T) {
			_, _, dir := newGate(t)
			if err := damage(filepath.Join(dir, "users.json")); err != nil {
				t.Fatal(err)
			}
			gate := access.NewGate(dir, access.Options{Free: true})
			if who, err := gate.Session(""); err == nil {
				t.Errorf("session of %+v", who)
			}
			if _, _, err := gate.Login(t.Context(), "li", password, desk); err == nil {
				t.Error("a login is taken")
			}
			if _, _, needed, err := gate.SetUpCode(); needed || err == nil {
				t.Error("it can be set up anew")
			}
		})
	}
}

func edit(path, old, new string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.Replace(string(text), old, new, 1)), 0o600)
}

func TestTokensHaveAScopeAndAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, book, _ := newGate(t)
		token, err := book.AddToken("cmms", access.Technician, time.Now().Add(time.Hour))
		if err != nil || !strings.HasPrefix(token, "intact_") {
			t.Fatal(token, err)
		}
		if who, err := gate.Program(token); err != nil || who.Name != "cmms" || who.Role != access.Technician || !who.Program {
			t.Errorf("%+v, %v", who, err)
		}
		if _, err := gate.Session(token); !errors.Is(err, access.ErrNoLogin) {
			t.Errorf("as a session: %v", err)
		}
		time.Sleep(time.Hour)
		if _, err := gate.Program(token); !errors.Is(err, access.ErrNoLogin) {
			t.Errorf("after its end: %v", err)
		}
	})
}

func TestTheBookKeepsAnAdmin(t *testing.T) {
	book := access.NewBook(t.TempDir())
	if err := book.AddUser("li", password, access.Viewer); err == nil {
		t.Error("the first user is a viewer")
	}
	if err := errors.Join(book.AddUser("li", password, access.Admin), book.AddUser("wang", password, access.Viewer)); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"the last admin goes":         book.Remove("li"),
		"a name is taken twice":       book.AddUser("wang", password, access.Viewer),
		"a name of spaces":            book.AddUser("  ", password, access.Viewer),
		"a name with a line break":    book.AddUser("wa\nng", password, access.Viewer),
		"a stranger goes":             book.Remove("zhao"),
		"a stranger's password":       book.SetPassword("zhao", password),
		"a token under a user's name": func() error { _, err := book.AddToken("wang", access.Viewer, time.Now()); return err }(),
	} {
		if err == nil {
			t.Errorf("%s", name)
		}
	}
	if err := errors.Join(book.Remove("wang"), book.Remove("li")); err != nil {
		t.Errorf("all go: %v", err)
	}
}

func TestWeakPasswordsAreRefused(t *testing.T) {
	for _, weak := range []string{"", "elevenchars", "aaaaaaaaaaaaaa", "password1234", "PassWord1234", "wangqiang-2026", strings.Repeat("copper kettle", 30)} {
		if err := access.CheckPassword("wangqiang", weak); !errors.Is(err, access.ErrWeak) {
			t.Errorf("%q: %v", weak, err)
		}
	}
	for _, good := range []string{password, "铜壶在屋顶上唱着老歌谣呢", "x7#kQ2mv9!ab"} {
		if err := access.CheckPassword("wangqiang", good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}
