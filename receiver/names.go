// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import "github.com/o365messagetrace/o365messagetrace/internal/confcheck"

// What to do about settings of Cribl that have no counterpart.
const (
	ofPipeline = "it belongs in service.pipelines"
	ofStorage  = "leave it out; what was not read stays open in storage"
)

// criblNames are the settings of Cribl's Office 365 Message Trace source, as docs/migrate-from-cribl.md lists them.
var criblNames = confcheck.Names{
	"id":                                     "it is the ID of the receiver: o365messagetrace/contoso",
	"type":                                   "it is the ID of the receiver: o365messagetrace/contoso",
	"disabled":                               "take the receiver out of service.pipelines instead",
	"description":                            "write a comment instead",
	"url":                                    "endpoint",
	"interval":                               "poll_interval",
	"startDate":                              "date_range.start",
	"endDate":                                "date_range.end",
	"planType":                               "subscription_plan",
	"streamtags":                             "tags",
	"logLevel":                               "log_level",
	"authType":                               "authentication",
	"username":                               "authentication.basic.username",
	"password":                               "authentication.basic.password",
	"secret":                                 "authentication.basic.password_file",
	"credentialsSecret":                      "authentication.basic.password_file",
	"oauth":                                  "authentication.oauth",
	"oauthSecret":                            "authentication.oauth.client_secret_file",
	"textSecret":                             "authentication.oauth.client_secret_file",
	"clientSecret":                           "authentication.oauth.client_secret",
	"oauthCert":                              "authentication.certificate",
	"certOptions":                            "authentication.certificate",
	"tenantId":                               "tenant_id",
	"clientId":                               "authentication.oauth.client_id",
	"resource":                               "authentication.oauth.resource",
	"authentication.oauth.clientId":          "authentication.oauth.client_id",
	"authentication.oauth.clientSecret":      "authentication.oauth.client_secret",
	"authentication.oauth.textSecret":        "authentication.oauth.client_secret_file",
	"authentication.certificate.clientId":    "authentication.certificate.client_id",
	"authentication.certificate.certPath":    "authentication.certificate.cert_file",
	"authentication.certificate.privKeyPath": "authentication.certificate.key_file",
	"authentication.certificate.certificateName": "give cert_file and key_file; a collector has no store of certificates",
	"authentication.basic.credentialsSecret":     "authentication.basic.password_file",
	"retryRules":                                 "retry",
	"retry.interval":                             "retry.initial_interval",
	"retry.limit":                                "retry.max_retries",
	"retry.codes":                                "retry.http_codes",
	"retry.enableHeader":                         "retry.honor_retry_after",
	"retry.retryConnectTimeout":                  "retry.connection_timeout",
	"retry.retryConnectReset":                    "retry.connection_reset",
	"jobTimeout":                                 "job_timeout",
	"disableTimeFilter":                          "disable_time_filter",
	"ttl":                                        "job_ttl",
	"keepAliveTime":                              ofStorage,
	"maxMissedKeepAlives":                        ofStorage,
	"rescheduleDroppedTasks":                     "leave it out; what fails is always read again",
	"maxTaskReschedule":                          "leave it out; what fails is always read again",
	"ignoreGroupJobsLimit":                       "leave it out; max_concurrent_jobs bounds what runs at once",
	"metadata":                                   "fields",
	"pipeline":                                   ofPipeline + ", as processors",
	"sendToRoutes":                               ofPipeline + ", as exporters",
	"connections":                                ofPipeline + ", as exporters",
	"pqEnabled":                                  "set sending_queue.storage of the exporters instead",
	"pq":                                         "set sending_queue.storage of the exporters instead",
}
