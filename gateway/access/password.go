package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// The cost of a password: 12 MiB and three passes, the second of the settings
// that OWASP holds equal. Its first takes 19 MiB; with less memory, two people who
// log in at the same time cost a box of 512 MiB less than a twentieth.
const (
	argonMemory  = 12 << 10 // KiB
	argonPasses  = 3
	argonLanes   = 1
	argonSalt    = 16 // bytes
	argonKey     = 32 // bytes
	hashingAtOne = 2
)

// hashWait is how long a login waits for its turn.
const hashWait = 5 * time.Second

// What a password has to be. The upper bound keeps a body of a megabyte from
// being hashed.
const (
	minPassword = 12 // characters
	maxPassword = 256
	minVariety  = 5 // different characters
)

// common are passwords long enough that everybody thinks of first.
var common = []string{
	"123456789012", "1234567890123", "012345678901", "password1234", "passwordpassword", "adminadmin123", "administrator",
	"qwertyuiop12", "qwertyuiop123", "1qaz2wsx3edc", "abc123456789", "abcd12345678", "woaini123456", "intactintact", "changeme1234", "letmein12345",
}

// CheckPassword says why password is too easy to guess for the user called name;
// the error is ErrWeak.
func CheckPassword(name, password string) error {
	low := strings.ToLower(password)
	different := make(map[rune]bool)
	for _, r := range low {
		different[r] = true
	}
	why := ""
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		why = fmt.Sprintf("fewer than %d characters", minPassword)
	case len(password) > maxPassword:
		why = fmt.Sprintf("more than %d bytes", maxPassword)
	case len(different) < minVariety:
		why = "almost the same character throughout"
	case utf8.RuneCountInString(name) > 2 && strings.Contains(low, strings.ToLower(name)):
		why = "it holds the name of the user"
	}
	for _, c := range common {
		if low == c {
			why = "one of those that are tried first"
		}
	}
	if why == "" {
		return nil
	}
	return fmt.Errorf("%w: %s; take several words that do not belong together", ErrWeak, why)
}

// hashPassword returns what is kept of a password, in the PHC string form.
func hashPassword(password string) string {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails: the program ends if the system has no randomness
	key := argon2.IDKey([]byte(password), salt, argonPasses, argonMemory, argonLanes, argonKey)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonPasses, argonLanes, b64(salt), b64(key))
}

// hashed is what a PHC string says.
type hashed struct {
	memory, passes uint32
	lanes          uint8
	salt, key      []byte
}

// parseHash reads a PHC string. One that asks for more than four times our own
// cost is refused: the memory of the box is not for a file to spend.
func parseHash(phc string) (h hashed, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, fmt.Errorf("a password is not kept as argon2id")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes); err != nil {
		return h, fmt.Errorf("the cost of a password: %w", err)
	}
	if h.memory > 4*argonMemory || h.passes < 1 || h.passes > 4*argonPasses || h.lanes < 1 {
		return h, fmt.Errorf("the cost of a password %q is out of bounds", parts[3])
	}
	if h.salt, err = base64.RawStdEncoding.Strict().DecodeString(parts[4]); err != nil {
		return h, fmt.Errorf("the salt of a password: %w", err)
	}
	if h.key, err = base64.RawStdEncoding.Strict().DecodeString(parts[5]); err != nil || len(h.key) < argonKey {
		return h, fmt.Errorf("what is kept of a password is cut off")
	}
	return h, nil
}

// decoy is verified where there is no such user, so that it takes as long.
var decoy = hashed{memory: argonMemory, passes: argonPasses, lanes: argonLanes, salt: make([]byte, argonSalt), key: make([]byte, argonKey)}

// fits reports whether password is the one that h was made of.
func (h hashed) fits(password string) bool {
	got := argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.lanes, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(got, h.key) == 1
}

// turns lets few hash at a time.
type turns chan struct{}

// take waits for a turn and returns how to give it back; the error is ErrBusy or
// that of ctx.
func (t turns) take(ctx context.Context) (done func(), err error) {
	late := time.NewTimer(hashWait)
	defer late.Stop()
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-late.C:
		return nil, ErrBusy
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
