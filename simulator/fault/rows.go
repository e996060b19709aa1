// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/odata"
)

// Rows. None of these loses a row or makes one up that could be taken for real.
const (
	// MalformedRows puts among the rows of a page one of each: a number, a
	// string, true, null, a nested array, an empty object, an object without an
	// id, one without a recipient, one with wrong types throughout, and one with
	// duplicate keys. All but null and {} are unlike any injected before, and all
	// are on record. Graph is known for lists with text in them that is no JSON
	// of the resource (microsoftgraph/microsoft-graph-docs-contrib#3435), and for
	// properties that come as a string or a number.
	MalformedRows Kind = "malformed-rows"
	// ExtraProperties adds properties of various types to a page and each of its
	// rows. Graph adds properties without a new version ("Versioning" in its
	// documentation).
	ExtraProperties Kind = "extra-properties"
	// AscendingRows turns the order of a page around: oldest first. No order is
	// documented for the message trace.
	AscendingRows Kind = "ascending-rows"
	// ShuffledRows puts the rows of a page in any order, as services do that ask
	// several servers at once.
	ShuffledRows Kind = "shuffled-rows"
	// SwappedPages answers with the page behind the one asked for, and has that
	// one follow. Pages of a result that several servers share come like this.
	// The look ahead counts against no quota.
	SwappedPages Kind = "swapped-pages"
	// RepeatedRow makes the last row of a page come again as the first one of the
	// next: cursors that name a time and mean "from there on" do so.
	RepeatedRow Kind = "repeated-row"
	// WrongIndex takes the Index from the last row, the later half or all rows of a
	// page of the Reporting Web Service, or puts something in its place that is the
	// number of no row. Clients that page by themselves go by the Index.
	WrongIndex Kind = "wrong-index"
)

// rowPlan is what is put among the rows; %d is a serial number, and %s the time
// of the row before.
var rowPlan = []string{
	`9000000000%06d`,
	`"m365sim malformed %d"`,
	`true`,
	`null`,
	`[["m365sim malformed",%d],[],{"id":"x"}]`,
	`{}`,
	`{"senderAddress":"m365sim@malformed.example","recipientAddress":"malformed-%d@contoso.com","receivedDateTime":%s,"status":"delivered"}`,
	`{"id":"m365sim-malformed-%d","senderAddress":"m365sim@malformed.example","receivedDateTime":%s,"status":"delivered"}`,
	`{"id":%d,"recipientAddress":{"address":["x"]},"messageId":false,"receivedDateTime":[%s],"subject":{"text":1},"size":"large",` +
		`"fromIP":[1,2],"toIP":4,"status":0}`,
	`{"id":"m365sim-malformed-first","id":"m365sim-malformed-%d","recipientAddress":"a@malformed.example",` +
		`"recipientAddress":"b@malformed.example","receivedDateTime":%s,"status":"delivered","status":"failed"}`,
}

func malformedRows(c *call, p *page) bool {
	fallback := string(quote(c.x.End.UTC().Format(time.RFC3339)))
	list := make([]Foreign, 0, len(rowPlan))
	for _, format := range rowPlan {
		at := c.rng.IntN(len(p.rows) + 1)
		var arguments []any
		if strings.Contains(format, "%d") || strings.Contains(format, "%06d") {
			arguments = append(arguments, c.injector.next())
		}
		if strings.Contains(format, "%s") {
			arguments = append(arguments, receivedBefore(p.rows[:at], fallback))
		}
		text := fmt.Sprintf(format, arguments...)
		p.rows = slices.Insert(p.rows, at, json.RawMessage(text))
		list = append(list, Foreign{Time: c.x.Now, Request: c.x.ID, Text: text})
	}
	c.injector.record(list)
	return true
}

// next returns a number that was never returned before.
func (i *Injector) next() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.serial++
	return i.serial
}

// receivedBefore returns the time of the last row that has one, as JSON, so that
// what is put behind it breaks no order.
func receivedBefore(rows []json.RawMessage, fallback string) string {
	for _, row := range slices.Backward(rows) {
		var known struct {
			Received string `json:"receivedDateTime"`
		}
		if json.Unmarshal(row, &known) == nil && known.Received != "" {
			return string(quote(known.Received))
		}
	}
	return fallback
}

// extra are members that no version of the service has.
const extra = `"m365simText":"<new>","m365simNumber":1e3,"m365simNothing":null,"m365sim@odata.type":"#Collection(String)",` +
	`"m365simList":["a",{"b":[]}]`

func extraProperties(_ *call, p *page) bool {
	for i, row := range p.rows {
		if rest, ok := bytes.CutPrefix(row, []byte(`{"`)); ok {
			p.rows[i] = slices.Concat([]byte("{"+extra+`,"`), rest)
		}
	}
	p.members = append(p.members,
		member{"@odata.count", json.RawMessage("0")},
		member{"@microsoft.graph.tips", json.RawMessage(`"Use $select to choose only the properties your app needs."`)})
	return true
}

func ascendingRows(_ *call, p *page) bool {
	slices.Reverse(p.rows)
	return len(p.rows) > 1
}

func shuffledRows(c *call, p *page) bool {
	c.rng.Shuffle(len(p.rows), func(i, j int) { p.rows[i], p.rows[j] = p.rows[j], p.rows[i] })
	return len(p.rows) > 1
}

func swappedPages(c *call, p *page) bool {
	link, err := url.Parse(p.link())
	if err != nil || p.link() == "" || c.mark.held > 0 {
		return false
	}
	continued, rows := c.x.Continued, c.x.Rows
	query := link.RawQuery
	if format := odata.Option(c.x.Request.URL.RawQuery, "$format"); format != "" && odata.Option(query, "$format") == "" {
		query += "&" + format // links of the Reporting Web Service forget it, and clients put it back
	}
	c.x.Unmetered = true
	ahead := c.ask(query, make(http.Header))
	c.x.Unmetered, c.x.Continued = false, continued
	behind, ok := parsePage(ahead.body.Bytes())
	if ahead.status != http.StatusOK || !ok {
		c.x.Rows = rows
		return false
	}
	number := c.injector.hold(heldPage{rows: p.rows, link: behind.link()})
	p.rows = behind.rows
	p.setLink(c.marked(mark{held: number, again: c.mark.again}))
	return true
}

func repeatedRow(c *call, p *page) bool {
	if p.link() == "" || len(p.rows) == 0 {
		return false
	}
	number := c.injector.hold(heldPage{rows: slices.Clone(p.rows[len(p.rows)-1:]), before: true})
	p.setLink(p.link() + "&" + mark{held: number}.String())
	return true
}

func wrongIndex(c *call, p *page) bool {
	changed := false
	for i := pick(c, 0, len(p.rows)/2, max(len(p.rows)-1, 0)); i < len(p.rows); i++ {
		members, _ := parseObject(p.rows[i])
		at := slices.IndexFunc(members, func(m member) bool { return m.name == "Index" })
		if at < 0 {
			continue
		}
		if value := pick(c, "", "null", "-1", "1.5", `"12"`, "true", "1e300", "2147483647", "[7]"); value != "" {
			members[at].value = json.RawMessage(value)
		} else {
			members = slices.Delete(members, at, at+1)
		}
		p.rows[i], changed = formatObject(members), true
	}
	return changed
}
