"""Activations of an audited model: recorded by hooks, stored by content, read by tap."""
