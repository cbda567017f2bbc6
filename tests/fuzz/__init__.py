"""Fuzzing of everything that reads what others wrote: files, tokens, and the wire."""
