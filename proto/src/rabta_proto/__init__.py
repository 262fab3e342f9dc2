"""Schema and vocabulary of Rabta: what agents and collectors say to one another, and in which words."""
