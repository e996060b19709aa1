// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
)

// ErrForeignLink is a link or a redirect that leads away from the endpoint. Following it would hand the token to somebody
// else.
var ErrForeignLink = errors.New("refused to follow")

// pin accepts u if it has the scheme, host and effective port of the endpoint and a path equal to the endpoint's or
// below it, without case if foldPath is set.
func pin(endpoint, u *url.URL, foldPath bool) error {
	root, p := endpoint.Path, u.Path
	if foldPath {
		root, p = strings.ToLower(root), strings.ToLower(p)
	}
	switch {
	case u.Scheme != endpoint.Scheme, !strings.EqualFold(u.Hostname(), endpoint.Hostname()), port(u) != port(endpoint):
		return fmt.Errorf("%w a link to %s: the endpoint is %s", ErrForeignLink, origin(u), origin(endpoint))
	case u.User != nil:
		return fmt.Errorf("%w a link with user information", ErrForeignLink)
	case !below(root, p):
		return fmt.Errorf("%w a link to another path of %s than the endpoint's", ErrForeignLink, u.Host)
	}
	return nil
}

func below(root, p string) bool {
	root, p = strings.TrimSuffix(root, "/"), strings.TrimSuffix(p, "/")
	if p == root {
		return true
	}
	return path.Clean(p) == p && strings.HasPrefix(p, root+"/")
}

func origin(u *url.URL) string {
	return Clean(u.Scheme + "://" + u.Host)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}
