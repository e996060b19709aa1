// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import "github.com/o365messagetrace/o365messagetrace/internal/trouble"

// Scope returns what the error is about: whatever keeps the sign-in from giving a token, no window can be read.
func (e *Error) Scope() trouble.Scope { return trouble.SignIn }
