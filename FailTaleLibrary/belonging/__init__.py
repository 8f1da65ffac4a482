"""What a test used, its correlation id, and which tests ran meanwhile: what tells whose line a line is.

Runs in which all tests pass import it, too; it imports nothing that is heavy.
"""
