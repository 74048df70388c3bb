import * as client from 'openid-client'

const { url, username, password, machine, secret } = JSON.parse(process.argv[2])

// usher speaks OAuth 2.0 and not OpenID Connect, hence the algorithm. The
// server of this test has no certificate.
const options = { algorithm: 'oauth2', execute: [client.allowInsecureRequests] }
const web = await client.discovery(new URL(url), 'web', {}, client.None(), options)

const login = await client.genericGrantRequest(web, 'password', { username, password, scope: 'profile' })
const fresh = await client.refreshTokenGrant(web, login.refresh_token)

const get = (token) => client.fetchProtectedResource(web, token, new URL(url + '/users/me'), 'GET')
const me = await (await get(fresh.access_token)).json()

await client.tokenRevocation(web, fresh.refresh_token)
const refused = await get(fresh.access_token).catch((error) => error)

const wrong = await client.genericGrantRequest(web, 'password', { username, password: 'a guess' }).catch((error) => error)

const batch = await client.discovery(new URL(url), machine, secret, undefined, options)
const own = await client.clientCredentialsGrant(batch, { scope: 'jobs' })
const seen = await client.tokenIntrospection(batch, own.access_token)

console.log(JSON.stringify({
  scope: login.scope,
  seconds: login.expires_in,
  refreshed: fresh.access_token !== login.access_token && fresh.refresh_token !== login.refresh_token,
  username: me.username,
  revoked: fresh.access_token,
  refused: refused.status,
  error: wrong.error,
  error_description: wrong.error_description,
  machine: seen.active && seen.scope,
}))
