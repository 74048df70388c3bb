// Package adminapi is package admin over HTTP: what an operator does on the command
// line, as requests and answers in JSON.
//
// It owns the routes beneath /admin/, the JSON of users, clients, keys and sessions,
// and the status that each refusal of package admin is answered with. The words of a
// refusal are those of package admin.
//
// It refuses to know who may ask, which the handlers find out before, and how a
// request gets here.
package adminapi
