// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

type signInError bool

func (signInError) Error() string { return "sign-in failed" }

func (e signInError) Temporary() bool { return bool(e) }

func TestWhyARequestIsSentAgain(t *testing.T) {
	t.Parallel()
	reset := &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	slow := &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
	codes := []int{429, 503}
	for name, c := range map[string]struct {
		err   error
		rules Retry
		want  string
	}{
		"a status of the list":           {&Error{Status: 503}, Retry{Codes: codes}, "status"},
		"another status":                 {&Error{Status: 500}, Retry{Codes: codes}, ""},
		"a broken connection":            {&Error{Err: mask(reset, "")}, Retry{Resets: true}, "reset"},
		"a broken connection, not asked": {&Error{Err: mask(reset, "")}, Retry{Timeouts: true}, ""},
		"a page that broke off":          {&Error{Status: 200, Err: mask(io.ErrUnexpectedEOF, "")}, Retry{Resets: true}, "reset"},
		"a time-out":                     {&Error{Err: mask(slow, "")}, Retry{Timeouts: true}, "timeout"},
		"a time-out, not asked":          {&Error{Err: mask(slow, "")}, Retry{Resets: true}, ""},
		"a deadline":                     {&Error{Err: mask(context.DeadlineExceeded, "")}, Retry{Timeouts: true}, "timeout"},
		"a certificate":                  {&Error{Err: mask(&tls.CertificateVerificationError{Err: errors.New("x")}, "")}, Retry{Resets: true, Timeouts: true}, ""},
		"a page that is too large":       {&Error{Status: 200, Err: mask(ErrTooLarge, "")}, Retry{Resets: true, Timeouts: true}, ""},
		"a link that leads away":         {&Error{Err: mask(ErrForeignLink, "")}, Retry{Resets: true, Timeouts: true}, ""},
		"a shutdown":                     {&Error{Err: mask(context.Canceled, "")}, Retry{Resets: true, Timeouts: true}, ""},
		"a sign-in that may yet work":    {signInError(true), Retry{}, "sign_in"},
		"a sign-in that will not":        {signInError(false), Retry{Resets: true, Timeouts: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, c.rules.reason(c.err))
		})
	}
}
