"""The record: what was decided, when, and on what; and how much was measured. Kept for ever, and rebuilt with care."""
