"""The content of the page about a slim image: trees with their layout, tables, processes, a timeline. No HTML here."""
