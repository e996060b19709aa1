// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/youmark/pkcs8"
	"go.opentelemetry.io/collector/pdata/plog"
)

const passphrase = "open sesame"

// example is a file of examples/ and what it needs to run here: the tenants and the back end are elsewhere, and ports are
// taken. Its exporters stay those of the example.
type example struct {
	override string
	// arrived returns what has arrived, where that is not the sink.
	arrived func(*testing.T, *exampleRun) []plog.LogRecord
	// check looks at what has arrived, beside that it is mail of the tenant.
	check func(*testing.T, *exampleRun, []plog.LogRecord)
	// otherTenant is how a tenant of its own is started.
	otherTenant []string
}

// exampleRun is an example that runs.
type exampleRun struct {
	tenant    *tenant
	sink      *sink
	collector *program
	broker    *program
	// folder has what is below /etc/otelcol elsewhere.
	folder, storage string
}

// reach points a receiver at the simulated tenant.
func reach(id, more string) string {
	return `
receivers:
  ` + id + `:
    endpoint: URL` + graphPath + `
    authority_host: URL
    tls: {ca_file: CA_FILE}
    poll_interval: 1s
    rate_limit: {requests: 0}
` + more
}

const (
	secretFile = "    authentication: {oauth: {client_secret_file: FOLDER/secret}}\n"
	plainGRPC  = "exporters: {otlp_grpc: {tls: {insecure: true}}}\n"
	noHealth   = "extensions: {health_check: {http: {endpoint: '127.0.0.1:0'}}}\n"
)

// toSink is a receiver with a secret in a file and an exporter that speaks OTLP over gRPC.
func toSink(more string) example {
	return example{override: reach("o365messagetrace", secretFile+more) + plainGRPC}
}

// overHTTP is the same with an exporter that speaks OTLP over HTTP.
func overHTTP(check func(*testing.T, *exampleRun, []plog.LogRecord)) example {
	return example{override: reach("o365messagetrace", secretFile), check: check}
}

var examples = map[string]example{
	"minimal": {
		override: reach("o365messagetrace", ""),
		arrived:  arrivedOnScreen,
	},
	"graph-to-otlp": {override: reach("o365messagetrace", secretFile) + plainGRPC + noHealth},
	"details":       {override: reach("o365messagetrace", secretFile) + plainGRPC + noHealth},
	"certificate": {
		override: reach("o365messagetrace", `
    authentication: {certificate: {cert_file: FOLDER/certificate.pem, key_file: FOLDER/key.pem}}
`) + plainGRPC,
	},
	"gcc-high-to-otlp": {
		override: strings.Replace(reach("o365messagetrace", `
    authentication:
      certificate:
        cert_file: FOLDER/certificate.pem
        key_file: FOLDER/encrypted-key.pem
        passphrase_file: FOLDER/passphrase
        resource: https://outlook.office365.com
`), graphPath, reportingPath, 1) + plainGRPC + noHealth,
	},
	"backfill": {
		override:    toSink("").override,
		otherTenant: []string{"--rows-per-day", "200", "--history", "2200h"},
		check: func(t *testing.T, run *exampleRun, _ []plog.LogRecord) {
			assert.Eventually(t, func() bool {
				for _, record := range run.sink.all() {
					if time.Since(record.Timestamp().AsTime()) > 89*24*time.Hour {
						return true
					}
				}
				return false
			}, 20*time.Second, 50*time.Millisecond, "mail of the first of 90 days")
		},
	},
	"several-tenants": {
		override: reach("o365messagetrace/contoso", secretFile+"    poll_spread: 0s\n") +
			strings.TrimPrefix(reach("o365messagetrace/fabrikam", secretFile+"    poll_spread: 0s\n"), "\nreceivers:\n") + plainGRPC,
		otherTenant: []string{"--rows-per-day", "200000", "--history", "70m", "--tenants", "2"},
		check: func(t *testing.T, run *exampleRun, _ []plog.LogRecord) {
			assert.Eventually(t, func() bool {
				return sentBy(run.sink.all(), "@contoso.com") && sentBy(run.sink.all(), "@tenant1.contoso.com")
			}, 20*time.Second, 50*time.Millisecond)
		},
	},
	"kafka": {
		override: reach("o365messagetrace", secretFile),
		arrived:  arrivedAtBroker,
	},
	"otlp-gateway": {
		override: reach("o365messagetrace", secretFile) + "extensions: {bearertokenauth: {filename: FOLDER/token}}\n",
		check: func(t *testing.T, run *exampleRun, _ []plog.LogRecord) {
			assert.Equal(t, "Bearer "+clientSecret, run.sink.authorization)
		},
	},
	"splunk": overHTTP(nil),
	"loki": overHTTP(func(t *testing.T, run *exampleRun, records []plog.LogRecord) {
		assert.Equal(t, "/otlp/v1/logs", run.sink.path)
		for _, record := range records {
			assert.Equal(t, record.ObservedTimestamp(), record.Timestamp())
			assert.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$`, text(record, "email.delivery_timestamp"))
		}
	}),
	"elasticsearch": overHTTP(func(t *testing.T, run *exampleRun, _ []plog.LogRecord) {
		assert.Equal(t, "ApiKey "+clientSecret, run.sink.authorization)
	}),
	"file": {
		override: reach("o365messagetrace", secretFile),
		arrived:  arrivedInFile,
	},
	"privacy": {
		override: toSink("").override,
		check:    checkPrivacy,
	},
	"cribl-compatible": {override: reach("o365messagetrace", secretFile) + plainGRPC + noHealth},
	"cribl-converted": {
		override: strings.Replace(reach("o365messagetrace/contoso", secretFile), graphPath, reportingPath, 1) + plainGRPC +
			"extensions: {health_check: {http: {endpoint: '127.0.0.1:0'}}, o365jobinspector: {endpoint: '127.0.0.1:0'}}\n",
	},
}

// notHere are the examples that this test does not run, and why. scripts/check-examples.sh validates all.
var notHere = map[string]string{
	"clickhouse": "nothing stands in for ClickHouse",
	"demo":       "scripts/check-demo-page.sh runs it",
}

// TestExamples runs the examples with the exporters that they have.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/*.yaml")
	require.NoError(t, err)
	require.Len(t, files, len(examples)+len(notHere))
	folder := t.TempDir()
	writeCredentials(t, folder)
	common := []string{"--client-cert", filepath.Join(folder, "certificate.pem"), "--late", "none", "--status-changes", "0", "--quota", "0"}
	shared := startTenant(t, append(common, "--rows-per-day", "200000", "--history", "70m")...)
	keys := map[string]bool{}
	for _, row := range shared.rows(time.Now().Add(-time.Hour), time.Now()) {
		keys[row.key()] = true
	}
	for name, tt := range examples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := &exampleRun{tenant: shared, sink: startSink(t), folder: folder, storage: t.TempDir()}
			if tt.otherTenant != nil {
				run.tenant = startTenant(t, append(common, tt.otherTenant...)...)
			}
			run.start(t, name, tt.override)
			if tt.arrived == nil {
				tt.arrived = arrivedAtSink
			}
			var records []plog.LogRecord
			require.Eventually(t, func() bool {
				records = tt.arrived(t, run)
				return len(records) >= 100
			}, time.Minute, 100*time.Millisecond)
			if tt.check != nil {
				tt.check(t, run, records)
			} else {
				assertKnown(t, keys, records)
			}
			assert.NotContains(t, run.collector.printed(), "\terror\t")
		})
	}
}

// start runs an example as its first lines tell, with what it reads from the environment.
func (run *exampleRun) start(t *testing.T, name, override string) {
	override = strings.NewReplacer("URL", run.tenant.url, "CA_FILE", run.tenant.caFile, "FOLDER", run.folder).Replace(override)
	file := filepath.Join(run.storage, "override.yaml")
	require.NoError(t, os.WriteFile(file, []byte(override+"service: {telemetry: {metrics: {level: none}}}\n"), 0o600))
	endpoint := run.sink.URL
	if strings.Contains(override, "otlp_grpc") {
		endpoint = run.sink.serveGRPC(t)
	}
	cmd := exec.Command(os.Getenv("O365MT_COLLECTOR"), componentStatus, "--config", "../../examples/"+name+".yaml", "--config", file)
	cmd.Env = append(os.Environ(),
		"O365MT_TENANT_ID="+tenantID, "O365MT_CLIENT_ID="+clientID, "O365MT_CLIENT_SECRET="+clientSecret,
		"CONTOSO_TENANT_ID="+tenantID, "CONTOSO_CLIENT_ID="+clientID,
		"FABRIKAM_TENANT_ID=tenant1.contoso.com", "FABRIKAM_CLIENT_ID="+clientID,
		"O365MT_ORGANIZATION=contoso.com", "GIT_BRANCH=production", "HASH_SECRET=pepper",
		"O365MT_STORAGE="+run.storage, "O365MT_FILE="+filepath.Join(run.storage, "mail.json"),
		"OTLP_ENDPOINT="+endpoint, "LOKI_URL="+endpoint, "ELASTIC_API_KEY="+clientSecret,
	)
	if name == "kafka" {
		run.broker = startBroker(t)
		require.Eventually(t, func() bool { return strings.Contains(run.broker.printed(), "\n") }, 10*time.Second, 20*time.Millisecond)
		address, _, _ := strings.Cut(strings.TrimPrefix(run.broker.printed(), "listening on "), "\n")
		cmd.Env = append(cmd.Env, "KAFKA_BROKERS="+address)
	}
	run.collector = startCommand(t, cmd)
}

// startBroker runs tools/kafka.
func startBroker(t *testing.T) *program {
	binary := filepath.Join(t.TempDir(), "kafka")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = "../../tools/kafka"
	output, err := build.CombinedOutput()
	require.NoError(t, err, string(output))
	return startCommand(t, exec.Command(binary, "o365-message-trace"))
}

// writeCredentials writes the files that examples have below /etc/otelcol.
func writeCredentials(t *testing.T, folder string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	plain, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	encrypted, err := pkcs8.MarshalPrivateKey(key, []byte(passphrase), nil)
	require.NoError(t, err)
	inPEM := func(kind string, content []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
	}
	for name, content := range map[string]string{
		"secret":            clientSecret,
		"token":             clientSecret,
		"passphrase":        passphrase,
		"certificate.pem":   inPEM("CERTIFICATE", certificate),
		"key.pem":           inPEM("PRIVATE KEY", plain),
		"encrypted-key.pem": inPEM("ENCRYPTED PRIVATE KEY", encrypted),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
	}
}

func arrivedAtSink(_ *testing.T, run *exampleRun) []plog.LogRecord {
	return run.sink.all()
}

// arrivedInFile reads what the file exporter has written.
func arrivedInFile(t *testing.T, run *exampleRun) []plog.LogRecord {
	content, err := os.ReadFile(filepath.Join(run.storage, "mail.json"))
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	return recordsInLines(t, string(content))
}

// arrivedAtBroker reads the messages, each of which has to be one that Kafka takes.
func arrivedAtBroker(t *testing.T, run *exampleRun) []plog.LogRecord {
	_, messages, _ := strings.Cut(run.broker.printed(), "\n")
	for message := range strings.Lines(messages) {
		assert.Less(t, len(message), 1_000_000)
	}
	return recordsInLines(t, messages)
}

// recordsInLines reads OTLP in JSON, without a line that is still being written.
func recordsInLines(t *testing.T, text string) (all []plog.LogRecord) {
	var unmarshaler plog.JSONUnmarshaler
	for line := range strings.Lines(text[:strings.LastIndex(text, "\n")+1]) {
		logs, err := unmarshaler.UnmarshalLogs([]byte(line))
		require.NoError(t, err)
		all = append(all, recordsOf(logs)...)
	}
	return all
}

var printedKey = regexp.MustCompile(`(?m)^     -> email\.local_id: Str\((.*)\)\n(?:     -> .*\n)*?     -> email\.to\.address: Str\((.*)\)$`)

// arrivedOnScreen reads what the debug exporter prints, as far as it tells rows apart.
func arrivedOnScreen(_ *testing.T, run *exampleRun) (all []plog.LogRecord) {
	for _, printed := range printedKey.FindAllStringSubmatch(run.collector.printed(), -1) {
		record := plog.NewLogRecord()
		record.Attributes().PutStr("email.local_id", printed[1])
		record.Attributes().PutStr("email.to.address", printed[2])
		all = append(all, record)
	}
	return all
}

// assertKnown finds the rows of most records among those that the tenant had: some are newer.
func assertKnown(t *testing.T, keys map[string]bool, records []plog.LogRecord) {
	t.Helper()
	known := 0
	for _, record := range records {
		if keys[text(record, "email.local_id")+"|"+text(record, "email.to.address")] {
			known++
		}
	}
	assert.Greater(t, known, len(records)/2)
}

func sentBy(records []plog.LogRecord, domain string) bool {
	return slices.ContainsFunc(records, func(record plog.LogRecord) bool {
		return strings.HasSuffix(text(record, "email.from.address"), domain)
	})
}

var (
	hashed     = regexp.MustCompile(`^[0-9a-f]{64}@[^@]+$`)
	hashedFrom = regexp.MustCompile(`^(<>|[0-9a-f]{64}@[^@]+)$`)
)

func checkPrivacy(t *testing.T, _ *exampleRun, records []plog.LogRecord) {
	for _, record := range records {
		assert.Regexp(t, hashed, text(record, "email.to.address"))
		assert.Regexp(t, hashedFrom, text(record, "email.from.address"))
		assert.Empty(t, record.Body().AsString())
		for _, name := range []string{"email.subject", "email.message_id"} {
			assert.Empty(t, text(record, name), name)
		}
	}
}
