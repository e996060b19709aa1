// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package bench

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

const (
	// pageSize is how many rows Microsoft Graph puts on a page at most.
	pageSize = 5000
	// rowSize is the size of a row's JSON text in bytes.
	rowSize = 410
	// pace is the time between two rows: 100,000 an hour.
	pace = 36 * time.Millisecond
	path = "/v1.0/admin/exchange/tracing/messageTraces"
)

// rowsIn returns the numbers of the rows that were received in a window, ends included. A row's number shows when it was
// received.
func rowsIn(start, end time.Time) (first, last int64) {
	return (start.UnixNano() + int64(pace) - 1) / int64(pace), end.UnixNano() / int64(pace)
}

// appendPage appends the page that begins with the row last and goes back no further than to first. Its link continues url.
func appendPage(dst []byte, url string, row func([]byte, int64) []byte, first, last int64) []byte {
	end := max(first, last-pageSize+1)
	dst = append(dst, `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#admin/exchange/tracing/messageTraces"`...)
	if end > first {
		dst = append(dst, `,"@odata.nextLink":"`+url+`&$skiptoken=`+strconv.FormatInt(end-1, 10)+`"`...)
	}
	dst = append(dst, `,"value":[`...)
	for i := last; i >= end; i-- {
		if i < last {
			dst = append(dst, ',')
		}
		dst = row(dst, i)
	}
	return append(dst, "]}"...)
}

// subjects are what the rows are about. One in five has letters beyond ASCII, and one in ten quotation marks.
var subjects = []string{
	"Weekly report", "Your order has been shipped", "Re: Angebot f\u00fcr die K\u00fcche", "Minutes of the meeting", "Invitation: planning",
	`Fwd: the \"final\" version`, "Invoice 2026-118", "R\u00e9union de mercredi", "Out of office", "Access to the shared folder",
}

// appendRow appends a row, padded in its subject to rowSize bytes.
func appendRow(dst []byte, i int64) []byte {
	begin := len(dst)
	received := time.Unix(0, i*int64(pace)).UTC()
	dst = fmt.Appendf(dst, `{"id":"b7c1f4d2-9a6e-4c3b-8f2d-%012x","senderAddress":"sender%02d@fabrikam.example",`+
		`"recipientAddress":"recipient%03d@contoso.com","messageId":"<1f2e3d4c5b6a7980%012x@mail.fabrikam.example>",`+
		`"receivedDateTime":"`, i, i%97, i%997, i)
	dst = received.AppendFormat(dst, "2006-01-02T15:04:05.999Z")
	tail := fmt.Sprintf(`","size":%d,"fromIP":"203.0.113.%d","toIP":"198.51.100.%d","status":"delivered"}`, 10_000+i%90_000, i%256, i%251)
	dst = append(dst, `","subject":"`...)
	dst = append(dst, subjects[i%int64(len(subjects))]...)
	if rest := rowSize - (len(dst) - begin) - len(tail); rest > 0 {
		dst = append(dst, strings.Repeat(".", rest)...)
	}
	return append(dst, tail...)
}

// variedSubjects are what varied rows are about: escapes of characters and of surrogate pairs are in most.
var variedSubjects = []string{
	`Weekly report \ud83d\ude80`, `Your order has been shipped \u003cno reply\u003e`, "Re: Angebot f\u00fcr die K\u00fcche", `R\u00e9union de mercredi`,
	`Fwd: the \"final\" version\t`, "\u4f1a\u8b70\u306e\u8b70\u4e8b\u9332", `\u4f1a\u8b70\u306e\u8b70\u4e8b\u9332`, "Out of office",
}

// unknownMembers are what a service may add to its rows one day.
var unknownMembers = []string{
	`"internetHeaders":[{"name":"X-Priority","value":"1"},{"name":"X-Mailer","value":"a \u0026 b"}]`, `"connector":{"name":null,"rules":[1,2.5e3,true]}`,
	`"@odata.type":"#microsoft.graph.exchangeMessageTrace"`, `"direction":null`, `"tags":[]`,
}

// appendVaried appends a row that has its own set and order of members, and its own spelling: members are absent or null, there
// are escapes, spaces and nested members that nobody knows. On average it is as long as the row of appendRow.
func appendVaried(dst []byte, i int64) []byte {
	random := rand.New(rand.NewPCG(uint64(i), 0))
	received := time.Unix(0, i*int64(pace)).UTC()
	status := "delivered"
	if random.IntN(20) == 0 {
		status = "failed"
	}
	members := []string{
		fmt.Sprintf(`"id":"b7c1f4d2-9a6e-4c3b-8f2d-%012x"`, i),
		fmt.Sprintf(`"recipientAddress":"recipient%03d@contoso.com"`, i%997),
		`"receivedDateTime":"` + received.Format("2006-01-02T15:04:05.999Z") + `"`,
		`"status":"` + status + `"`,
	}
	for _, member := range []string{
		fmt.Sprintf(`"senderAddress":"sender%02d@fabrikam.example"`, i%97),
		fmt.Sprintf(`"messageId":"\u003c1f2e3d4c5b6a7980%012x@mail.fabrikam.example\u003e"`, i),
		fmt.Sprintf(`"size":%d`, 10_000+i%90_000),
		fmt.Sprintf(`"fromIP":"203.0.113.%d"`, i%256),
		fmt.Sprintf(`"toIP":"198.51.100.%d"`, i%251),
		`"subject":"` + variedSubjects[random.IntN(len(variedSubjects))] + strings.Repeat(".", random.IntN(40)) + `"`,
	} {
		switch random.IntN(8) {
		case 0:
		case 1:
			name, _, _ := strings.Cut(member, ":")
			members = append(members, name+":null")
		default:
			members = append(members, member)
		}
	}
	if random.IntN(2) == 0 {
		members = append(members, unknownMembers[random.IntN(len(unknownMembers))])
	}
	random.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	if random.IntN(3) > 0 {
		return append(append(append(dst, '{'), strings.Join(members, ",")...), '}')
	}
	for i, member := range members {
		members[i] = strings.Replace(member, `":`, `" : `, 1)
	}
	return append(append(append(dst, "{ "...), strings.Join(members, ",\n    ")...), " }"...)
}
