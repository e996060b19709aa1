// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// secretFile returns a secret in a file and a function that writes it.
func secretFile(t *testing.T) (Secret, func(content string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	return Secret{File: path, Key: testKey}, func(content string) {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
}

func TestReadSecret(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ content, want string }{
		"plain":                  {"s3cret", "s3cret"},
		"with a final newline":   {"s3cret\n", "s3cret"},
		"with space around":      {" \t s3cret \r\n\n", "s3cret"},
		"with space inside":      {"s3 cret", "s3 cret"},
		"as long as it may be":   {strings.Repeat("s", 64<<10), strings.Repeat("s", 64<<10)},
		"with a final line feed": {"ßecret\r\n", "ßecret"},
		"with a byte order mark": {"\uFEFFs3cret\r\n", "s3cret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secret, write := secretFile(t)
			write(c.content)
			for _, secret := range []Secret{secret, {Value: c.content, Key: testKey}} {
				got, err := secret.Read(t.Context())
				require.NoError(t, err)
				assert.Equal(t, c.want, got)
			}
		})
	}
	got, err := Secret{}.Read(t.Context())
	require.NoError(t, err)
	assert.Empty(t, got, "none has been given")
}

func TestASecretInUTF16(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"little endian, with a mark": "\xff\xfes\x003\x00\r\x00\n\x00", "big endian, with a mark": "\xfe\xff\x00s\x003",
		"little endian": "s\x003\x00", "big endian": "\x00s\x003",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secret, write := secretFile(t)
			write(content)
			s, _ := newSource(newLogin(t), secret)
			e := requireFailure(t, s)
			require.EqualError(t, e, "sign-in failed: the secret from "+secret.File+" is in UTF-16")
			assert.Contains(t, e.Hint(), "UTF-8")
			assert.Contains(t, e.Hint(), testKey)
		})
	}
}

func TestASecretFromTheEnvironmentThatIsEmpty(t *testing.T) {
	t.Parallel()
	s, _ := newSource(newLogin(t), Secret{Value: " \n", Key: testKey})
	e := requireFailure(t, s)
	require.EqualError(t, e, "sign-in failed: authentication.oauth.client_secret has nothing but white space")
	assert.Contains(t, e.Hint(), "authentication.oauth.client_secret")
}

func TestSuspicion(t *testing.T) {
	t.Parallel()
	for secret, says := range map[string]string{
		`"s3cret"`: "quotes", "'s3cret'": "quotes", "`s3cret`": "quotes", `""`: "quotes",
		"O365MT_CLIENT_SECRET=s3cret": "NAME=value", "export A=s": "NAME=value", "set A=s": "NAME=value", "$env:A = s": "NAME=value", "a = s": "NAME=value",
		"s3cret": "", `"s3cret`: "", `"`: "", "abc=": "", "YWJjZA==": "", "a b=c": "", "=x": "", "8Q~x.y_z-~": "", "": "",
	} {
		assert.Equal(t, says == "", Suspicion(secret) == "", secret)
		assert.Contains(t, Suspicion(secret), says, secret)
	}
}

// A refused secret that cannot be one is told from a wrong one.
func TestTheHintOfARefusedSecretTellsWhatIsStriking(t *testing.T) {
	t.Parallel()
	for secret, says := range map[string]string{
		`"` + testSecret + `"`: "in quotes", "CLIENT_SECRET=" + testSecret: "NAME=value", "33333333-3333-3333-3333-333333333333": "a secret's ID: give",
		testSecret: "set authentication.oauth.client_secret",
	} {
		l := newLogin(t)
		l.accepted = "another"
		s, _ := newSource(l, Secret{Value: secret, Key: testKey})
		e := requireFailure(t, s)
		assert.Contains(t, e.Hint(), says)
		assert.Contains(t, e.Hint(), "authentication.oauth.client_secret")
		assert.Equal(t, secret == testSecret, !strings.Contains(e.Hint(), "look at the secret"))
	}
}

func TestASecretFileThatIsOfNoUse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(t *testing.T, path string)
		says    string
	}{
		"missing":  {func(*testing.T, string) {}, "no such file"},
		"a folder": {func(t *testing.T, path string) { t.Helper(); require.NoError(t, os.Mkdir(path, 0o700)) }, "the file is a directory, not a regular file"},
		"empty":    {func(t *testing.T, path string) { t.Helper(); require.NoError(t, os.WriteFile(path, nil, 0o600)) }, "the file is empty"},
		"blank": {func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.WriteFile(path, []byte(" \r\n"), 0o600))
		}, "the file is empty"},
		"too large": {func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.WriteFile(path, make([]byte, 64<<10+1), 0o600))
		}, "more than 64 KiB"},
		"a socket": {func(t *testing.T, path string) {
			t.Helper()
			listener, err := net.Listen("unix", path)
			require.NoError(t, err)
			t.Cleanup(func() { listener.Close() })
		}, "the file is a socket, not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secret, _ := secretFile(t)
			c.prepare(t, secret.File)
			l := newLogin(t)
			s, _ := newSource(l, secret)
			e := requireFailure(t, s)
			require.ErrorContains(t, e, "cannot read the secret from "+secret.File)
			require.ErrorContains(t, e, c.says)
			assert.Contains(t, e.Hint(), testKey)
			assert.Equal(t, 1, strings.Count(e.Error(), secret.File), "the path is named once")
			assert.Zero(t, l.count())
		})
	}
}

func TestARotatedSecretIsUsedByTheNextToken(t *testing.T) {
	t.Parallel()
	secret, write := secretFile(t)
	write("old\n")
	l := newLogin(t)
	s, _ := newSource(l, secret)
	requireToken(t, s, "token-1")
	requireToken(t, s, "token-1")
	write("new\n")
	requireToken(t, s, "token-2")
	requireToken(t, s, "token-2")
	write("new") // the same secret
	requireToken(t, s, "token-2")
	assert.Equal(t, []string{"old", "new"}, l.secrets())
}

func TestASecretThatAppearsLaterIsUsed(t *testing.T) {
	t.Parallel()
	secret, write := secretFile(t)
	s, _ := newSource(newLogin(t), secret)
	requireFailure(t, s)
	write("s3cret")
	requireToken(t, s, "token-1")
}

func TestASecretThatVanishesDoesNotTakeTheTokenAlong(t *testing.T) {
	t.Parallel()
	secret, write := secretFile(t)
	write("old")
	l := newLogin(t)
	s, _ := newSource(l, secret)
	requireToken(t, s, "token-1")
	require.NoError(t, os.Remove(secret.File))
	requireToken(t, s, "token-1")
	write("")
	requireToken(t, s, "token-1")

	// A new token needs the secret again.
	s.Reject("token-1", "")
	requireFailure(t, s)
	write("new")
	requireToken(t, s, "token-2")
	assert.Equal(t, []string{"old", "new"}, l.secrets())
}

func TestANewSecretEndsThePauseAfterARefusal(t *testing.T) {
	t.Parallel()
	secret, write := secretFile(t)
	write("wrong")
	l := newLogin(t)
	l.accepted = "right"
	s, clock := newSource(l, secret)
	assert.Equal(t, 7000215, requireFailure(t, s).Code)
	clock.pass(time.Minute)
	write("wrong as well")
	assert.Equal(t, 7000215, requireFailure(t, s).Code)
	clock.pass(time.Minute)
	requireFailure(t, s)
	require.NoError(t, os.Remove(secret.File))
	requireFailure(t, s)
	assert.Equal(t, []string{"wrong", "wrong as well"}, l.secrets(), "each secret is tried once")
	write("right")
	requireToken(t, s, "token-3")
	write("wrong")
	assert.Equal(t, 7000215, requireFailure(t, s).Code)
}

func TestARefusalOutlivesARejection(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	l.accepted = "another"
	s, _ := newSource(l, Secret{Value: testSecret})
	requireFailure(t, s)
	s.Reject("", "")
	requireFailure(t, s)
	assert.Len(t, l.requests, 1, "the secret is still the refused one")
}
