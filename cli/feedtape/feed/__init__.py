"""The network side: connections, pacing, REST, and the supervision that keeps a feed alive. Everything becomes records."""
