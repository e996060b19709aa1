// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// maxAnswer bounds an answer of the login host, in bytes after decompression. What it sends has a few KiB.
const maxAnswer = 1 << 20

var errTooLarge = errors.New("the answer has more than 1 MiB")

// answer is what came of a request.
type answer struct {
	resp *http.Response
	body []byte
	err  error
}

// foreign reports whether the answer is none of the login host's, which are JSON objects.
func (a answer) foreign() bool {
	text := bytes.TrimSpace(bytes.TrimPrefix(a.body, []byte("\uFEFF")))
	return len(text) > 0 && text[0] != '{'
}

// response returns the answer as a response of its own.
func (a answer) response() (*http.Response, error) {
	if a.err != nil {
		return nil, a.err
	}
	resp := *a.resp
	resp.Body = io.NopCloser(bytes.NewReader(a.body))
	return &resp, nil
}

// sender sends the requests of azidentity, always within a call of Token.
type sender struct{ *TokenSource }

func (s sender) Do(req *http.Request) (*http.Response, error) {
	// The library goes on with another request after one that failed. Who asks to be left alone gets none.
	if s.last.resp == nil || transport.RetryAfter(s.last.resp.Header, s.now()) == 0 {
		s.last = s.ask(req)
	}
	return s.last.response()
}

func (s sender) ask(req *http.Request) answer {
	ctx, exchange := s.cfg.Connections.Begin(req.Context())
	defer exchange.End()
	req = req.WithContext(ctx)
	if s.material.machine && s.renewal != nil {
		passCache(req, s.renewal.token)
	}
	// No redirect is followed: it would hand the secret to somebody else.
	client := *s.cfg.HTTPClient
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return answer{err: exchange.Explain(err)}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(exchange.Body(resp.Body), maxAnswer+1))
	switch {
	case err != nil:
		return answer{err: fmt.Errorf("the answer broke off: %w", exchange.Explain(err))}
	case len(body) > maxAnswer:
		return answer{err: errTooLarge}
	}
	return answer{resp: resp, body: body}
}

// passCache has App Service hand out another token than the refused one, which it keeps as long as that is valid: its
// parameter token_sha256_to_refresh, as the Microsoft Authentication Libraries for other languages send it. Virtual
// machines have nothing of the kind.
func passCache(req *http.Request, refused string) {
	if os.Getenv("IDENTITY_ENDPOINT") == "" || os.Getenv("IDENTITY_HEADER") == "" {
		return
	}
	hash := sha256.Sum256([]byte(refused))
	u := *req.URL
	query := u.Query()
	query.Set("token_sha256_to_refresh", hex.EncodeToString(hash[:]))
	u.RawQuery = query.Encode()
	req.URL = &u
}
