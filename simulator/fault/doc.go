// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package fault makes a simulated Microsoft 365 misbehave, on command or at
// random: refusals, broken connections and bodies, links that lead astray, rows
// that are no rows, sign-in that fails.
//
// An Injector stands between the record of requests and the services. Rules set
// what goes wrong, with which requests and for how long:
//
//	sim.Faults().Set(
//		fault.Rule{Kind: fault.DeadLink, On: fault.ContinuedPage, Count: 3},
//		fault.Rule{Kind: fault.Chaos, Probability: 0.4, For: time.Minute},
//	)
//
// The first rule that applies to a request is the one that counts. Rules go by
// the simulated clock, and chance by a seed: the same requests in the same order
// meet the same faults.
//
// Conditions make of a few kinds what a service does in real life:
//
//	an outage of an hour      {Kind: ServerError, Status: 503, For: time.Hour}; so with Reset,
//	                          UnknownHost, ConnectTimeout, Silence, LoginRedirect, …
//	a lowered limit of pages  {Kind: PageLimit, TopAbove: 1000}, later 200
//	large pages fail          {Kind: ServerError, Status: 504, TopAbove: 1000}
//	links fail                {Kind: ServerError, Status: 502, On: ContinuedPage}
//	429 for ever              {Kind: ThrottledSeconds, RetryAfter: "1"}; ThrottledSilent has none
//	a date of another clock   {Kind: ThrottledDate, Skew: -time.Hour}
//	a token is out of date    {Kind: ClaimsChallenge, FirstToken: true}
//	something recorded        {Kind: Replay, On: SignIn, Response: simulatortest.Case(…)}
//
// Requests of managed identities are Elsewhere: it is not the login host that they
// ask.
//
// Faults of rows and links take pages of Graph and the JSON light of the
// Reporting Web Service apart. Other formats pass them unharmed.
//
// Faults are between the mail and its reader. They never touch what a tenant
// holds or what became visible when, and rows they put into a page are on record
// (Injected). But for NoLink, which is part of no mixture, they never hide a row
// behind an answer that looks complete. So a test can hold what arrived against
// what the tenant holds, faults or not.
//
// The comment of each Kind describes what is seen on the wire and where the like was
// seen in real life. Issues are named as owner/repository#number on GitHub. Kinds
// returns all kinds, and m365sim lists them at /_sim/faults/kinds.
package fault
