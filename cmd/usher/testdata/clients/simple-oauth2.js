import { ClientCredentials, ResourceOwnerPassword } from 'simple-oauth2'

const { url, username, password, machine, secret } = JSON.parse(process.argv[2])

const auth = { tokenHost: url, tokenPath: '/token', revokePath: '/revoke' }
const web = new ResourceOwnerPassword({ client: { id: 'web', secret: '' }, auth })

const login = await web.getToken({ username, password, scope: 'profile' })
const fresh = await login.refresh()

const get = (token) => fetch(url + '/users/me', { headers: { Authorization: `Bearer ${token}` } })
const me = await (await get(fresh.token.access_token)).json()

// The body of a revocation is empty (RFC 7009 §2.2 lets clients ignore it); by
// default the library takes nothing but JSON.
await fresh.revoke('refresh_token', { json: true })
const refused = await get(fresh.token.access_token)

const wrong = await web.getToken({ username, password: 'a guess' }).catch((error) => error.data.payload)

// The library can send a secret in two places and in two encodings.
const granted = []
for (const authorizationMethod of ['header', 'body']) {
  for (const credentialsEncodingMode of ['strict', 'loose']) {
    const batch = new ClientCredentials({
      client: { id: machine, secret }, auth, options: { authorizationMethod, credentialsEncodingMode },
    })
    granted.push((await batch.getToken({ scope: ['jobs'] })).token.scope)
  }
}

console.log(JSON.stringify({
  scope: login.token.scope,
  seconds: login.token.expires_in,
  refreshed: fresh.token.access_token !== login.token.access_token && fresh.token.refresh_token !== login.token.refresh_token,
  username: me.username,
  revoked: fresh.token.access_token,
  refused: refused.status,
  error: wrong.error,
  error_description: wrong.error_description,
  machine: [...new Set(granted)].join(),
}))
