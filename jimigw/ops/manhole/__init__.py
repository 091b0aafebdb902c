"""The shell for operators, by telnet and SSH: who may come in, the session, and the words it has for them."""
