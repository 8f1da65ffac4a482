"""Coverage-guided fuzzing of what parses foreign bytes; needs `atheris`, which ``./dev`` does not install."""
