"""The parts of a collector as processes of their own, on one journal on NATS: any number of each."""
