// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// counted is an input that counts how often it is described.
type counted struct {
	*fakeInput
	described atomic.Int32
}

func (c *counted) Describe() jobs.Description {
	c.described.Add(1)
	return c.fakeInput.Describe()
}

func TestOnlyWhatIsShownIsDescribed(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	recorder, err := s.Open(t.Context(), jobs.Options{Input: "one", Tags: []string{"soc"}, TTL: time.Hour})
	require.NoError(t, err)
	in := &counted{fakeInput: &fakeInput{Description: jobs.Description{ID: "one"}, recorder: recorder}}
	t.Cleanup(s.Register(in))
	id := started(recorder, trace.Live).ID()
	for _, path := range []string{"inputs?tag=other", "jobs?tag=soc", "jobs/" + id, "logs?tag=soc", "series?tag=soc", "top?tag=soc"} {
		s.get(t, "/api/v1/"+path)
	}
	assert.Equal(t, http.StatusOK, s.head(t, request{path: "/api/v1/capture?limit=1&input=one"}))
	assert.Equal(t, http.StatusAccepted, s.head(t, request{method: http.MethodPost, path: "/api/v1/jobs", body: wish}))
	assert.Equal(t, http.StatusAccepted, s.head(t, request{method: http.MethodPost, path: "/api/v1/jobs/" + id + "/cancel"}))
	assert.Zero(t, in.described.Load())
	s.get(t, "/api/v1/inputs?tag=soc")
	assert.EqualValues(t, 1, in.described.Load())
}

func TestTop(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	one, two := s.input(t, jobs.Description{ID: "one", Tags: []string{"soc"}}), s.input(t, jobs.Description{ID: "two"})
	for range 3 {
		one.recorder.Offer(nil, mail("delivered", "a@contoso.com"))()
	}
	two.recorder.Offer(nil, mail("delivered", "b@contoso.com"))()
	a := `{"address": "a@contoso.com", "rows": 3, "at_most": 3}`
	assert.Equal(t, asJSON(t, `{"senders": [`+a+`, {"address": "b@contoso.com", "rows": 1, "at_most": 1}], "recipients": []}`),
		s.get(t, "/api/v1/top"))
	for _, query := range []string{"input=one", "tag=soc", "limit=1"} {
		assert.Equal(t, asJSON(t, `{"senders": [`+a+`], "recipients": []}`), s.get(t, "/api/v1/top?"+query), query)
	}
}
