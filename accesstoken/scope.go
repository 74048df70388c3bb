package accesstoken

// AdminScope is the one scope with a meaning that no operator gave it: its bearer
// may do over HTTP what the command line can do on the database. It is granted to
// whoever asks for it by name and may have it, never without being asked for.
const AdminScope = "usher:admin"
