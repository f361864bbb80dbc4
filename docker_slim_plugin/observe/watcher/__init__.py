"""The watcher: records which files are opened in the container, by any process, with fanotify(7) or inotify(7)."""
