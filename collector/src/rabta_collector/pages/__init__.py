"""The pages for people: what each shows (pure), in which language, and how it is sent."""
