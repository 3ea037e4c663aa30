"""Figures: one function is one figure, ``(table, ..., ax=None) -> Axes``. None saves or shows."""
