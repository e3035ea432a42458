"""What a person looks at: ladders, status lines, summaries. Everything shown comes from a session; nothing here changes one."""
