// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Command m365sim serves a local Microsoft 365 with a tenant full of made-up
// mail, to try message trace collectors on. See m365sim --help.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		stop()
		fmt.Fprintln(os.Stderr, "m365sim:", err)
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// run serves until ctx is over. Its first and only line on stdout is printed once it
// listens.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	opt, err := parse(args, getenv, stdout)
	if err != nil {
		return err
	}
	sim, err := simulator.New(opt.simulator) //nolint:contextcheck // requests bring their own
	if err != nil {
		return err //nolint:wrapcheck // names its origin
	}
	if opt.chaos.Probability > 0 {
		if err := sim.Faults().Set(opt.chaos); err != nil {
			return fmt.Errorf("--chaos: %w", err)
		}
	}
	for _, message := range opt.allStaff {
		if err := sim.Add(traffic.AllStaff(opt.simulator.Traffic.Domain, message.received, message.recipients)...); err != nil {
			return fmt.Errorf("--all-staff: %w", err)
		}
	}
	for _, i := range opt.incidents {
		if _, err := sim.Stage(i.kind, time.Now().Add(i.after)); err != nil {
			return fmt.Errorf("--incident: %w", err)
		}
	}
	tenants, err := opt.withFurther(sim) //nolint:contextcheck // requests bring their own
	if err != nil {
		return err
	}
	if opt.caKeyFile != "" && !opt.listen.Plain {
		if opt.listen.Authority, err = simulator.KeepAuthority(opt.caKeyFile); err != nil {
			return err //nolint:wrapcheck // names its origin
		}
	}
	opt.listen.ErrorLog = log.New(stderr, "m365sim: ", log.LstdFlags|log.Lmsgprefix)
	server, err := simulator.Listen(ctx, tenants, opt.listen)
	if err != nil {
		return err //nolint:wrapcheck // names its origin
	}
	if err := announce(server, opt.caFile, stdout); err != nil {
		return errors.Join(err, server.Close()) //nolint:contextcheck // bounds itself
	}
	select {
	case <-ctx.Done():
	case <-server.Done():
	}
	return server.Close() //nolint:wrapcheck,contextcheck // names its origin, bounds itself
}

// withFurther puts the further tenants beside the first. Chaos is among all of them; messages to all staff and incidents that
// are ordered are the first one's.
func (o *options) withFurther(first *simulator.Simulator) (*simulator.Tenants, error) {
	all := []*simulator.Simulator{first}
	for n := 1; n < o.tenants; n++ {
		sim, err := simulator.New(o.simulator.Further(n))
		if err != nil {
			return nil, err //nolint:wrapcheck // says where it comes from
		}
		if o.chaos.Probability > 0 {
			if err := sim.Faults().Set(o.chaos); err != nil {
				return nil, fmt.Errorf("--chaos: %w", err)
			}
		}
		all = append(all, sim)
	}
	return simulator.NewTenants(all...) //nolint:wrapcheck // says where it comes from
}

// announce writes the CA file, then the line that scripts wait for.
func announce(server *simulator.Server, caFile string, stdout io.Writer) error {
	authority := server.Authority()
	if authority == nil {
		return printLine(stdout, "listening on %s, without TLS", server.URL())
	}
	path, err := filepath.Abs(caFile)
	if err != nil {
		return fmt.Errorf("CA file: %w", err)
	}
	if err := authority.WriteFile(path); err != nil {
		return err //nolint:wrapcheck // names its origin
	}
	return printLine(stdout, "listening on %s, CA in %s", server.URL(), path)
}

func printLine(w io.Writer, format string, args ...any) error {
	if _, err := fmt.Fprintf(w, format+"\n", args...); err != nil {
		return fmt.Errorf("stdout: %w", err)
	}
	return nil
}
