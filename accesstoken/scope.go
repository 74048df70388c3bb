package accesstoken

// AdminScope is the one scope with a meaning that no operator gave it: its bearer
// may do over HTTP what the command line can do on the database.
const AdminScope = "usher:admin"
