// Command bare is the server that usher is compared with: plain net/http doing only
// what no server could leave out of an answer. It is no authorization server, for it
// checks nothing: not the client, not the form, not the token.
//
//	POST /token/es256        read the form, make one ES256 signature, write JSON
//	POST /token/rs256        the same with RS256 and a key of 2048 bits
//	POST /token/login        read the form, compare one bcrypt hash, write JSON
//	POST /token/refresh      read the form, commit an UPDATE of one row, write JSON
//	POST /introspect         read the form, write 300 bytes of JSON
//	POST /introspect/verify  the same, and verify one ES256 signature
//	GET  /users/me           read a header, write 200 bytes of JSON
//	GET  /users/me/verify    the same, and verify one ES256 signature
//	GET  /file/NAME          write the bytes of a file of -files
//
// It prints its address once it listens, and stops when its standard input ends.
package main
