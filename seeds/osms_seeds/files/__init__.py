"""The files that bring the made-up people: registers, reversals, category feeds."""
