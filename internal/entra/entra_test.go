// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheTokenIsAskedForOnceAndKept(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	s, _ := newSource(l, Secret{Value: testSecret})
	assert.Zero(t, l.count(), "nothing may be asked before a token is needed")
	for range 5 {
		requireToken(t, s, "token-1")
	}
	require.Len(t, l.requests, 1)
	for name, want := range map[string]string{
		"tenant":        testTenant,
		"grant_type":    "client_credentials",
		"client_id":     testClient,
		"client_secret": testSecret,
	} {
		assert.Equal(t, want, l.requests[0][name], name)
	}
	assert.Contains(t, l.requests[0]["scope"], "https://graph.microsoft.com/.default")
	assert.NotContains(t, l.requests[0]["scope"], "//.default")
}

func TestAResourceMayEndInASlash(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	s, _ := newSource(l, Secret{Value: testSecret})
	s.cfg.Resource += "/"
	requireToken(t, s, "token-1")
	assert.Contains(t, l.requests[0]["scope"], "https://graph.microsoft.com/.default")
}

func TestManyAtOnceShareOneToken(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	s, _ := newSource(l, Secret{Value: testSecret})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			token, err := s.Token(t.Context())
			if assert.NoError(t, err) {
				assert.Equal(t, "token-1", token)
			}
		})
	}
	all.Wait()
	assert.Len(t, l.requests, 1)
}

func TestARejectedTokenIsReplacedOnceInFiveMinutes(t *testing.T) {
	t.Parallel()
	s, clock := newSource(newLogin(t), Secret{Value: testSecret})
	s.Reject("", "")
	s.Reject("token-0", "")
	requireToken(t, s, "token-1")
	s.Reject("token-1", "")
	s.Reject("token-1", "")
	requireToken(t, s, "token-2")
	requireToken(t, s, "token-2")
	for range 5 {
		s.Reject("token-1", "")
		s.Reject("token-2", "")
		requireToken(t, s, "token-2")
		clock.pass(time.Minute - time.Millisecond)
	}
	clock.pass(5 * time.Millisecond)
	s.Reject("token-1", "")
	requireToken(t, s, "token-2")
	s.Reject("token-2", "")
	requireToken(t, s, "token-3")
}

// However many requests are refused at once, and again and again, the login host hears of it once in five minutes.
func TestRejectionsAreNoStorm(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	s, clock := newSource(l, Secret{Value: testSecret})
	for range 3600 {
		token, err := s.Token(t.Context())
		require.NoError(t, err)
		s.Reject(token, "")
		clock.pass(time.Second)
	}
	assert.Len(t, l.requests, 13, "the first one, and one in each five minutes of an hour")
}

func TestTheClaimsOfAChallengeAreAskedForOnce(t *testing.T) {
	t.Parallel()
	const demanded = `{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}`
	l := newLogin(t)
	s, clock := newSource(l, Secret{Value: testSecret})
	requireToken(t, s, "token-1")
	s.Reject("token-1", demanded)
	l.set(func(l *login) { l.refuse = func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) } })
	requireFailure(t, s)
	l.set(func(l *login) { l.refuse = nil })
	requireToken(t, s, "token-3")
	requireToken(t, s, "token-3")
	clock.pass(time.Hour)
	s.Reject("token-3", "")
	requireToken(t, s, "token-4")
	var asked []string
	for _, request := range l.requests {
		asked = append(asked, request["claims"])
	}
	assert.Equal(t, []string{"", demanded, demanded, ""}, asked, "also after a failure, but not for ever")
}

func TestNobodyWaitsForAnothersSignIn(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	reached, release := make(chan struct{}), make(chan struct{})
	l.refuse = func(w http.ResponseWriter) {
		close(reached)
		<-release
		w.WriteHeader(http.StatusBadGateway)
	}
	s, _ := newSource(l, Secret{Value: testSecret})
	var first sync.WaitGroup
	first.Go(func() { requireFailure(t, s) })
	<-reached
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Token(ctx)
	require.ErrorIs(t, requireError(t, err), context.Canceled)
	s.Reject("token-1", "")
	close(release)
	first.Wait()
}

func TestARejectedTokenIsNotUsedAgainThoughThereIsNoOther(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	s, _ := newSource(l, Secret{Value: testSecret})
	requireToken(t, s, "token-1")
	s.Reject("token-1", "")
	l.set(func(l *login) {
		l.refuse = func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }
	})
	require.ErrorContains(t, requireFailure(t, s), "status 503")
	l.set(func(l *login) { l.refuse = nil })
	requireToken(t, s, "token-3")
}

func TestARefusedSecretIsNotTriedAgainForAQuarterOfAnHour(t *testing.T) {
	t.Parallel()
	for _, r := range []refusal{invalidSecret, expired, noSuchClient} {
		t.Run(fmt.Sprintf("AADSTS%d", r.code), func(t *testing.T) {
			t.Parallel()
			l := newLogin(t)
			l.refuse = r.write
			s, clock := newSource(l, Secret{Value: testSecret})
			first := requireFailure(t, s)
			asked := l.count()
			for range 15 {
				clock.pass(time.Minute - time.Millisecond)
				assert.Same(t, first, requireFailure(t, s), "the error says the same in between")
				assert.Equal(t, asked, l.count(), "the login host must be left alone")
			}
			clock.pass(15 * time.Millisecond)
			assert.NotSame(t, first, requireFailure(t, s))
			assert.Greater(t, l.count(), asked)

			// The pause starts over, and ends with the first success.
			asked = l.count()
			clock.pass(14 * time.Minute)
			requireFailure(t, s)
			assert.Equal(t, asked, l.count())
			l.set(func(l *login) { l.refuse = nil })
			clock.pass(time.Minute)
			token, err := s.Token(t.Context())
			require.NoError(t, err)
			requireToken(t, s, token)
		})
	}
}

func TestTroubleOfTheLoginHostIsTriedAgainAtOnce(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	l.refuse = func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }
	s, _ := newSource(l, Secret{Value: testSecret})
	requireFailure(t, s)
	requireFailure(t, s)
	assert.Len(t, l.requests, 2, "one request per attempt: when to try again is decided elsewhere")
	l.set(func(l *login) { l.refuse = nil })
	requireToken(t, s, "token-3")
}

func TestAnUnknownTenantIsSaidWhicheverRequestTellsOfIt(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(l *login){
		"the one for the tenant's addresses": func(l *login) { l.refuseTenant = noSuchTenant.write },
		"the one for the token":              func(l *login) { l.refuse = noSuchTenant.write },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLogin(t)
			l.set(set)
			s, _ := newSource(l, Secret{Value: testSecret})
			e := requireFailure(t, s)
			assert.Equal(t, 90002, e.Code)
			assert.Contains(t, e.Hint(), "tenant_id")
			assert.Contains(t, e.Hint(), "authority_host")
			assert.ErrorContains(t, e, "sign-in failed: AADSTS90002: Tenant '"+testTenant+"' not found.")
		})
	}
}

func TestALoginHostThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	gone := newLogin(t)
	gone.Close()
	untrusting := &http.Client{Transport: &http.Transport{}}
	for name, c := range map[string]struct {
		login  *login
		client *http.Client
		hint   string
	}{
		"it cannot be reached":             {gone, untrusting, "authority_host"},
		"its certificate is not trusted":   {newLogin(t), untrusting, "tls.ca_file"},
		"it is no host of the certificate": {newLogin(t), nil, "check authority_host, proxy_url"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := newSource(c.login, Secret{Value: testSecret})
			if c.client != nil {
				s.cfg.HTTPClient = c.client
			} else {
				// The server's certificate is for example.com and the loopback addresses.
				trusting := c.login.Client().Transport.(*http.Transport).Clone()
				trusting.TLSClientConfig.ServerName = "login.example"
				t.Cleanup(trusting.CloseIdleConnections)
				s.cfg.HTTPClient = &http.Client{Transport: trusting}
			}
			e := requireFailure(t, s)
			assert.Zero(t, e.Code)
			assert.Contains(t, e.Hint(), c.hint)
			assert.Contains(t, e.Error(), "sign-in failed: "+s.cfg.authority()+": ")
			assert.Error(t, e.Unwrap())
		})
	}
}

func TestTheHostIsAskedAgainOnceItIsBack(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	s, _ := newSource(l, Secret{Value: testSecret})
	trusting := s.cfg.HTTPClient
	s.cfg.HTTPClient = &http.Client{Transport: failing{}}
	requireFailure(t, s)
	s.cfg.HTTPClient = trusting
	requireToken(t, s, "token-1")
}

type failing struct{}

func (failing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("no network; the body was %s and %s", testSecret, "client_secret=s3cr3t~of%2Fthe%2Btest")
}

func TestASignInThatIsCancelledEnds(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	ctx, cancel := context.WithCancel(t.Context())
	l.refuse = func(http.ResponseWriter) { cancel() }
	s, _ := newSource(l, Secret{Value: testSecret})
	// The server answers, but nobody reads it any more.
	_, err := s.Token(ctx)
	require.Error(t, err)
	requireError(t, err)

	l.set(func(l *login) { l.refuse = nil })
	_, err = s.Token(ctx)
	require.Error(t, err, "the context is over")
	token, err := s.Token(t.Context())
	require.NoError(t, err)
	assert.NotEmpty(t, token)
}

func TestNothingIsAskedOfMicrosoftAboutAPrivateLoginHost(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	s, _ := newSource(l, Secret{Value: testSecret})
	counting := &counter{next: l.Client().Transport}
	s.cfg.HTTPClient = &http.Client{Transport: counting}
	requireToken(t, s, "token-1")
	assert.Equal(t, []string{l.Listener.Addr().String(), l.Listener.Addr().String()}, counting.hosts)
}

type counter struct {
	next  http.RoundTripper
	hosts []string
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.hosts = append(c.hosts, r.URL.Host)
	return c.next.RoundTrip(r)
}
