// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 16 << 10

func (i *inspector) postJobs(w http.ResponseWriter, r *http.Request) error {
	var wish backfillRequest
	if err := readBody(w, r, &wish); err != nil {
		return err
	}
	window := trace.Window{Start: wish.Start.UTC(), End: wish.End.UTC()}
	switch {
	case wish.Input == "":
		return badRequest("body", "input is missing: the ID of the receiver that is to read the window")
	case wish.Start.IsZero() || wish.End.IsZero():
		return badRequest("body", "start and end are needed, as RFC 3339 times")
	case window.Empty():
		return badRequest("body", "start must be before end")
	}
	in := i.input(wish.Input)
	if in == nil {
		return notFound("unknown_input", "there is no input "+quote(wish.Input))
	}
	backfill, err := in.Backfill(r.Context(), window, wish.Redeliver)
	if err != nil {
		return inputError(err)
	}
	record := backfill.Job.Record()
	writeJSON(w, http.StatusAccepted, backfillView{
		jobView:    viewJob(&record, time.Now()),
		Remembered: viewWindows(backfill.Remembered),
		Forgotten:  viewWindows(backfill.Forgotten),
	})
	return nil
}

func (i *inspector) postCancel(w http.ResponseWriter, r *http.Request) error {
	if err := readBody(w, r, &struct{}{}); err != nil {
		return err
	}
	job := i.registry.Job(r.PathValue("id"))
	if job == nil {
		return inputError(jobs.ErrUnknownJob)
	}
	record := job.Record()
	if record.State.Ended() {
		return inputError(jobs.ErrEnded)
	}
	in := i.input(record.Input)
	if in == nil {
		return conflict("stopped", "the receiver of the job is not running")
	}
	if err := in.Cancel(record.ID); err != nil {
		return inputError(err)
	}
	record = job.Record()
	writeJSON(w, http.StatusAccepted, viewJob(&record, time.Now()))
	return nil
}

// readBody reads a JSON object. An empty body is an empty object.
func readBody(w http.ResponseWriter, r *http.Request, object any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return badRequest("body", "the body is too large or cannot be read")
	}
	if len(body) == 0 {
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(object); err != nil {
		return badRequest("body", "the body is not what is expected: "+err.Error())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return badRequest("body", "the body holds more than one JSON object")
	}
	return nil
}
