"""What a run found: the run folder, pandas tables, terminal tables, findings, pages."""
