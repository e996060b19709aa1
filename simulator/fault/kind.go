// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"maps"
	"slices"
)

// Kind is what goes wrong.
type Kind string

// Kinds that stand for others, one of which is drawn for each request.
const (
	// Chaos mixes everything that a good client gets over by itself within
	// about a minute. Hanging requests are answered after 5 s, if the client
	// waits.
	Chaos Kind = "chaos"
	// Everything is Chaos and what makes a good client stay away for long:
	// Retry-After of an hour, refused credentials, clocks that are off, hanging
	// without an end. Left out are TooOld and NoLink, by which mail is lost, and
	// PageLimit and Replay, which make sense on command only.
	Everything Kind = "everything"
)

// Target is a sort of request.
type Target string

// Targets.
const (
	// Any is every request. The empty Target is the same.
	Any Target = "any"
	// SignIn is a request for a token.
	SignIn Target = "sign-in"
	// Discovery is a request for a document that comes before signing in.
	Discovery Target = "discovery"
	// Page is a request for a page of rows, FirstPage or ContinuedPage.
	Page Target = "page"
	// FirstPage is a request without a skip token.
	FirstPage Target = "first"
	// ContinuedPage is a request that follows a link to a further page.
	ContinuedPage Target = "continued"
	// Details is a request for the details of a row.
	Details Target = "details"
	// Elsewhere is a request that belongs to none of the above.
	Elsewhere Target = "elsewhere"
)

// covers reports whether a request of a more exact sort belongs to a target.
func (t Target) covers(exact Target) bool {
	switch t {
	case Any, "":
		return true
	case Page:
		return exact == FirstPage || exact == ContinuedPage
	default:
		return t == exact
	}
}

func (t Target) known() bool {
	return t == "" || slices.Contains([]Target{Any, SignIn, Discovery, Page, FirstPage, ContinuedPage, Details, Elsewhere}, t)
}

// meets reports whether a request can belong to both targets.
func (t Target) meets(other Target) bool { return t == other || t.covers(other) || other.covers(t) }

// behavior is how a kind acts. It has one of three functions.
type behavior struct {
	on Target
	// part is of which mixtures the kind is a part.
	part mixture

	// shift comes before everything else, and leaves room for another fault.
	shift func(c *call)
	// instead answers in place of the service.
	instead func(c *call)
	// change answers with something made of the service's answer, or reports
	// that nothing can be made of it.
	change func(c *call, a *answer) bool
}

// mixture is what a kind is a part of.
type mixture int

const (
	ofChaos      mixture = iota // of both mixtures
	ofEverything                // it makes a good client stay away for long
	ofNone
)

// behaviors are all kinds but those that stand for others.
var behaviors = map[Kind]behavior{
	ThrottledSeconds:      {on: Any, instead: throttled},
	ThrottledDate:         {on: Any, instead: throttled},
	ThrottledLong:         {on: Any, instead: throttled, part: ofEverything},
	ThrottledZero:         {on: Any, instead: throttled},
	ThrottledGarbage:      {on: Any, instead: throttled},
	ThrottledSilent:       {on: Any, instead: throttled},
	ServerError:           {on: Any, instead: serverError},
	ServerErrorRetryAfter: {on: Any, instead: serverError},
	ServerErrorHTML:       {on: Any, instead: serverErrorHTML},
	ServerErrorWordless:   {on: Any, instead: serverError},
	BadRequest:            {on: Page, instead: badRequest},
	TransientBadRequest:   {on: Page, instead: transientBadRequest},
	PageLimit:             {on: Page, instead: pageLimit, part: ofNone},
	TooOld:                {on: FirstPage, instead: tooOld, part: ofNone},
	InvalidToken:          {on: Page, instead: invalidToken},
	ClaimsChallenge:       {on: Page, instead: claimsChallenge, part: ofEverything},
	NotProvisioned:        {on: Page, instead: notProvisioned},
	Forbidden:             {on: Page, instead: forbidden},
	Redirect:              {on: Any, instead: redirect},
	LoginRedirect:         {on: Any, instead: loginRedirect, part: ofEverything},
	ProxyAuthentication:   {on: Any, instead: proxyAuthentication, part: ofEverything},
	Replay:                {on: Any, instead: replay, part: ofNone},

	UnknownHost:       {on: Any, instead: unreachable},
	ConnectionRefused: {on: Any, instead: unreachable},
	ConnectTimeout:    {on: Any, instead: unreachable},
	Reset:             {on: Any, instead: reset},
	Silence:           {on: Any, instead: silence, part: ofEverything},
	ResetBody:         {on: Any, change: resetBody},
	TruncatedBody:     {on: Any, change: truncatedBody},
	ShortBody:         {on: Any, change: shortBody},
	InvalidGzip:       {on: Any, change: invalidGzip},
	HTMLPage:          {on: Any, instead: htmlPage},
	EmptyBody:         {on: Any, instead: emptyBody},
	OtherShape:        {on: Any, instead: otherShape},
	SlowBody:          {on: Any, change: slowBody},
	Hang:              {on: Any, instead: hang},
	ClockAhead:        {on: Any, shift: shiftClock, part: ofEverything},
	ClockBehind:       {on: Any, shift: shiftClock, part: ofEverything},
	WrongDate:         {on: Any, shift: wrongDate, part: ofEverything},
	WrongDateOnErrors: {on: Any, shift: wrongDate, part: ofEverything},

	DeadLink:             {on: ContinuedPage, instead: deadLink},
	LinkToItself:         {on: Page, change: editing(linkToItself)},
	LinkToStart:          {on: ContinuedPage, change: editing(linkToStart)},
	StalledLink:          {on: Page, change: editing(stalledLink)},
	EmptyPage:            {on: Page, change: editing(emptyPage)},
	EmptyPageToItself:    {on: Page, change: editing(emptyPageToItself)},
	NoLink:               {on: Page, change: editing(noLink), part: ofNone},
	NullValue:            {on: Page, change: editing(nullValue)},
	RelativeLink:         {on: Page, change: editing(relativeLink)},
	ForeignHostLink:      {on: Page, change: editing(strayLink)},
	ForeignPortLink:      {on: Page, change: editing(strayLink)},
	OtherSchemeLink:      {on: Page, change: editing(strayLink)},
	UserinfoLink:         {on: Page, change: editing(strayLink)},
	DisguisedLink:        {on: Page, change: editing(strayLink)},
	OtherPathLink:        {on: Page, change: editing(strayLink)},
	DotDotLink:           {on: Page, change: editing(strayLink)},
	ProtocolRelativeLink: {on: Page, change: editing(strayLink)},
	QuotedToken:          {on: Page, change: editing(quotedToken)},
	NamelessToken:        {on: Page, change: editing(namelessToken)},

	MalformedRows:   {on: Page, change: editing(malformedRows)},
	ExtraProperties: {on: Page, change: editing(extraProperties)},
	AscendingRows:   {on: Page, change: editing(ascendingRows)},
	ShuffledRows:    {on: Page, change: editing(shuffledRows)},
	SwappedPages:    {on: Page, change: editing(swappedPages)},
	RepeatedRow:     {on: Page, change: editing(repeatedRow)},
	WrongIndex:      {on: Page, change: editing(wrongIndex)},

	SecretRefused:        {on: SignIn, instead: signInRefused, part: ofEverything},
	SecretExpired:        {on: SignIn, instead: signInRefused, part: ofEverything},
	TenantUnknown:        {on: SignIn, instead: signInRefused, part: ofEverything},
	ApplicationUnknown:   {on: SignIn, instead: signInRefused, part: ofEverything},
	TransientSignInError: {on: SignIn, instead: signInRefused},
	WorthlessToken:       {on: SignIn, change: worthlessToken},
}

// Kinds returns all kinds in alphabetical order, without those that stand for
// others.
func Kinds() []Kind { return slices.Sorted(maps.Keys(behaviors)) }

// members returns what a kind stands for, in a fixed order.
func (k Kind) members() []Kind {
	switch k {
	case Chaos:
		return slices.DeleteFunc(Kinds(), func(k Kind) bool { return behaviors[k].part != ofChaos })
	case Everything:
		return slices.DeleteFunc(Kinds(), func(k Kind) bool { return behaviors[k].part == ofNone })
	default:
		return []Kind{k}
	}
}
