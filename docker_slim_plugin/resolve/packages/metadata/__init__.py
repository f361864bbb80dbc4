"""Metadata of packages, cut to what is in the image: no package more, none less, and of each one the files that are in.

A package of a distribution is in when a kept file of it is no directory, documentation or metadata; one of a language,
when any kept file of it is not its metadata. All of this reads what strangers wrote: each reader takes time linear in
the size of its text, has a bound, and leaves what it cannot make sense of as it is.
"""
