package main

import (
	"net/http"
	"runtime"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// login compares passwords.
type login struct {
	hash  []byte
	turns chan struct{} // as many as cores: more at once only slow one another down
}

func newLogin(password string, cost int) (login, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	return login{hash, make(chan struct{}, runtime.GOMAXPROCS(0))}, err
}

func (b *bare) compare(w http.ResponseWriter, r *http.Request) {
	if !readForm(w, r) {
		return
	}
	b.login.turns <- struct{}{}
	err := bcrypt.CompareHashAndPassword(b.login.hash, []byte(r.PostForm.Get("password")))
	<-b.login.turns
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answerToken(w, strings.Repeat("x", b.tokenBytes+87), strings.Repeat("x", 72))
}
