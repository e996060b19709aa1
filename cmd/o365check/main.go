// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Command o365check tries the o365messagetrace receivers of a collector's configuration: it signs in, asks for a page of the
// newest rows, and tells what is missing and what to do about it. See o365check --help.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"golang.org/x/sync/errgroup"

	"github.com/o365messagetrace/o365messagetrace/internal/checkup"
	"github.com/o365messagetrace/o365messagetrace/internal/confcheck"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/receiver"
)

const usage = `o365check tries the o365messagetrace receivers of a collector's configuration: it
signs in, asks for one page of the newest rows, and says what is missing and what
to do about it. It delivers nothing, keeps nothing, and prints neither secrets nor
tokens, addresses or subjects.

Usage:
  o365check --config FILE [--receiver ID] [--json]

Flags:
  --config FILE       the collector's configuration, read as the collector reads it, ${env:NAME} and
                      ${file:PATH} included; may be repeated
  --receiver ID       only this receiver, such as o365messagetrace/contoso
  --json              print one JSON object
  --timeout DURATION  how long to wait for each answer (20s)

Exit status:
  0    every receiver signs in and gets an answer
  1    a receiver does not work
  2    the command line or the configuration is wrong
  130  ended by ^C

JSON: ok, error (why no receiver could be looked at) and receivers, each with
  id, ok, tenant_id, api, subscription_plan, endpoint, sign_in, client_id
  token               tenant_id, audience, roles, expires
  credential_expires  of a certificate
  asked               start, end, rows, newest, newest_age_seconds
  problems            scope, message, hint, portal, command; scope is configuration, setup,
                      sign-in, service, tenant, query or window
  warnings
Keys may be added. What is not known is left out.
`

// Exit statuses.
const (
	allRight = iota
	someProblem
	misused
	interrupted = 130
)

const (
	defaultPatience = 20 * time.Second
	// atOnce is how many receivers are tried at the same time.
	atOnce = 8
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// options is the command line, understood.
type options struct {
	uris     []string
	receiver string
	asJSON   bool
	patience time.Duration
}

func parse(args []string) (o options, err error) {
	set := flag.NewFlagSet("o365check", flag.ContinueOnError)
	set.SetOutput(io.Discard) // run prints errors and help
	set.Func("config", "", func(uri string) error {
		o.uris = append(o.uris, uri)
		return nil
	})
	set.StringVar(&o.receiver, "receiver", "", "")
	set.BoolVar(&o.asJSON, "json", false, "")
	set.DurationVar(&o.patience, "timeout", defaultPatience, "")
	err = set.Parse(args)
	switch {
	case err != nil:
	case set.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", set.Arg(0))
	case len(o.uris) == 0:
		err = errors.New("--config is missing")
	case o.patience <= 0:
		err = errors.New("--timeout must be greater than 0")
	}
	return o, err
}

// run returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(stdout, usage)
		return allRight
	case err != nil:
		fmt.Fprintf(stderr, "o365check: %v; see o365check --help\n", err)
		return misused
	}
	report, err := check(ctx, o)
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "o365check: interrupted")
		return interrupted
	}
	if err != nil {
		report = &checkup.Report{Error: transport.Clean(err.Error()), Receivers: []checkup.Result{}}
		if !o.asJSON {
			fmt.Fprintln(stderr, "o365check:", report.Error)
			return misused
		}
	}
	write := func(w io.Writer) error { return report.WriteText(w, time.Now()) }
	if o.asJSON {
		write = report.WriteJSON
	}
	if err := write(stdout); err != nil {
		fmt.Fprintln(stderr, "o365check:", err)
		return misused
	}
	return statusOf(report)
}

func statusOf(report *checkup.Report) int {
	switch {
	case report.OK:
		return allRight
	case report.Error != "", slices.ContainsFunc(report.Receivers, func(r checkup.Result) bool { return r.IsMisconfigured() }):
		return misused
	}
	return someProblem
}

// check tries the receivers side by side.
func check(ctx context.Context, o options) (*checkup.Report, error) {
	c, err := read(ctx, o.uris)
	if err != nil {
		return nil, err
	}
	ids, err := c.receivers()
	if err != nil {
		return nil, err
	}
	if o.receiver != "" {
		if ids, err = choose(ids, o.receiver); err != nil {
			return nil, err
		}
	}
	report := &checkup.Report{OK: true, Receivers: make([]checkup.Result, len(ids))}
	var all errgroup.Group
	all.SetLimit(atOnce)
	for i, id := range ids {
		report.Receivers[i] = *checkup.New(id.String())
		if !c.piped()[id] {
			report.Receivers[i].Warn("no pipeline of service.pipelines has this receiver, so that the collector does not run it")
		}
		cfg, wrong := c.load(id)
		all.Go(func() error {
			result := &report.Receivers[i]
			if wrong != nil {
				c.misconfigured(result, id, wrong)
				return nil
			}
			c.misconfigured(result, id, cfg.MissingExtensions(c.extensions()))
			cfg.Check(ctx, id, o.patience, result)
			return nil
		})
	}
	_ = all.Wait()
	for i := range report.Receivers {
		report.OK = report.OK && report.Receivers[i].OK
	}
	report.CompareTenants()
	return report, nil
}

// choose returns the ID that is wanted.
func choose(ids []component.ID, wanted string) ([]component.ID, error) {
	var names []string
	for _, id := range ids {
		if id.String() == strings.TrimSpace(wanted) {
			return []component.ID{id}, nil
		}
		names = append(names, id.String())
	}
	return nil, fmt.Errorf("--receiver: there is no receiver %q; there is %s", wanted, strings.Join(names, ", "))
}

// misconfigured adds what is wrong with the configuration of a receiver.
func (c *configuration) misconfigured(result *checkup.Result, id component.ID, wrong error) {
	for _, one := range confcheck.Problems(wrong) {
		result.Misconfigured(one, c.hint(id, one))
	}
}

// load returns the configuration of a receiver, or what is wrong with it.
func (c *configuration) load(id component.ID) (*receiver.Config, error) {
	conf, err := c.receiver(id)
	if err != nil {
		return nil, err
	}
	cfg := receiver.NewFactory().CreateDefaultConfig().(*receiver.Config)
	if err := conf.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

// hint names the environment variables that a wrong value comes of.
func (c *configuration) hint(id component.ID, wrong error) string {
	if !errors.Is(wrong, confcheck.ErrUnset) {
		return ""
	}
	key, _, _ := strings.Cut(wrong.Error(), ":")
	names := c.unset(id, key)
	if len(names) == 0 {
		return ""
	}
	return "set the environment variable " + strings.Join(names, " and ")
}
