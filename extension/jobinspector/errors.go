// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"go.opentelemetry.io/collector/config/confighttp"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
)

// apiError is an answer about what was wrong with the request.
type apiError struct {
	status  int
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *apiError) Error() string { return e.Message }

func badRequest(code, message string) error { return &apiError{http.StatusBadRequest, code, message} }

func forbidden(code, message string) error { return &apiError{http.StatusForbidden, code, message} }
func notFound(code, message string) error  { return &apiError{http.StatusNotFound, code, message} }
func conflict(code, message string) error  { return &apiError{http.StatusConflict, code, message} }

// errorView is the body of an answer that is an error.
type errorView struct {
	Error *apiError `json:"error"`
}

// writeError answers with an error.
func writeError(w http.ResponseWriter, err error) {
	var known *apiError
	if !errors.As(err, &known) {
		known = &apiError{http.StatusInternalServerError, "internal", err.Error()}
	}
	writeJSON(w, known.status, errorView{known})
}

func writeJSON(w http.ResponseWriter, status int, answer any) {
	text, err := json.Marshal(answer)
	if err != nil {
		status = http.StatusInternalServerError
		text, _ = json.Marshal(errorView{&apiError{Code: "internal", Message: "the answer cannot be written as JSON"}})
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client may have left
}

// inputError is an input's refusal as an answer.
func inputError(err error) error {
	var refused *jobs.RefusedError
	switch {
	case errors.Is(err, jobs.ErrUnknownJob):
		return notFound("unknown_job", err.Error())
	case errors.Is(err, jobs.ErrEnded):
		return conflict("ended", err.Error())
	case errors.As(err, &refused) && refused.Conflict:
		return conflict("refused", refused.Reason)
	case errors.As(err, &refused):
		return badRequest("refused", refused.Reason)
	}
	return err
}

// confighttpErrors lets what confighttp itself refuses look like the rest.
func confighttpErrors() confighttp.ToServerOption {
	return confighttp.WithErrorHandler(func(w http.ResponseWriter, _ *http.Request, message string, status int) {
		secure(w.Header())
		code := strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_")
		writeError(w, &apiError{status, code, message})
	})
}
