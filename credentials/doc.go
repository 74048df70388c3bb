// Package credentials holds the rules for what people and machines prove
// themselves with: user names, passwords, client identifiers and secrets.
//
// It owns how a name is brought to its one form, what a password or secret
// must look like, how each is hashed, how a refresh token begins, and how a guess
// is checked so that neither its time nor its cost tells why it failed. All bcrypt happens in a
// [Pool], because bcrypt is the only thing here that can starve a machine.
//
// It refuses to know where hashes are kept, who is asking, and over which
// protocol.
package credentials
