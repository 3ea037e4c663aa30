"""What finished reports and grids say together."""
