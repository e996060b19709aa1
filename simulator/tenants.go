// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// Tenants are several tenants behind one address, as all of Microsoft 365 is. The
// path of a sign-in names its tenant, by ID or domain, and a bearer token carries
// it. A request that names none of them is the first one's.
type Tenants struct {
	all    []*Simulator
	byName map[string]*Simulator
}

var _ http.Handler = (*Tenants)(nil)

// NewTenants puts simulators behind one address. No two may share an ID or a
// domain.
func NewTenants(all ...*Simulator) (*Tenants, error) {
	if len(all) == 0 {
		return nil, errors.New("simulator: no tenant")
	}
	t := &Tenants{all: all, byName: make(map[string]*Simulator, 2*len(all))}
	for _, sim := range all {
		for _, name := range []string{sim.cfg.TenantID, sim.cfg.Traffic.Domain} {
			name = strings.ToLower(name)
			if t.byName[name] != nil {
				return nil, fmt.Errorf("simulator: two tenants are called %s", name)
			}
			t.byName[name] = sim
		}
	}
	return t, nil
}

// Further returns the configuration of the n-th further tenant, from 1 on: another
// ID and domain, and other mail of the same kind. The application and its
// credentials are the same, as those of an application for many tenants are.
func (c Config) Further(n int) Config {
	c = c.withDefaults()
	c.TenantID = uuid.NewSHA1(uuid.NameSpaceDNS, fmt.Appendf(nil, "%s/%d", strings.ToLower(c.TenantID), n)).String()
	c.Traffic.Domain = fmt.Sprintf("tenant%d.%s", n, c.Traffic.Domain)
	c.Traffic.Seed += uint64(n) //nolint:gosec // not negative
	c.FaultSeed += uint64(n)    //nolint:gosec // not negative
	return c
}

// ServeHTTP answers a request to any of the tenants. Pages under /_sim/ are those of
// the tenant that the parameter tenant names, and /_sim/tenants lists all tenants,
// one a line.
func (t *Tenants) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == inspectionPath+"tenants" && !t.all[0].cfg.NoInspection {
		allowed(t.list, http.MethodGet)(w, r)
		return
	}
	t.of(r).ServeHTTP(w, r)
}

func (t *Tenants) list(w http.ResponseWriter, _ *http.Request) {
	type tenant struct {
		ID     string `json:"id"`
		Domain string `json:"domain"`
	}
	writeLines(w, func(yield func(tenant) bool) {
		for _, sim := range t.all {
			if !yield(tenant{sim.cfg.TenantID, sim.cfg.Traffic.Domain}) {
				return
			}
		}
	})
}

// of returns the tenant that a request is about.
func (t *Tenants) of(r *http.Request) *Simulator {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if strings.HasPrefix(r.URL.Path, inspectionPath) {
		name = r.URL.Query().Get("tenant")
	}
	for _, name := range []string{name, tenantOf(r.Header.Get("Authorization"))} {
		if sim := t.byName[strings.ToLower(name)]; sim != nil {
			return sim
		}
	}
	return t.all[0]
}

// tenantOf returns the tenant that a bearer token says it is of, which the tenant
// itself verifies.
func tenantOf(authorization string) string {
	_, token, _ := strings.Cut(authorization, " ")
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	claims := struct {
		TenantID string `json:"tid"`
	}{}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.TenantID
}
