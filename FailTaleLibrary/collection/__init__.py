"""Plan -> Evidence: which hosts to read, the hosts' visits, and what they answered, made safe on the way in."""
