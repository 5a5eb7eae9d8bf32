"""Health for operators: what waits, what rests, what failed, who works. Green is quiet."""
