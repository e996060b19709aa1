// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import "fmt"

// newSubjects returns the pool of subjects that rows share. Most are dull, as
// they should be; the odd ones are what breaks parsers and terminals.
func newSubjects() []*string {
	var pool []*string
	for i := range 40 {
		for _, template := range dullSubjects {
			pool = append(pool, new(fmt.Sprintf(template, 1000+i*37)))
		}
	}
	for _, odd := range oddSubjects {
		pool = append(pool, &odd)
	}
	return pool
}

var dullSubjects = [...]string{
	"Invoice %d", "Re: Order %d", "Minutes of meeting %d", "Ticket #%d has been updated", "Your parcel %d is on its way",
	"Build %d succeeded", "FW: Contract draft v%d", "Weekly digest no. %d", "Holiday request %d", "Report for cost centre %d",
}

var oddSubjects = [...]string{
	"🎉 Launch party 👩‍👩‍👧‍👦 tonight",
	"שלום: סיכום הפגישה 42",
	"\u202edesrever si siht",
	`He said "yes" \ "no" / 'maybe'`,
	"tab\there, newline\nthere, bell\a, nul\x00 and del\x7f",
	"Grüße aus Köln – Ärger mit Maß & Größe",
	"请查收附件中的报告",
	"zero\u200bwidth, line\u2028separator, bom\ufeff",
	`</script><b>{"json":"inside"}</b> ${env:HOME} %d`,
	"=?utf-8?B?dW5kZWNvZGVk?=",
	" leading and trailing space ",
	"a very long subject that goes on and on, as forwarded threads tend to do when every mail program on the way adds " +
		"its own prefix and nobody dares to shorten it, until it has about as many characters as the admin center is " +
		"willing to show before it cuts the rest off without a word",
}
