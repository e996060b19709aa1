// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package bench

import (
	"encoding/json"
	"errors"
	"io"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// peers are other ways to read the same pages.
var peers = []struct {
	name string
	read pageReader
}{
	{"json-v2", readV2},
	{"jsontext", readTokens},
	{"pdata", readRecords},
}

// BenchmarkPeers reads the pages in other ways, each in turn with the baseline: by version 2 of encoding/json into the same
// structs, by its tokens into the same structs without reflection, and by encoding/json into records with the raw body. None
// remembers what it has read.
func BenchmarkPeers(b *testing.B) {
	s := startService(b)
	client, w := s.client(b), windowOf(30*pageSize)
	first, last := rowsIn(w.Start, w.End)
	for _, set := range sets("plain", s.Plain) {
		for _, peer := range peers {
			b.Run(set.name+"/"+peer.name, func(b *testing.B) {
				all := rounds{rows: int(last - first + 1)}
				for b.Loop() {
					all.add(measure(func() { check(b, bare(b.Context(), client, set.base, w), all.rows) }), measure(func() {
						rows, err := readPages(b.Context(), client, set.base, w, peer.read)
						require.NoError(b, err)
						require.Equal(b, all.rows, rows)
					}))
				}
				all.report(b)
			})
		}
	}
}

// readV2 reads a page by what becomes version 2 of encoding/json, which goes by the name of json/v2 in toolchains that have it.
func readV2(body io.Reader) (rows int, next string, err error) {
	var p page[bareRow]
	err = jsonv2.UnmarshalRead(body, &p)
	return len(p.Value), p.Next, err
}

// readTokens reads a page token by token.
func readTokens(body io.Reader) (rows int, next string, err error) {
	dec := jsontext.NewDecoder(body)
	var all []bareRow
	err = members(dec, func(name string) error {
		switch name {
		case "@odata.nextLink":
			value, err := dec.ReadToken()
			next = value.String()
			return err
		case "value":
			return elements(dec, func() error {
				all = append(all, bareRow{})
				return readRow(dec, &all[len(all)-1])
			})
		}
		return dec.SkipValue()
	})
	return len(all), next, err
}

func members(dec *jsontext.Decoder, member func(name string) error) error {
	_, err := dec.ReadToken()
	for err == nil && dec.PeekKind() != '}' {
		var name jsontext.Token
		if name, err = dec.ReadToken(); err == nil {
			err = member(name.String())
		}
	}
	_, last := dec.ReadToken()
	return errors.Join(err, last)
}

func elements(dec *jsontext.Decoder, element func() error) error {
	_, err := dec.ReadToken()
	for err == nil && dec.PeekKind() != ']' {
		err = element()
	}
	_, last := dec.ReadToken()
	return errors.Join(err, last)
}

func readRow(dec *jsontext.Decoder, r *bareRow) error {
	return members(dec, func(name string) error {
		if dec.PeekKind() == '{' || dec.PeekKind() == '[' {
			return dec.SkipValue()
		}
		value, err := dec.ReadToken()
		switch {
		case err != nil || value.Kind() == 'n':
			return err
		case r.text(name) != nil:
			*r.text(name) = value.String()
		case name == "size":
			r.Size, err = value.Int()
			return err
		case name == "receivedDateTime":
			return r.ReceivedDateTime.UnmarshalText([]byte(value.String()))
		}
		return nil
	})
}

// text returns where the text of that name belongs; nil if it is none.
func (r *bareRow) text(name string) *string {
	switch name {
	case "id":
		return &r.ID
	case "senderAddress":
		return &r.SenderAddress
	case "recipientAddress":
		return &r.RecipientAddress
	case "messageId":
		return &r.MessageID
	case "subject":
		return &r.Subject
	case "fromIP":
		return &r.FromIP
	case "toIP":
		return &r.ToIP
	case "status":
		return &r.Status
	}
	return nil
}

// readRecords makes a record of each row, as a receiver does that nobody has made fast.
func readRecords(body io.Reader) (rows int, next string, err error) {
	var p page[json.RawMessage]
	if err := json.NewDecoder(body).Decode(&p); err != nil {
		return 0, "", err
	}
	var records plog.LogRecordSlice
	for i, text := range p.Value {
		if i%1000 == 0 {
			records = plog.NewLogs().ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		}
		var r bareRow
		if err := json.Unmarshal(text, &r); err != nil {
			return 0, "", err
		}
		record := records.AppendEmpty()
		record.SetTimestamp(pcommon.NewTimestampFromTime(r.ReceivedDateTime))
		record.Body().SetStr(string(text))
		attributes := record.Attributes()
		attributes.PutStr("email.local_id", r.ID)
		attributes.PutStr("email.from.address", r.SenderAddress)
		attributes.PutStr("email.to.address", r.RecipientAddress)
		attributes.PutStr("email.message_id", r.MessageID)
		attributes.PutStr("email.subject", r.Subject)
		attributes.PutStr("source.address", r.FromIP)
		attributes.PutStr("destination.address", r.ToIP)
		attributes.PutStr("o365.message_trace.status", r.Status)
		attributes.PutInt("o365.message_trace.size", r.Size)
	}
	return len(p.Value), p.Next, nil
}
