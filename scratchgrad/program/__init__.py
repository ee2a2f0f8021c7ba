"""Programs: the tape, planned for one batch size, as a flat list of calls on memory that is there already."""
