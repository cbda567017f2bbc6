"""The access log: who looked at whom, written down before an answer leaves, and proven whole."""
