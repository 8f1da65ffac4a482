"""What a failure would get from the hosts of a configuration, found out before one happens, with the lines to type."""
