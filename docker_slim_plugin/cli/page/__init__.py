"""The page about a slim image as HTML: a template, a style sheet and a script, which become one file."""
