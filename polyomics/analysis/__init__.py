"""Arrays in, numbers out: no files, no molecules' names, no engine."""
