"""The command line: one file a group of commands, each a thin call of a service."""
