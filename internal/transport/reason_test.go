// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWhyAQueryIsRefused(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]Reason{
		"": Unknown,
		"Invalid filter clause: ')' or operator expected at position 12.":                    Unknown,
		"The value of $topic is not known.":                                                  Unknown,
		"Mail of shoulder thanes.":                                                           Unknown,
		"The limit of '1000' for Top query has been exceeded. Lower the value of $top.":      PageSize,
		"Invalid value for $top: 5000":                                                       PageSize,
		"The page size is too large.":                                                        PageSize,
		"PageSize must not exceed 1000":                                                      PageSize,
		"ResultSize is invalid":                                                              PageSize,
		"Invalid StartDate value. The StartDate can't be older than 90 days from today.":     TooOld,
		"invalid startdate value. the startdate CAN'T BE OLDER THAN 10 days from today.":     TooOld,
		"Invalid EndDate value. The EndDate can't be in the future.":                         InFuture,
		"The PageSize of a window older than 10 days must be smaller; it is in the future.":  PageSize,
		"Invalid StartDate value. The StartDate can't be older than the EndDate, as it were": TooOld,
	} {
		for _, status := range []int{http.StatusBadRequest, http.StatusNotFound, http.StatusGone} {
			_, err := get(t, refusing(status, message))
			assert.Equal(t, want, requireError(t, err).Reason, message)
		}
	}
}

// Only what refuses the query gives a reason for it. The same words in the error of a service out of order are no more than
// an echo.
func TestOtherErrorsAreNotAboutTheQuery(t *testing.T) {
	t.Parallel()
	for _, status := range []int{
		http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusFound,
	} {
		_, err := get(t, refusing(status, "$top, older than 90 days, in the future"))
		assert.Equal(t, Unknown, requireError(t, err).Reason, status)
	}
}

// A message is cut for the log, but its reason may stand at its end.
func TestTheReasonIsThatOfTheWholeMessage(t *testing.T) {
	t.Parallel()
	_, err := get(t, refusing(http.StatusBadRequest, fmt.Sprintf("%01000d is too many for $top", 9)))
	e := requireError(t, err)
	assert.NotContains(t, e.Message, "$top")
	assert.Equal(t, PageSize, e.Reason)
}

// refusing answers like Microsoft Graph.
func refusing(status int, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":{"code":"BadRequest","message":%q}}`, message)
	}
}
