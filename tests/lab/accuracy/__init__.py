"""`make accuracy`: every scenario played through the labs with the real collector and real agents, and the score.

worlds.py     which scenarios share a collector, and the files that it gets (pure)
looks.py      who has measured what, and when that suffices (pure)
score.py      seen against expected: confusion, precision, recall, bars (pure)
journal.py    reads a collector's journal while it is written
world.py      one collector with its agents as processes, from nothing to verdicts
batch.py      throttling's scenarios, read and judged; reader.py reads in one place
play.py       labs, repeats, progress
report.py     tables for the terminal, build/accuracy.json
"""
