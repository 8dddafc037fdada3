"""From directories to the index: pull, plan, write. The only writers of the index."""
