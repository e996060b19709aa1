// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Kafka stands in for a broker of Kafka: it prints its address, and then the messages of the topic given, a line each. It is a
// module of its own, since the receiver must not decide which Kafka client its users get.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := serve(ctx, os.Args[1])
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func serve(ctx context.Context, topic string) error {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic))
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	defer cluster.Close()
	fmt.Println("listening on", cluster.ListenAddrs()[0])
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(topic))
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	defer client.Close()
	for {
		fetched := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := fetched.Err(); err != nil {
			return fmt.Errorf("topic: %w", err)
		}
		fetched.EachRecord(func(record *kgo.Record) { fmt.Println(string(record.Value)) })
	}
}
