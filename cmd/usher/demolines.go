package main

import "strings"

// demoScript is what the demo prints: a bash script in which all that is not to
// be run is a comment, so that it can be pasted line by line or as a whole.
const demoScript = `# usher demo at {url}, stop it with Ctrl-C
# database {where}
# The same in a browser: {url}/docs
# Paste these lines into another terminal, from the top:

# Log in as johndoe with the password secret.
curl -sS -d 'grant_type=password&username=johndoe&password=secret' {url}/token; echo

# The same, kept for the lines that follow.
login=$(curl -sS -d 'grant_type=password&username=johndoe&password=secret' {url}/token)
access=$(echo "$login" | sed 's/.*"access_token": *"\([^"]*\)".*/\1/')
refresh=$(echo "$login" | sed 's/.*"refresh_token": *"\([^"]*\)".*/\1/')

# Who is that?
curl -sS -H "Authorization: Bearer $access" {url}/users/me; echo

# What only somebody who logged in may see.
curl -sS -H "Authorization: Bearer $access" {url}/protected; echo

# New tokens, without the password.
login=$(curl -sS -d "grant_type=refresh_token&client_id=demo&refresh_token=$refresh" {url}/token); echo "$login"
access=$(echo "$login" | sed 's/.*"access_token": *"\([^"]*\)".*/\1/')
refresh=$(echo "$login" | sed 's/.*"refresh_token": *"\([^"]*\)".*/\1/')

# An API asks what a token is worth, and gets one for itself.
curl -sS -u demo-api:{secret} -d "token=$access" {url}/introspect; echo
curl -sS -u demo-api:{secret} -d grant_type=client_credentials {url}/token; echo

# Log out: the refresh token and every access token of this login end.
curl -sS -d "client_id=demo&token=$refresh" {url}/revoke
curl -sS -H "Authorization: Bearer $access" {url}/users/me; echo
`

// demoLines fills in demoScript.
func demoLines(url, where, secret string) string {
	return strings.NewReplacer("{url}", url, "{where}", where, "{secret}", secret).Replace(demoScript)
}
