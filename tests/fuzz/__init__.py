"""Bytes of strangers against everything that reads them, at length: `make faults`, RABTA_FUZZ=seconds."""
