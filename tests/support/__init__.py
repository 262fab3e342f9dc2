"""What tests share: servers that misbehave on purpose, fakes, and arbitrary values."""
