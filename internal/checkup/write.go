// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package checkup

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteJSON writes the report as one JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	// Portal paths are full of >.
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

// WriteText writes the report for people, as of now.
func (r *Report) WriteText(w io.Writer, now time.Time) error {
	var b strings.Builder
	for i := range r.Receivers {
		if i > 0 {
			b.WriteByte('\n')
		}
		r.Receivers[i].write(&b, now)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Result) write(b *strings.Builder, now time.Time) {
	verdict := "all right"
	if !r.OK {
		verdict = "does not work"
	}
	fmt.Fprintf(b, "%s: %s\n", r.ID, verdict)
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(b, "  %-12s %s\n", name, text)
		}
	}
	line("service", strings.Join(given(r.API, r.Plan, r.Endpoint), ", "))
	signIn := r.SignIn
	if r.ClientID != "" {
		signIn += ", application " + r.ClientID
	}
	line("sign-in", signIn)
	if t := r.Token; t != nil {
		line("tenant", strings.Join(given(t.TenantID, other(r.TenantID, t.TenantID)), ", tenant_id "))
		line("audience", t.Audience)
		line("roles", cmp.Or(strings.Join(t.Roles, ", "), "none"))
		line("token", until(t.Expires, now))
	} else {
		line("tenant", r.TenantID)
	}
	line("certificate", until(r.CredentialExpires, now))
	if a := r.Asked; a != nil {
		line("newest row", a.describe())
	}
	for _, warning := range r.Warnings {
		line("warning", warning)
	}
	for _, p := range r.Problems {
		line("problem", p.Message)
		line("what to do", p.Hint)
		line("portal", p.Portal)
		line("command", p.Command)
	}
}

func (a *Asked) describe() string {
	if a.Newest.IsZero() {
		return "none received since " + a.Start.Format(time.RFC3339)
	}
	return fmt.Sprintf("%s old, received %s", time.Duration(a.NewestAge)*time.Second, a.Newest.Format(time.RFC3339))
}

// given returns the texts that are not empty.
func given(texts ...string) (all []string) {
	for _, text := range texts {
		if text != "" {
			all = append(all, text)
		}
	}
	return all
}

// other returns a text that differs from another one.
func other(text, from string) string {
	if strings.EqualFold(text, from) {
		return ""
	}
	return text
}

func until(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf("expires %s, in %s", t.Format(time.RFC3339), t.Sub(now).Round(time.Second))
}
