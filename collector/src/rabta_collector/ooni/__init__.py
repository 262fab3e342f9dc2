"""OONI's web_connectivity measurements, read and judged by the same rules as Rabta's own."""
