import createClient from 'openapi-fetch'
import type { components, paths } from './usher.js' // made by openapi-typescript

declare const process: { argv: string[] }
const { url, username, password, machine, secret } = JSON.parse(process.argv[2]!) as Record<string, string>

const usher = createClient<paths>({ baseUrl: url! })
const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
const token = async (body: components['schemas']['TokenRequest']) => await usher.POST('/token', { body, headers: form })

const login = (await token({ grant_type: 'password', client_id: 'web', username, password, scope: 'profile' })).data!
const fresh = (await token({ grant_type: 'refresh_token', client_id: 'web', refresh_token: login.refresh_token })).data!

const get = async () => await usher.GET('/users/me', { headers: { Authorization: `Bearer ${fresh.access_token}` } })
const me = (await get()).data!
await usher.POST('/revoke', { body: { client_id: 'web', token: fresh.refresh_token! }, headers: form })
const refused = await get()

const wrong = (await token({ grant_type: 'password', client_id: 'web', username, password: 'a guess' })).error!
const own = (await token({ grant_type: 'client_credentials', client_id: machine, client_secret: secret, scope: 'jobs' })).data!

console.log(JSON.stringify({
  scope: login.scope,
  seconds: login.expires_in,
  refreshed: fresh.access_token !== login.access_token && fresh.refresh_token !== login.refresh_token,
  username: me.username,
  revoked: fresh.access_token,
  refused: refused.response.status,
  error: wrong.error,
  error_description: wrong.error_description,
  machine: own.scope,
}))
