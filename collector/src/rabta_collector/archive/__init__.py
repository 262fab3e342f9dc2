"""The archive: closed days as Parquet and JSON lines, chained and signed, which standard tools can check."""
