// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // which exporters use
)

// sink is a back end that speaks OTLP over HTTP. What it has answered to, it keeps, whatever becomes of the collector.
type sink struct {
	*httptest.Server
	// refusing is set where it answers 503.
	refusing atomic.Bool

	mu sync.Mutex
	// path and authorization are those of the last request.
	path, authorization string
	records             map[string][]plog.LogRecord
}

func startSink(t *testing.T) *sink {
	s := &sink{records: map[string][]plog.LogRecord{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.receive))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) receive(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(r)
	if err != nil || s.refusing.Load() {
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	request := plogotlp.NewExportRequest()
	if err := request.UnmarshalProto(body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.path, s.authorization = r.URL.Path, r.Header.Get("Authorization")
	s.keep(request.Logs())
	s.mu.Unlock()
	answer, _ := plogotlp.NewExportResponse().MarshalProto()
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(answer)
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(r.Body)
	}
	unpacked, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(unpacked)
}

// grpcSink speaks OTLP over gRPC for a sink.
type grpcSink struct {
	plogotlp.UnimplementedGRPCServer
	*sink
}

func (s *grpcSink) Export(_ context.Context, request plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(request.Logs())
	return plogotlp.NewExportResponse(), nil
}

// serveGRPC returns the address at which the sink listens, without TLS.
func (s *sink) serveGRPC(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	plogotlp.RegisterGRPCServer(server, &grpcSink{sink: s})
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

func (s *sink) keep(logs plog.Logs) {
	for _, record := range recordsOf(logs) {
		key := text(record, "email.local_id") + "|" + text(record, "email.to.address")
		s.records[key] = append(s.records[key], record)
	}
}

// all returns the records.
func (s *sink) all() (all []plog.LogRecord) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, records := range s.records {
		all = append(all, records...)
	}
	return all
}

// snapshot returns the records by row.
func (s *sink) snapshot() map[string][]plog.LogRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string][]plog.LogRecord, len(s.records))
	for key, records := range s.records {
		all[key] = slices.Clip(records)
	}
	return all
}

func recordsOf(logs plog.Logs) (all []plog.LogRecord) {
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				all = append(all, record)
			}
		}
	}
	return all
}

func text(record plog.LogRecord, name string) string {
	value, ok := record.Attributes().Get(name)
	if !ok || value.Type() != pcommon.ValueTypeStr {
		return ""
	}
	return value.Str()
}
