// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// Times of a Server.
const (
	headerTimeout = 10 * time.Second
	// closeTimeout is how long requests under way may take when a server is
	// closed. Then their connections are cut.
	closeTimeout = 500 * time.Millisecond
)

// ListenConfig is where and how to serve.
type ListenConfig struct {
	// Address is host:port; port 0 picks a free one. Empty means
	// 127.0.0.1:0.
	Address string
	// Plain serves HTTP without TLS. Microsoft's sign-in libraries refuse to
	// talk to such an authority.
	Plain bool
	// Authority signs the server's certificate. Nil makes a new one.
	Authority *Authority
	// Hosts are names and addresses the certificate is valid for, in addition
	// to localhost, 127.0.0.1 and ::1.
	Hosts []string
	// ErrorLog takes what goes wrong with connections. Nil drops it.
	ErrorLog *log.Logger
}

// Server is a handler that is being served.
type Server struct {
	url       string
	authority *Authority
	http      *http.Server
	done      chan struct{}
	err       error // valid when done is closed
}

// Listen serves a handler, a Simulator or what is wrapped around one, until
// Close is called. The context bounds the setting up only.
func Listen(ctx context.Context, h http.Handler, cfg ListenConfig) (*Server, error) {
	if cfg.Address == "" {
		cfg.Address = "127.0.0.1:0"
	}
	if cfg.ErrorLog == nil {
		cfg.ErrorLog = log.New(io.Discard, "", 0)
	}
	s := &Server{
		http: &http.Server{
			Handler: h, ReadHeaderTimeout: headerTimeout, ErrorLog: cfg.ErrorLog, ConnContext: exchange.WithConn,
		},
		done: make(chan struct{}),
	}
	if !cfg.Plain {
		if err := s.secure(cfg); err != nil {
			return nil, err
		}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	listener = exchange.Listener{Listener: listener}
	s.url = "http://" + listener.Addr().String()
	serve := s.http.Serve
	if !cfg.Plain {
		s.url = "https://" + listener.Addr().String()
		serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
	}
	go func() {
		defer close(s.done)
		if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.err = fmt.Errorf("simulator: %w", err)
		}
	}()
	return s, nil
}

func (s *Server) secure(cfg ListenConfig) error {
	s.authority = cfg.Authority
	if s.authority == nil {
		var err error
		if s.authority, err = NewAuthority(); err != nil {
			return fmt.Errorf("simulator: %w", err)
		}
	}
	certificate, err := s.authority.issue(cfg.Hosts)
	if err != nil {
		return fmt.Errorf("simulator: %w", err)
	}
	s.http.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	return nil
}

// URL returns the root of everything served, without a slash at the end.
func (s *Server) URL() string { return s.url }

// Authority returns what signed the server's certificate, or nil without TLS.
func (s *Server) Authority() *Authority { return s.authority }

// Done is closed when the server has stopped, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.done }

// Close stops the server, gives requests under way half a second, and returns
// what made the server stop earlier, if anything did. It may be called again.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close() // cuts connections; nothing else to do if it fails
	}
	<-s.done
	return s.err
}
