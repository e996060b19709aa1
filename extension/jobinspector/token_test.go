// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/o365messagetrace/o365messagetrace/extension/jobinspector/internal/metadata"
	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// locked are the calls that need the token.
func locked(job string) []request {
	return []request{
		{method: http.MethodPost, path: "/api/v1/jobs", body: wish},
		{method: http.MethodPost, path: "/api/v1/jobs/" + job + "/cancel"},
		{method: http.MethodGet, path: "/api/v1/capture?limit=1"},
		{method: http.MethodHead, path: "/api/v1/capture?limit=1"},
		{method: http.MethodGet, path: "/api/v1/top"},
	}
}

func TestTheTokenOfTheLog(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	in := s.input(t, jobs.Description{ID: "one"})
	token := s.guard.token
	require.Len(t, token, 26, "128 bits")
	assert.NotEqual(t, token, start(t, nil).guard.token)
	for header, allowed := range map[string]bool{
		"Bearer " + token:         true,
		"bearer " + token:         true,
		"":                        false,
		token:                     false,
		"Bearer":                  false,
		"Bearer ":                 false,
		"Basic " + token:          false,
		"Bearer " + token + "x":   false,
		"Bearer " + token[:25]:    false,
		"Bearer x":                false,
		"Bearer " + token + ", x": false,
	} {
		head := map[string]string{"Authorization": header}
		for _, q := range locked(started(in.recorder, trace.Live).ID()) {
			in.window, in.cancelled = trace.Window{}, nil
			q.header = head
			if allowed {
				assert.Less(t, s.head(t, q), 300, "%s with %q", q.path, header)
				continue
			}
			require.Equal(t, http.StatusUnauthorized, s.head(t, q), "%s with %q", q.path, header)
			if q.method != http.MethodHead {
				_, answer := s.call(t, q)
				assert.Equal(t, "token", code(answer))
			}
			assert.Empty(t, in.cancelled)
			assert.Empty(t, in.window)
		}
		for _, path := range []string{"/", "/api/v1/jobs", "/api/v1/logs", "/api/v1/inputs", "/api/v1/series"} {
			assert.Equal(t, http.StatusOK, s.head(t, request{path: path, header: head}), "reading is open")
		}
		_, answer := s.call(t, request{path: "/api/v1/inspector", header: head})
		assert.Equal(t, allowed, answer["authorized"], header)
	}
}

func TestWhereNoTokenIsNeeded(t *testing.T) {
	t.Parallel()
	s := start(t, func(cfg *Config) { cfg.Open = true })
	in := s.input(t, jobs.Description{ID: "one"})
	for _, q := range locked(started(in.recorder, trace.Live).ID()) {
		assert.Less(t, s.head(t, q), 300, q.path)
	}
	assert.Equal(t, true, s.get(t, "/api/v1/inspector")["authorized"])
}

func TestTheLogLinksToThePageOnce(t *testing.T) {
	t.Parallel()
	no := false
	for name, test := range map[string]struct {
		edit func(cfg *Config)
		link string
		warn string
	}{
		"default":           {func(*Config) {}, `^the Job Inspector is at http://127\.0\.0\.1:\d+/#token=[A-Z2-7]{26}$`, ""},
		"open":              {func(cfg *Config) { cfg.Open = true }, `^the Job Inspector is at http://127\.0\.0\.1:\d+$`, ""},
		"read_only":         {func(cfg *Config) { cfg.ReadOnly = true }, `:\d+$`, ""},
		"reached by others": {func(cfg *Config) { cfg.NetAddr.Endpoint = "0.0.0.0:0" }, `/#token=`, "read which jobs ran"},
		"open to others":    {func(cfg *Config) { cfg.NetAddr.Endpoint, cfg.Open = "0.0.0.0:0", true }, `:\d+$`, "set auth instead of open"},
		"captured by others": {func(cfg *Config) {
			yes := true
			cfg.NetAddr.Endpoint, cfg.Open, cfg.Capture = "0.0.0.0:0", true, &yes
		}, `:\d+$`, "addresses and subjects"},
		"no capture": {func(cfg *Config) { cfg.Capture = &no }, `/#token=`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := createDefaultConfig().(*Config)
			cfg.NetAddr.Endpoint = "127.0.0.1:0"
			test.edit(cfg)
			set := extensiontest.NewNopSettings(metadata.Type)
			core, seen := observer.New(zap.DebugLevel)
			set.Logger = zap.New(core)
			i := newInspector(set, cfg)
			require.NoError(t, i.Start(t.Context(), host{}))
			require.NoError(t, i.Shutdown(t.Context()))
			infos := seen.FilterLevelExact(zap.InfoLevel).All()
			require.Len(t, infos, 1)
			assert.Regexp(t, test.link, infos[0].Message)
			warnings := seen.FilterLevelExact(zap.WarnLevel).All()
			if test.warn == "" {
				assert.Empty(t, warnings)
				return
			}
			require.Len(t, warnings, 1)
			assert.Contains(t, warnings[0].Message, test.warn)
		})
	}
}
