"""YAML to cells: reading with source positions, validation, expansion, wheel facts."""
