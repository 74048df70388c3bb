// Package keys creates, schedules, publishes and uses the keys that sign
// tokens, and guards secrets at rest under a master key.
//
// It owns which key signs when, what a key set says about it, and what counts
// as a genuine signature. It refuses to know where keys are stored, what the
// signed claims mean, and HTTP.
//
// # Life of a key
//
// A key is announced, then signs, then retires, then is gone:
//
//	announced  published, so that verifiers learn of it; does not sign yet
//	signing    the one key that signs
//	retiring   published until the last token it signed has expired
//	gone       neither published nor accepted
//
// The state follows from the clock and two times stored with the key, so all
// nodes that share the stored keys move together, without talking. [Lead] and
// [Ring.Rotate] choose the times so that no verifier which caches the key set
// for as long as it was told to meets a key it does not know.
//
// # Strictness
//
// [Set.Verify] accepts the compact JWS that [Ring.Sign] writes and little else.
// The algorithm is chosen by the key, never by the token, and members of the
// header that name or carry another key are not ignored but refused
// (RFC 8725, sections 3.1 and 3.10).
package keys
