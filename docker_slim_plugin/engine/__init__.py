"""The Docker Engine: all requests to it. No other package imports its SDK.

Nothing is imported here: the SDK is large, and most files of this package do without it.
"""
