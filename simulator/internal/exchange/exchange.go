// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package exchange is one request and its answer, as the parts of the simulator
// hand it to each other.
package exchange

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Handler answers an exchange. Handlers wrap each other to form a chain.
type Handler func(x *Exchange)

// Exchange is a request on its way through the simulator.
type Exchange struct {
	Writer  http.ResponseWriter
	Request *http.Request
	// Now is the simulated time at which the request arrived. All that is
	// decided about the request is decided for this instant.
	Now time.Time
	// ID is the request id, and ClientID the one the client sent or else ID.
	ID, ClientID string
	// Skew is how far the clock of the service is off, ahead if positive. It
	// shows where a service tells or checks the time; mail, tokens and the quota
	// go by Now.
	Skew time.Duration
	// Unmetered is set when the simulator itself asks: no quota counts it.
	Unmetered bool
	// BeforeHeader, if set, is called with the status before headers are sent.
	BeforeHeader func(status int)

	// What follows is filled in on the way, for the record of requests.

	// Start and End are the window of received time that was asked for, and Size
	// is how many rows the page may have.
	Start, End time.Time
	Size       int
	// Continued is set when the request followed a link of an earlier page.
	Continued bool
	// Details is set when the request asks for the details of a row, not for rows.
	Details bool
	// Status is the HTTP status answered, Rows the number of rows sent.
	Status, Rows int
	// Refuse answers with an error in the shape of the service that was asked.
	// Nil means that the request is for none.
	Refuse func(x *Exchange, status int, code, message string)
	// Fault names what went wrong on purpose, if anything.
	Fault string
}

// Clock returns the time that the service believes it is.
func (x *Exchange) Clock() time.Time { return x.Now.Add(x.Skew) }

// WriteHeader sends headers with a status.
func (x *Exchange) WriteHeader(status int) {
	x.Status = status
	if x.BeforeHeader != nil {
		x.BeforeHeader(status)
	}
	x.Writer.WriteHeader(status)
}

// BaseURL returns scheme and host as the client addressed them.
func (x *Exchange) BaseURL() string {
	scheme := x.Request.URL.Scheme // set when there is no socket in between
	switch {
	case x.Request.TLS != nil:
		scheme = "https"
	case scheme == "":
		scheme = "http"
	}
	return scheme + "://" + x.Request.Host
}

// JSON answers with a JSON document.
func (x *Exchange) JSON(status int, body []byte) {
	x.Send(status, "application/json; charset=utf-8", body)
}

// leastToPack is from how many bytes on compression pays.
const leastToPack = 256

// Send answers with a body, compressed if the client asked for it and it pays.
func (x *Exchange) Send(status int, contentType string, body []byte) {
	header := x.Writer.Header()
	header.Set("Content-Type", contentType)
	if !x.wantsGzip() || len(body) < leastToPack {
		header.Set("Content-Length", strconv.Itoa(len(body)))
		x.WriteHeader(status)
		x.write(x.Writer, body)
		return
	}
	header.Set("Content-Encoding", "gzip")
	header.Add("Vary", "Accept-Encoding")
	x.WriteHeader(status)
	packer, err := gzip.NewWriterLevel(x.Writer, gzip.BestSpeed)
	if err != nil {
		return // never: the level is valid
	}
	x.write(packer, body)
	_ = packer.Close() // fails like the write: the client is gone
}

// Pack returns a body as Send would put it on the wire, and sets the headers
// that go with it.
func (x *Exchange) Pack(contentType string, body []byte) []byte {
	header := x.Writer.Header()
	header.Set("Content-Type", contentType)
	if x.wantsGzip() && len(body) >= leastToPack {
		var packed bytes.Buffer
		packer := gzip.NewWriter(&packed)
		x.write(packer, body)
		_ = packer.Close() // never fails: memory
		header.Set("Content-Encoding", "gzip")
		header.Add("Vary", "Accept-Encoding")
		body = packed.Bytes()
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	return body
}

// write sends a body. An error means that the client is gone: there is nobody
// to tell.
func (x *Exchange) write(to io.Writer, body []byte) { _, _ = to.Write(body) }

// wantsGzip reads Accept-Encoding; a weight of zero refuses a coding.
func (x *Exchange) wantsGzip() bool {
	for _, line := range x.Request.Header.Values("Accept-Encoding") {
		for item := range strings.SplitSeq(line, ",") {
			coding, weight, weighted := strings.Cut(strings.TrimSpace(item), ";")
			if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				continue
			}
			q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64)
			return !weighted || err != nil || q > 0
		}
	}
	return false
}
