"""Rates beside what bounds them, measured in one run: ``make bench``."""
