"""Clinical knowledge: what a finding is, what it is called, what it looks like, what it must not be mixed up with."""
