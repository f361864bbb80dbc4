self.postMessage("ready")
