// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

const usage = `m365sim serves a local Microsoft 365: sign-in, the message trace of Microsoft
Graph and of the Reporting Web Service, and a tenant full of made-up mail. It
refuses what Microsoft would refuse.

Usage:
  m365sim [flags]

Serving:
  --listen HOST:PORT        where to listen (127.0.0.1:8443)
  --ca-file PATH            where to put the CA certificate for clients to trust (m365sim-ca.pem);
                            a new one is made at each start
  --ca-key-file PATH        where to keep the CA with its key, to use the same at the next start
  --hosts NAME,NAME         further names and addresses the certificate is valid for
  --plain                   HTTP without TLS; azidentity refuses to sign in over it
  --no-ledger               no pages under /_sim/, which show all mail and requests to whoever asks
                            and let them order faults

Mail:
  --rows-per-day N          rows of message trace per day; 0 for none (20000)
  --history DURATION        how far mail reaches back at the start (24h)
  --from TIME               when mail begins (RFC 3339), in place of --history: makes a restarted
                            m365sim the same tenant
  --tenants N               how many tenants, the further ones with IDs, domains and mail of their
                            own and the same application; see /_sim/tenants (1)
  --seed N                  which of many possible tenants (1)
  --domain NAME             the tenant's domain (contoso.com)
  --late SPEC               how late rows become visible: typical, none, or shares such as
                            80%:1m,15%:15m,5%:4h (typical)
  --status-changes SHARE    share of rows whose status changes later, 0 to 1 (0.05)
  --all-staff N[@TIME]      a message to N recipients, all of whose rows share one instant: the
                            start, or TIME (RFC 3339); may be repeated
  --no-incidents            none of the incidents that each day has
  --incident KIND@DELAY     an incident so long after the start; may be repeated. KIND is bulk,
                            takeover, lookalike, spoofing, exfiltration, forwarding, removal or
                            harvesting

Sign-in:
  --tenant-id ID            (` + simulator.DefaultTenantID + `)
  --client-id ID            (` + simulator.DefaultClientID + `)
  --client-secret SECRET    (` + simulator.DefaultClientSecret + `)
  --client-cert PATH        PEM file whose first certificate the application may sign in with as
                            well; may be repeated
  --managed-identity ID     client ID of an identity whose tokens are there for the asking, as on a
                            virtual machine; may be repeated
  --identity-header VALUE   what IDENTITY_HEADER must be to ask as on App Service, where
                            IDENTITY_ENDPOINT is /msi/token
  --identity-token-cache DURATION
                            for how long identities get the same token again, as on Azure for about
                            a day (0s)
  --token-lifetime DURATION how long tokens are valid (59m59s)
  --basic-user NAME         who may use the Reporting Web Service by basic authentication (nobody)
  --basic-password PASSWORD of that user

Limits:
  --quota N                 requests per interval before 429; 0 for no limit (100)
  --quota-interval DURATION (5m)
  --details-quota N         requests for details per interval, counted apart from the others; 0 for
                            no limit (counted together with them)
  --no-retry-after          429 without a Retry-After header

Faults:
  --chaos SHARE             share of requests, 0 to 1, that go wrong in all sorts of ways (0)
  --chaos-for DURATION      for how long, from the start; 0 for ever (0)

Environment, where the flag is not given:
  M365SIM_TENANT_ID  M365SIM_CLIENT_ID  M365SIM_CLIENT_SECRET  M365SIM_IDENTITY_HEADER
  M365SIM_BASIC_USER  M365SIM_BASIC_PASSWORD

Try it:
  curl --cacert m365sim-ca.pem https://localhost:8443/_sim/ledger | head
  curl --cacert m365sim-ca.pem https://localhost:8443/_sim/faults/kinds
  curl --cacert m365sim-ca.pem https://localhost:8443/_sim/faults \
    -d '{"kind": "dead-link", "on": "continued", "count": 3}'
  curl --cacert m365sim-ca.pem https://localhost:8443/_sim/mail -d '{"recipients": 150000}'
  curl --cacert m365sim-ca.pem https://localhost:8443/_sim/consent -X DELETE
  curl --cacert m365sim-ca.pem https://localhost:8443/_sim/incidents -d '{"kind": "exfiltration"}'
`

const (
	defaultListen     = "127.0.0.1:8443"
	defaultCAFile     = "m365sim-ca.pem"
	defaultRowsPerDay = 20_000
)

// options is the command line, understood.
type options struct {
	simulator simulator.Config
	listen    simulator.ListenConfig
	caFile    string
	caKeyFile string
	chaos     fault.Rule
	allStaff  []allStaff
	incidents []staged
	tenants   int
}

// allStaff is a message to all staff.
type allStaff struct {
	recipients int
	received   time.Time
}

// staged is an incident that happens a while after the start.
type staged struct {
	kind  mail.Incident
	after time.Duration
}

// parseIncident reads KIND or KIND@DELAY.
func (o *options) parseIncident(text string) error {
	name, delay, delayed := strings.Cut(text, "@")
	kind, err := mail.ParseIncident(name)
	if err != nil {
		return err //nolint:wrapcheck // lists what there is
	}
	s := staged{kind: kind}
	if delayed {
		if s.after, err = time.ParseDuration(delay); err != nil {
			return fmt.Errorf("delay of %s: %w", name, err)
		}
	}
	o.incidents = append(o.incidents, s)
	return nil
}

// parse reads the command line. It prints the help to stdout when asked, and
// returns flag.ErrHelp then.
func parse(args []string, getenv func(string) string, stdout io.Writer) (options, error) {
	var opt options
	var hosts, late, from string
	var history time.Duration
	set := flag.NewFlagSet("m365sim", flag.ContinueOnError)
	set.SetOutput(io.Discard) // errors are returned, help is printed below
	sim, tenant := &opt.simulator, &opt.simulator.Traffic

	set.StringVar(&opt.listen.Address, "listen", defaultListen, "")
	set.StringVar(&opt.caFile, "ca-file", defaultCAFile, "")
	set.StringVar(&opt.caKeyFile, "ca-key-file", "", "")
	set.StringVar(&hosts, "hosts", "", "")
	set.BoolVar(&opt.listen.Plain, "plain", false, "")
	set.BoolVar(&sim.NoInspection, "no-ledger", false, "")

	set.IntVar(&tenant.RowsPerDay, "rows-per-day", defaultRowsPerDay, "")
	set.DurationVar(&history, "history", simulator.DefaultHistory, "")
	set.StringVar(&from, "from", "", "")
	set.IntVar(&opt.tenants, "tenants", 1, "")
	set.Uint64Var(&tenant.Seed, "seed", 1, "")
	set.StringVar(&tenant.Domain, "domain", traffic.DefaultDomain, "")
	set.StringVar(&late, "late", "typical", "")
	set.Float64Var(&tenant.StatusChanges, "status-changes", traffic.DefaultStatusChanges, "")
	set.Func("all-staff", "", opt.addAllStaff)
	set.BoolVar(&tenant.NoIncidents, "no-incidents", false, "")
	set.Func("incident", "", opt.parseIncident)

	set.StringVar(&sim.TenantID, "tenant-id", getenv("M365SIM_TENANT_ID"), "")
	set.StringVar(&sim.ClientID, "client-id", getenv("M365SIM_CLIENT_ID"), "")
	set.StringVar(&sim.ClientSecret, "client-secret", getenv("M365SIM_CLIENT_SECRET"), "")
	set.DurationVar(&sim.TokenLifetime, "token-lifetime", simulator.DefaultTokenLifetime, "")
	credentialFlags(set, sim, getenv)

	set.IntVar(&sim.Quota, "quota", simulator.DefaultQuota, "")
	set.DurationVar(&sim.QuotaInterval, "quota-interval", simulator.DefaultQuotaInterval, "")
	set.Func("details-quota", "", func(text string) (err error) {
		// A quota of its own without a limit, not the shared one, which is the default.
		if sim.DetailsQuota, err = strconv.Atoi(text); err == nil && sim.DetailsQuota == 0 {
			sim.DetailsQuota = -1
		}
		return err //nolint:wrapcheck // flag names the place
	})
	set.BoolVar(&sim.NoRetryAfter, "no-retry-after", false, "")

	set.Float64Var(&opt.chaos.Probability, "chaos", 0, "")
	set.DurationVar(&opt.chaos.For, "chaos-for", 0, "")

	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		if _, err := io.WriteString(stdout, usage); err != nil {
			return opt, fmt.Errorf("stdout: %w", err)
		}
		return opt, flag.ErrHelp
	case err != nil:
		return opt, fmt.Errorf("%w; see m365sim --help", err)
	case set.NArg() > 0:
		return opt, fmt.Errorf("unexpected argument %q; see m365sim --help", set.Arg(0))
	}
	err := opt.complete(hosts, late, from, history)
	return opt, err
}

// addAllStaff reads N or N@TIME.
func (o *options) addAllStaff(text string) error {
	number, at, timed := strings.Cut(text, "@")
	message := allStaff{received: time.Now().UTC()}
	var err error
	if message.recipients, err = strconv.Atoi(number); err != nil || message.recipients < 1 {
		return fmt.Errorf("%q is no number of recipients", number)
	}
	if timed {
		if message.received, err = time.Parse(time.RFC3339, at); err != nil {
			return err //nolint:wrapcheck // flag names the place
		}
	}
	o.allStaff = append(o.allStaff, message)
	return nil
}

// complete turns what people write into what the simulator takes.
func (o *options) complete(hosts, late, from string, history time.Duration) error {
	if history < 0 {
		return fmt.Errorf("--history must not be negative, but is %v", history)
	}
	if o.tenants < 1 {
		return fmt.Errorf("--tenants must be at least 1, but is %d", o.tenants)
	}
	var err error
	if o.simulator.Traffic.Delays, err = traffic.ParseDelays(late); err != nil {
		return fmt.Errorf("--late: %w", err)
	}
	o.simulator.Traffic.From = time.Now().UTC().Add(-history)
	if from != "" {
		if o.simulator.Traffic.From, err = time.Parse(time.RFC3339, from); err != nil {
			return fmt.Errorf("--from: %w", err)
		}
		o.simulator.Traffic.From = o.simulator.Traffic.From.UTC()
	}
	o.simulator.FaultSeed = o.simulator.Traffic.Seed
	o.chaos.Kind = fault.Chaos
	if err := o.chaos.Validate(); err != nil {
		return fmt.Errorf("--chaos: %w", err)
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if host = strings.TrimSpace(host); host != "" {
			o.listen.Hosts = append(o.listen.Hosts, host)
		}
	}
	// On the command line 0 means none; in the configuration, the default.
	if o.simulator.Quota == 0 {
		o.simulator.Quota = -1
	}
	if o.simulator.Traffic.StatusChanges == 0 {
		o.simulator.Traffic.StatusChanges = -1
	}
	return nil
}
