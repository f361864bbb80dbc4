"""The watcher: what is opened in the container, by fanotify(7) or inotify(7), whoever does it."""
