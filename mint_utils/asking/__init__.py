"""Photographs of unknown membership, put before a finished run: what they are, and what it says."""
