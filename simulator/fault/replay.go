// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net/http"
	"strings"
)

// Replay answers with Rule.Response, a whole HTTP/1.1 response, byte by byte, and
// ends the connection. In process and with HTTP/2, where there are no such bytes,
// the client sees what net/http makes of them; a body that is shorter than its
// headers claim breaks off.
const Replay Kind = "replay"

func replay(c *call) {
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(c.rule.Response)), c.x.Request)
	if err == nil {
		defer response.Body.Close()
		c.x.Status = response.StatusCode
	}
	c.keepBody() // closing a connection with something unread would reset it
	if c.x.Raw([]byte(c.rule.Response)) {
		return
	}
	if err != nil {
		c.x.Fail(err)
	}
	header := c.x.Writer.Header()
	clear(header)
	header["Date"] = nil // keeps net/http from making one up
	maps.Copy(header, response.Header)
	body, err := io.ReadAll(response.Body)
	if err != nil {
		c.x.Stream(response.StatusCode, io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err})))
		return
	}
	c.x.WriteHeader(response.StatusCode)
	_, _ = c.x.Writer.Write(body) // fails if the client is gone
}
