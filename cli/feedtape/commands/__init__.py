"""The subcommands, one thin module each. What they need beyond typer is imported when they run, so that help is instant."""
