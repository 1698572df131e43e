"""Where a cell's environment comes from."""
