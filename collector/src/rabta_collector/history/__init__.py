"""The past before our own measurements: what others measured, judged by our rules, hour by hour."""
