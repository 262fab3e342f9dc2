"""The rows of the table, a file for each layer. rules.py puts them in their order."""
