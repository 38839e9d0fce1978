"""The recipes that ship with the toolkit, one folder each, and the starter seeds. Data only: nothing here runs."""
