"""Plan -> Evidence: whom to ask, the hosts' turns, and what they answered, made safe on the way in."""
