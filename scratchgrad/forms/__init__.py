"""Element form to vector form to batched form."""
