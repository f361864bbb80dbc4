"""The catalogue of services that we know: data in TOML files, and its reader."""
