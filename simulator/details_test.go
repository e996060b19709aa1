// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

func TestFaultsOfDetails(t *testing.T) {
	t.Parallel()
	s, err := simulator.New(simulator.Config{Now: func() time.Time { return noon }, DetailsQuota: -1, Quota: 1})
	require.NoError(t, err)
	require.NoError(t, s.Add(mail.Row{ID: "1", Recipient: "a@contoso.com", Received: noon.Add(-time.Hour)}))
	client := &http.Client{Transport: simulator.Transport(s)}
	get := func(url, token string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := client.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		return resp.StatusCode
	}
	asked := map[string]string{
		traces + "/1/getDetailsByRecipient(recipientAddress='a@contoso.com')": s.Token(),
		"https://reports.office365.com/ecp/reportingwebservice/reporting.svc/MessageTraceDetail?$filter=MessageTraceId%20eq%20guid'1'" +
			"%20and%20RecipientAddress%20eq%20'a@contoso.com'": s.ReportingToken(),
	}
	require.NoError(t, s.Faults().Set(fault.Rule{Kind: fault.ServerError, On: fault.Details, Status: 503}))
	for url, token := range asked {
		assert.Equal(t, 503, get(url, token), url)
	}
	assert.Equal(t, 200, get(traces, s.Token()), "pages are no details")
	require.NoError(t, s.Faults().Set(fault.Rule{Kind: fault.ServerError, On: fault.Page}))
	for url, token := range asked {
		assert.Equal(t, 200, get(url, token), url)
	}
}
