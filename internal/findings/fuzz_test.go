// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// Any stored byte may be wrong, under a checksum that is right. What is read is written so that it can be read.
func FuzzState(f *testing.F) {
	kept, e := disk{}, New(small(), secret)
	all := append(bulk("a@contoso.com", noon, 20), bulk("x@c0ntoso.com", noon, 20)...)
	for i := range all {
		e.Observe(&all[i], present)
	}
	e.Settle(present)
	kept.reload(f, e, small())
	position, messages := kept["findings-position"][4:], []byte{format}
	for key, text := range kept {
		if strings.HasPrefix(key, "findings-messages") {
			messages = text[4:]
		}
	}
	for _, text := range kept {
		if len(text) > 6 {
			f.Add(position, text[4:], messages)
		}
	}
	f.Fuzz(func(t *testing.T, position, series, messages []byte) {
		stored := disk{"findings-position": sealed(position), "findings-series-0": sealed(series), "findings-found-0": sealed(series)}
		for _, serial := range []string{"0", "1"} {
			stored["findings-messages-"+serial+"-0"] = sealed(messages)
		}
		e := New(small(), secret)
		// What is damaged is reported and left out.
		_ = e.Load(func(key string) ([]byte, error) { return stored[key], nil })
		for i := range all {
			e.Observe(&all[i], present)
		}
		e.Settle(present)
		disk{}.reload(t, e, small()).Settle(later)
	})
}

// Strangers choose the texts of a mail. No finding says more than that they have sent it.
func FuzzObserve(f *testing.F) {
	f.Add("m", "a@contoso.com", "b@contoso.com", "FW: a", "203.0.113.1", "delivered", int64(1))
	f.Add("", "<>", "", "", "", "", int64(-1))
	f.Add("m", "x@c0ntoso.com", "j\u043e@contoso.com", "\xff", "::ffff:203.0.113.1%eth0", "failed", int64(1<<62))
	f.Add("m", "x@xn--80ak6aa92e.com", "@", "Re: Re: AW:", "1.2.3", "expanded", int64(0))
	f.Fuzz(func(t *testing.T, id, sender, recipient, subject, source, status string, size int64) {
		s := small()
		s.Rules.BulkMail.Recipients, s.Rules.FailureBurst.Recipients = 2, 2
		e := New(s, secret)
		for i, to := range []string{recipient, "b@contoso.com", "c@away.example", "d@contoso.com"} {
			o := Observation{
				Tenant: "t", Message: id, Sender: sender, Recipient: to, Subject: subject, Source: source, Status: status, Size: size,
				Received: noon.Add(time.Duration(i) * time.Second), Observed: noon.Add(time.Minute),
			}
			e.Observe(&o, present)
		}
		for _, found := range append(e.Settle(present), e.Settle(later)...) {
			require.Len(t, found.UID, 32)
			require.True(t, utf8.ValidString(found.Text), "%q", found.Text)
			require.NotContains(t, found.Text, "\n")
			require.LessOrEqual(t, len(found.Messages), MaxMessages)
			require.LessOrEqual(t, len(found.Recipients), MaxRecipients)
		}
		disk{}.reload(t, e, s)
	})
}
