"""What users own and nothing can rebuild. Acknowledged means durable; the program never deletes it."""
