"""The command line: one file per sub-command, imported only when it is called."""
