package acklink_test

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/intact-gateway/intact/alerts/acklink"
	"github.com/intact-gateway/intact/gateway"
)

const noon = gateway.Instant(1_773_115_200_000)

func open(t *testing.T, dir string) *acklink.Key {
	t.Helper()
	k, err := acklink.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestALinkSaysWhatWasSigned(t *testing.T) {
	dir := t.TempDir()
	want := acklink.Claim{Alert: 17, Call: 2, By: "王强", Until: noon.Add(acklink.For)}
	token := open(t, dir).Sign(want)
	// The next start reads the same key.
	if got, err := open(t, dir).Read(token, noon); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if len(token) > 60 || strings.ContainsAny(token, "+/=") {
		t.Errorf("the link ends with %q", token)
	}
	if got, err := open(t, dir).Read(token, want.Until); !errors.Is(err, acklink.ErrExpired) || got != want {
		t.Errorf("after a day it is %+v, %v", got, err)
	}
	if _, err := open(t, t.TempDir()).Read(token, noon); !errors.Is(err, acklink.ErrForged) {
		t.Errorf("another gateway takes it: %v", err)
	}
}

// TestNoBitOfALinkCanBeChanged tries every one, and every shorter link.
func TestNoBitOfALinkCanBeChanged(t *testing.T) {
	k := open(t, t.TempDir())
	token := k.Sign(acklink.Claim{Alert: 17, Call: 2, By: "li", Until: noon.Add(acklink.For)})
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(b) * 8 {
		b[i/8] ^= 1 << (i % 8)
		if c, err := k.Read(base64.RawURLEncoding.EncodeToString(b), noon); !errors.Is(err, acklink.ErrForged) {
			t.Errorf("with bit %d changed it is %+v, %v", i, c, err)
		}
		b[i/8] ^= 1 << (i % 8)
	}
	for n := range token {
		if c, err := k.Read(token[:n], noon); !errors.Is(err, acklink.ErrForged) {
			t.Errorf("its first %d characters are %+v, %v", n, c, err)
		}
	}
}

func TestTheKeyIsForThisUserOnly(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	name := filepath.Join(dir, "ack.key")
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 || info.Size() != 32 {
		t.Fatalf("the key is %v, %v", info, err)
	}
	if err := os.Chmod(name, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := acklink.Open(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others can read is taken: %v", err)
	}
	if err := errors.Join(os.Chmod(name, 0o600), os.WriteFile(name, []byte("short"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := acklink.Open(dir); err == nil || !strings.Contains(err.Error(), "want 32") {
		t.Errorf("half a key is taken: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	dir := f.TempDir()
	k, err := acklink.Open(dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("AQECAw")
	f.Add(strings.Repeat("A", 40))
	f.Fuzz(func(t *testing.T, token string) {
		if c, err := k.Read(token, noon); err == nil {
			t.Errorf("%q is a link of %+v", token, c)
		}
	})
}
