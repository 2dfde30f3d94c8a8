// Package acklink makes and reads the links by which people acknowledge an alert
// from a message.
//
// A link is signed with a key that never leaves the data directory. It stands for
// one call of one alert and nothing else, and runs out: who has it can say that
// the alert is in hand, as often as they like with the same effect, and can
// neither read nor change anything else. A link of an earlier call acknowledges
// nothing, so that an old message cannot silence what has been raised anew.
package acklink

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
)

// For is how long a link holds.
const For = 24 * time.Hour

// What Read refuses.
var (
	ErrForged  = errors.New("the link was not made by this gateway")
	ErrExpired = errors.New("the link has run out")
)

// Claim is what a link stands for.
type Claim struct {
	Alert alerts.ID
	Call  int             // of the alert: its Call.Count
	By    string          // the person it was sent to, "" for a group or a program
	Until gateway.Instant // in whole seconds
}

// Key signs links.
type Key struct{ secret []byte }

// keyFile is the name of the key in the data directory.
const keyFile = "ack.key"

const (
	keyBytes = 32
	// macBytes is how much of the code a link carries: 128 bits, which nobody
	// guesses over a network, in a link that a short message may hold.
	macBytes = 16
	version  = 1
)

// Open reads the key in the data directory, or makes one that only this user can
// read. A key that others can read is refused.
func Open(dir string) (*Key, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	k, err := read(root)
	if errors.Is(err, fs.ErrNotExist) {
		if err := create(root); err != nil {
			return nil, err
		}
		k, err = read(root)
	}
	return k, err
}

func read(root *os.Root) (*Key, error) {
	info, err := root.Stat(keyFile)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others can read %s: delete it, or chmod 600", keyFile)
	}
	secret, err := root.ReadFile(keyFile)
	if err == nil && len(secret) != keyBytes {
		err = fmt.Errorf("%s holds %d bytes, want %d: delete it, and a new one is made", keyFile, len(secret), keyBytes)
	}
	return &Key{secret}, err
}

// create writes a new key, whole or not at all: half a key would stay.
func create(root *os.Root) error {
	secret := make([]byte, keyBytes)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	const draft = keyFile + ".new"
	f, err := root.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(secret)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return root.Rename(draft, keyFile)
}

// Sign returns the last part of the link for c.
func (k *Key) Sign(c Claim) string {
	b := []byte{version}
	b = binary.AppendUvarint(b, uint64(c.Alert))
	b = binary.AppendUvarint(b, uint64(c.Call))
	b = binary.AppendUvarint(b, uint64(c.Until)/1000)
	b = append(b, c.By...)
	return base64.RawURLEncoding.EncodeToString(append(b, k.mac(b)...))
}

// Read returns what the last part of a link stands for. The error is ErrForged or
// ErrExpired.
func (k *Key) Read(token string, now gateway.Instant) (Claim, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < 1+macBytes {
		return Claim{}, ErrForged
	}
	signed, mac := b[:len(b)-macBytes], b[len(b)-macBytes:]
	if !hmac.Equal(mac, k.mac(signed)) || signed[0] != version {
		return Claim{}, ErrForged
	}
	rest := signed[1:]
	number := func() uint64 {
		v, n := binary.Uvarint(rest)
		rest = rest[max(n, 0):]
		return v
	}
	var c Claim
	c.Alert = alerts.ID(number())
	c.Call = int(number())
	c.Until = gateway.Instant(number() * 1000)
	c.By = string(rest)
	if c.Until <= now {
		return c, ErrExpired
	}
	return c, nil
}

func (k *Key) mac(b []byte) []byte {
	h := hmac.New(sha256.New, k.secret)
	h.Write([]byte("acknowledge\x00")) // this key may come to sign something else
	h.Write(b)
	return h.Sum(nil)[:macBytes]
}
