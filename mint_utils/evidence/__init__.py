"""What scores are worth: metrics, intervals over persons, p-values, and the verdict."""
