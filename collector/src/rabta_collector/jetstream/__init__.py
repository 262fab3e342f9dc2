"""The journal on NATS JetStream (https://docs.nats.io/nats-concepts/jetstream): the extra `[nats]`."""
