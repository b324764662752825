"""Groups of commands of the command line; streams/cli.py puts them together."""
