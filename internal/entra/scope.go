// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"errors"
	"io/fs"

	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// Scope returns what the error is about: the sign-in, or the way to the login host, which is no better than that to the
// service.
func (e *Error) Scope() trouble.Scope {
	if _, local := errors.AsType[*fs.PathError](e.Err); e.Temporary() && !local {
		return trouble.Service
	}
	return trouble.SignIn
}
