"""What people do with alerts on the command line: follow, list, show."""
