"""The interactive screens: a terminal application around rows. Only what draws on a terminal imports this."""
