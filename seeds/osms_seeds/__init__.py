"""Reference data of the system, and synthetic people with the files that would bring them."""
